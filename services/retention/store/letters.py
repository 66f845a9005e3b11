"""Dead letters: kept, listed without their content, shown, and ended by a replay or by a person's act."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.retention.store.facts import note_audit
from services.retention.tables import dead_letters
from shared.db import Database, insert_once
from shared.events import MessageDeadLettered


async def keep_letters(connection: AsyncConnection, events: Sequence[MessageDeadLettered]) -> None:
    """Keep each once, under the next number."""
    last = (await connection.execute(select(func.max(dead_letters.c.number)))).scalar() or 0
    known = select(dead_letters.c.event_id).where(dead_letters.c.event_id.in_([event.id for event in events]))
    old = set((await connection.execute(known)).scalars())
    fresh = list({event.id: event for event in events if event.id not in old}.values())
    await insert_once(connection, dead_letters, [_row(event, last + n) for n, event in enumerate(fresh, start=1)])


def _row(event: MessageDeadLettered, number: int) -> dict[str, object]:
    return {
        "event_id": event.id,
        "number": number,
        "reason": event.reason,
        "detail": event.detail,
        "origin": event.origin,
        "consumer_group": event.group,
        "key": event.key,
        "value": event.value,
        "encoding": event.encoding,
        "headers": event.headers,
        "died_at": event.time,
    }


def letter_of(row: Mapping[Any, Any]) -> MessageDeadLettered:
    """The event of a row."""
    return MessageDeadLettered(
        id=row["event_id"],
        subject=row["key"] or row["origin"],
        time=row["died_at"],
        reason=row["reason"],
        detail=row["detail"],
        origin=row["origin"],
        group=row["consumer_group"],
        key=row["key"],
        value=row["value"],
        encoding=row["encoding"],
        headers=row["headers"],
    )


class LetterStore:
    """Reads and ends dead letters. Raises `DatabaseUnavailable`."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def find(self, *, reason: str | None = None, ended: bool = False) -> list[RowMapping]:
        """Those that wait, oldest first; with ``ended``, all."""
        query = select(dead_letters).order_by(dead_letters.c.number)
        if reason:
            query = query.where(dead_letters.c.reason == reason)
        if not ended:
            query = query.where(dead_letters.c.ended_at.is_(None))
        async with self._db.read() as connection:
            return list((await connection.execute(query)).mappings())

    async def get(self, number: int) -> RowMapping | None:
        """One by its number."""
        async with self._db.read() as connection:
            query = select(dead_letters).where(dead_letters.c.number == number)
            return (await connection.execute(query)).mappings().first()

    async def open_by_reason(self) -> dict[str, int]:
        """How many wait, by reason."""
        query = select(dead_letters.c.reason, func.count()).where(dead_letters.c.ended_at.is_(None))
        async with self._db.read() as connection:
            rows = await connection.execute(query.group_by(dead_letters.c.reason))
            return {reason: number for reason, number in rows}

    async def note_shown(self, number: int, actor: str, now: datetime) -> None:
        """Showing one is an act: it may hold a comment's text."""
        async with self._db.write() as connection:
            await note_audit(connection, now, actor, "dead letter shown", f"dead-letter:{number}")

    async def end(self, number: int, actor: str, how: str, now: datetime, why: str = "") -> bool:
        """End one; False when it had ended. Safe to repeat."""
        own = (dead_letters.c.number == number, dead_letters.c.ended_at.is_(None))
        async with self._db.write() as connection:
            change = update(dead_letters).where(*own).values(ended_at=now, ended_by=actor, ended_how=how)
            done = (await connection.execute(change)).rowcount > 0
            if done:
                await note_audit(connection, now, actor, f"dead letter {how}", f"dead-letter:{number}", why)
        return bool(done)
