"""
One line of a history: what it must hold, what is wrong with it in words, and the answer that is written for it.

A line is a JSON object in UTF-8: ``id`` (a string or an integer), ``text`` (a string) and, if known, ``post`` and
``platform`` (strings or null). Nothing reads ``platform``: it is only checked. What is wrong is told by fields and
kinds, never by what stands in a field, which may be a comment.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import NoneType
from typing import Any

from services.classify.detectors import Sample
from services.classify.judge import Verdict
from shared.categories import CATEGORIES
from shared.decision import decide
from shared.policy import Policy

REQUIRED: Mapping[str, tuple[str, tuple[type, ...]]] = {
    "id": ("a string or an integer", (str, int)),
    "text": ("a string", (str,)),
}
OPTIONAL: Mapping[str, tuple[str, tuple[type, ...]]] = {
    "post": ("a string", (str, NoneType)),
    "platform": ("a string", (str, NoneType)),
}
"""For each field: what it must be in words, and the types that a JSON reader gives it."""

KINDS: Mapping[type, str] = {
    str: "a string",
    bool: "true or false",
    int: "a number",
    float: "a decimal number",
    list: "an array",
    dict: "an object",
    NoneType: "null",
}
PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,39}")
"""Names of fields that are told; any other might be a piece of a comment."""

MOST_NAMES = 8


@dataclass(frozen=True)
class Line:
    """
    What was read of a line, whose ``number`` counts from 1.

    ``sample`` is None where there is an ``error``. ``id`` is None where the line has none that can be used. ``unknown``
    are names of fields that are not read, `MOST_NAMES` at most.
    """

    number: int
    id: str | int | None = None
    sample: Sample | None = None
    error: str = ""
    unknown: tuple[str, ...] = ()


def read(number: int, content: bytes) -> Line:
    """Read a line without its byte order mark. Raises nothing: a line that cannot be scored has an ``error``."""
    try:
        given = json.loads(content.decode())
    except UnicodeDecodeError:
        return Line(number, error="the line is not UTF-8")
    except (ValueError, RecursionError):
        return Line(number, error="the line is not JSON")
    if not isinstance(given, dict):
        return Line(number, error=f"the line must be an object with id and text, not {_kind(given)}")
    unknown = tuple(name for name in given if name not in {**REQUIRED, **OPTIONAL} and PLAIN_NAME.fullmatch(name))
    unknown = unknown[:MOST_NAMES]
    name = given.get("id") if type(given.get("id")) in (str, int) else None
    faults = list(_faults(given))
    if unknown and not given.keys() >= REQUIRED.keys():
        faults.append(f"fields that are not known: {', '.join(unknown)}")
    if faults:
        return Line(number, name, error="; ".join(faults), unknown=unknown)
    return Line(number, name, Sample(given["text"], given.get("post") or None), unknown=unknown)


def answer(line: Line, verdict: Verdict, policy: Policy) -> dict[str, Any]:
    """The answer for a line that was judged; a refusal where the model gave something that is no number."""
    if not all(map(math.isfinite, verdict.scores)):
        return refusal(Line(line.number, line.id, error="the model gave a score that is no number"))
    return {
        "id": line.id,
        "scores": {category.value: round(score, 6) for category, score in zip(CATEGORIES, verdict.scores, strict=True)},
        "findings": [finding.model_dump(mode="json") for finding in verdict.findings],
        "decision": decide(verdict.findings, policy).action.value,
    }


def refusal(line: Line) -> dict[str, Any]:
    """The answer for a line that cannot be scored: its number, what is wrong, and its id where it has one."""
    known = {} if line.id is None else {"id": line.id}
    return {**known, "line": line.number, "error": line.error}


def _faults(given: Mapping[str, Any]) -> Iterator[str]:
    for field, (words, types) in {**REQUIRED, **OPTIONAL}.items():
        if field not in given:
            if field in REQUIRED:
                yield f"{field} must be {words} and is missing"
        elif type(given[field]) not in types:
            yield f"{field} must be {words}, not {_kind(given[field])}"


def _kind(value: object) -> str:
    return "NaN" if isinstance(value, float) and math.isnan(value) else KINDS[type(value)]
