"""
What must always be true of a service's own tables, checked in production as in the chaos tests.

Each invariant is one small query that counts the rows which break it. The counts stand in
``moderation_invariant_violations``; any value above zero is an alert.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select

from shared import metrics
from shared.db import Database
from shared.loops import PollLoop

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Invariant:
    """
    ``violations`` gives, for a moment in UTC, a query whose single number must be zero.

    ``meaning`` is one sentence.
    """

    name: str
    meaning: str
    violations: Callable[[datetime], Select[int]]


async def count_violations(db: Database, invariants: Sequence[Invariant], now: datetime) -> dict[str, int]:
    """The number of broken rows by invariant. Raises `DatabaseUnavailable`."""
    async with db.read() as connection:
        return {
            invariant.name: (await connection.execute(invariant.violations(now))).scalar_one()
            for invariant in invariants
        }


def watch(service: str, db: Database, invariants: Sequence[Invariant], now: Callable[[], datetime]) -> PollLoop:
    """A loop that sets the gauge of each invariant every fifteen seconds and logs those that are broken."""

    async def step() -> int:
        for name, count in (await count_violations(db, invariants, now())).items():
            metrics.INVARIANT_VIOLATIONS.labels(name).set(count)
            if count:
                log.error("invariant broken", extra={"invariant": name, "rows": count})
        return 0

    return PollLoop(f"{service}.invariants", step, idle_seconds=15.0)
