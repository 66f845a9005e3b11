"""
How much of a page's call budget is used, as Facebook's headers tell: slow down above 80 percent, stop at 100.

Going on at 100 makes the wait longer. The pause is kept for each page: one limited page
does not hold up others.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

SLOW_ABOVE, STOP_AT = 80.0, 100.0
SLOW_SECONDS = 10.0
"""The longest pause between two calls while slowing down."""
STOP_SECONDS = 300.0
"""The pause at 100 percent when no time is named."""


class Budget:
    """Until when each page must not be called."""

    def __init__(self) -> None:
        self._until: dict[str, datetime] = {}

    def wait_seconds(self, account: str, now: datetime) -> float:
        """How long the page must not be called from ``now`` on; 0 when it may be."""
        until = self._until.get(account)
        return max(0.0, (until - now).total_seconds()) if until else 0.0

    def note(self, account: str, headers: Mapping[str, str], now: datetime) -> float | None:
        """Take in an answer's headers (lower-case names); gives back the pause in seconds that they ask for."""
        seconds = pause(headers)
        if seconds:
            self._until[account] = now + timedelta(seconds=seconds)
        return seconds


def pause(headers: Mapping[str, str]) -> float | None:
    """The pause that usage and ``Retry-After`` headers ask for, in seconds; None for none."""
    used, regain = 0.0, 0.0
    for name in ("x-business-use-case-usage", "x-app-usage"):
        for usage in _usages(headers.get(name, "")):
            used = max([used, *(_number(usage.get(key)) for key in ("call_count", "total_cputime", "total_time"))])
            regain = max(regain, _number(usage.get("estimated_time_to_regain_access")) * 60)
    after = headers.get("retry-after", "")
    asked = float(after) if after.isdecimal() and len(after) < 7 else 0.0
    if used >= STOP_AT or regain:
        return max(regain or STOP_SECONDS, asked)
    if used > SLOW_ABOVE:
        return max((used - SLOW_ABOVE) / (STOP_AT - SLOW_ABOVE) * SLOW_SECONDS, asked)
    return asked or None


def _usages(value: str) -> Iterator[Mapping[str, object]]:
    """Each usage object in the header; nothing for a header that is not as documented."""
    try:
        found = json.loads(value) if value else {}
    except (ValueError, RecursionError):
        return
    if not isinstance(found, dict):
        return
    if "call_count" in found:
        yield found
        return
    for usages in found.values():
        if isinstance(usages, list):
            yield from (usage for usage in usages if isinstance(usage, dict))


def _number(value: object) -> float:
    fine = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return min(float(value), 1e6) if fine else 0.0  # type: ignore[arg-type]
