"""
Reading what a platform sent: strict about types, exact about content, and never an exception that ends a delivery.

* A body is read as UTF-8 JSON. What JSON forbids or a message cannot carry exactly (NaN, a key that stands twice, a
  number of hundreds of digits) becomes `Odd` in its place, so that one strange object spoils only itself.
* `Unreadable` names the field and the fault, never the value: its text may be logged.
* Every string that goes into an event has passed `storable`; identifiers have passed a pattern besides.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from shared.platforms import storable

LONGEST_NUMBER = 40
"""Digits. Ids of 64 bits have 20; Python itself refuses to read more than 4,300."""

ID = re.compile(r"[A-Za-z0-9_-]{1,200}")


class Unreadable(ValueError):
    """What came does not have the documented form. The message names the field, never its value."""


@dataclass(frozen=True)
class Odd:
    """Stands where the body holds something that no JSON value in our hands can say exactly."""

    why: str


@dataclass(frozen=True)
class Parsed:
    """A body as JSON. ``odd`` tells whether any `Odd` stands in it: only then is looking for one worth the time."""

    value: Any
    odd: bool


def parse(body: bytes) -> Parsed:
    """Read ``body``. Raises `Unreadable` when it is not JSON in UTF-8, or nested too deep to be read at all."""
    seen: list[Odd] = []

    def odd(why: str) -> Odd:
        seen.append(Odd(why))
        return seen[-1]

    def integer(digits: str) -> Any:
        return int(digits) if len(digits) <= LONGEST_NUMBER else odd("a number is too long")

    def real(digits: str) -> Any:
        number = float(digits)
        return number if abs(number) != float("inf") else odd("a number is too large")

    def members(pairs: list[tuple[str, Any]]) -> Any:
        result = dict(pairs)
        return result if len(result) == len(pairs) else odd("a key stands twice")

    try:
        value = json.loads(
            body.decode("utf-8"),
            parse_int=integer,
            parse_float=real,
            parse_constant=lambda name: odd(f"{name} is no JSON number"),
            object_pairs_hook=members,
        )
    except UnicodeDecodeError:
        raise Unreadable("the body is not UTF-8") from None
    except RecursionError:
        raise Unreadable("the body is nested too deep") from None
    except ValueError:
        raise Unreadable("the body is not JSON") from None
    return Parsed(value, bool(seen))


def oddity(value: object) -> str | None:
    """Why ``value`` cannot be carried exactly, or None. Walks without recursion: depth costs nothing."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, Odd):
            return item.why
        if isinstance(item, Mapping):
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
    return None


def member(owner: Mapping[str, Any], key: str) -> dict[str, Any]:
    """The object under ``key``; empty when absent or null. Raises `Unreadable` for any other type."""
    value = owner.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Unreadable(f"{key} is not an object")
    return value


def text(owner: Mapping[str, Any], key: str) -> str | None:
    """The string under ``key``, storable; None when absent or null. Raises `Unreadable` for any other type."""
    value = owner.get(key)
    if value is None:
        return None
    if not isinstance(value, str):
        raise Unreadable(f"{key} is not a string")
    return storable(value)


def address(owner: Mapping[str, Any], key: str) -> str | None:
    """The web address under ``key``; None for anything that a person should not be led to (``javascript:``)."""
    value = text(owner, key)
    return value if value and value.startswith(("https://", "http://")) else None


def identifier(owner: Mapping[str, Any], key: str) -> str | None:
    """
    The id under ``key`` as a string; None when absent or null. Whole numbers are taken as well.

    Raises `Unreadable` for other types, and for characters that no id has: an id becomes a key and a path.
    """
    value = owner.get(key)
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise Unreadable(f"{key} is not a string")
    if not ID.fullmatch(value):
        raise Unreadable(f"{key} is not an id")
    return value


def required(value: str | None, key: str) -> str:
    """``value``, or `Unreadable` when it is missing or empty."""
    if not value:
        raise Unreadable(f"{key} is missing")
    return value


def moment(owner: Mapping[str, Any], key: str) -> datetime | None:
    """
    The moment under ``key``, aware UTC: Unix seconds, or RFC 3339 with an offset; None when absent or null.

    Raises `Unreadable` for anything else, and for a moment outside the years 1970 to 9998.
    """
    value = owner.get(key)
    if value is None:
        return None
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            found = datetime.fromtimestamp(value, UTC)
        elif isinstance(value, str):
            found = datetime.fromisoformat(value)
        else:
            raise Unreadable(f"{key} is not a time")
        if found.tzinfo is None or not 1970 <= found.year <= 9998:
            raise Unreadable(f"{key} is not a time")
        return found.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        raise Unreadable(f"{key} is not a time") from None


def fingerprint(value: object) -> str:
    """16 hex digits that are the same for the same object, whatever the order of its keys."""
    canonical = json.dumps(value, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]
