"""
The visibility rows: what the platform must show, and how far that is.

`want` is the only way by which a hide is requested, and it takes the record in the same transaction: no comment is
hidden before its record and reason are committed. `claim_due` gives out only what keeps that.

Policy: A.10.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import and_, exists, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.retention.policy import Wanted
from services.retention.tables import account_holds, comments, records, revisions, visibility
from shared.db import Database, database_now, insert_once

DONE = ("verified", "gone", "failed_final", "not_supported")


async def want(
    connection: AsyncConnection,
    comment: Mapping[str, Any],
    wanted: Wanted,
    record_id: UUID | None,
    now: datetime,
) -> int:
    """
    Ask that the platform shows or hides a comment; gives back the new generation.

    A hide needs its record, committed before or with this transaction; raises `ValueError` without one. To show what
    was never hidden needs nothing and makes no row: generation 0.

    Policy: A.10.
    """
    if wanted == "hidden":
        found = await connection.execute(
            select(records.c.reason).where(records.c.record_id == record_id, records.c.subject == comment["subject"])
        )
        if record_id is None or not (found.scalar_one_or_none() or "").strip():
            raise ValueError("a hide needs a record with its reason (A.10)")
    here = visibility.c.subject == comment["subject"]
    row = (await connection.execute(select(visibility.c.generation).where(here).with_for_update())).first()
    if row is None and wanted == "shown":
        return 0
    values: dict[str, Any] = {
        "wanted": wanted,
        "generation": (row[0] if row else 0) + 1,
        "record_id": record_id,
        "state": "requested",
        "reason": None,
        "attempts": 0,
        "requested_at": now,
        "next_attempt_at": now,
        "claimed_until": None,
        "claimed_by": None,
        "last_error": None,
        "verified_at": None,
        "answer": None,
    }
    if row is None:
        names = {name: comment[name] for name in ("subject", "platform", "account", "comment_id")}
        await connection.execute(insert(visibility).values(**names, **values))
    else:
        await connection.execute(update(visibility).where(here).values(**values))
    return int(values["generation"])


async def cancel(connection: AsyncConnection, subject: str, now: datetime) -> None:
    """The comment is gone: whatever was asked for is over."""
    change = {
        "state": "gone",
        "next_attempt_at": None,
        "look_again_at": None,
        "claimed_until": None,
        "verified_at": now,
    }
    await connection.execute(
        update(visibility).where(visibility.c.subject == subject, visibility.c.state.not_in(DONE)).values(**change)
    )


async def ours(connection: AsyncConnection, subject: str, *, hidden: bool, since: datetime) -> bool:
    """Whether what was seen is the echo of our own act: the same direction, and called since ``since``."""
    query = select(visibility.c.subject).where(
        visibility.c.subject == subject,
        visibility.c.wanted == ("hidden" if hidden else "shown"),
        visibility.c.changed_by_us_at >= since,
    )
    return (await connection.execute(query)).first() is not None


class ActStore:
    """Claims and marks visibility rows. Every method is one short transaction and raises `DatabaseUnavailable`."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def claim_due(self, worker: str, now: datetime, lease: timedelta, limit: int) -> list[dict[str, Any]]:
        """
        Lease up to ``limit`` due rows, one for each account at most, so that no account waits for another.

        A hide without a record is never given out. Leases go by the database's clock, due times by ``now``.
        """
        async with self._db.write() as connection:
            clock = await database_now(connection)
            recorded = exists().where(records.c.record_id == visibility.c.record_id, records.c.reason != "")
            held = exists().where(
                account_holds.c.platform == visibility.c.platform,
                account_holds.c.account == visibility.c.account,
                account_holds.c.until > now,
            )
            busy = visibility.alias()
            taken = exists().where(
                busy.c.platform == visibility.c.platform,
                busy.c.account == visibility.c.account,
                busy.c.claimed_until > clock,
            )
            query = (
                select(visibility)
                .where(
                    visibility.c.next_attempt_at <= now,
                    or_(visibility.c.claimed_until.is_(None), visibility.c.claimed_until <= clock),
                    or_(visibility.c.wanted == "shown", recorded),
                    ~held,
                    ~taken,
                )
                .order_by(visibility.c.next_attempt_at)
                .limit(limit * 8)
                .with_for_update(skip_locked=True)
            )
            chosen: dict[tuple[str, str], dict[str, Any]] = {}
            for row in (await connection.execute(query)).mappings():
                chosen.setdefault((row["platform"], row["account"]), dict(row))
            rows = list(chosen.values())[:limit]
            await self._lease(connection, rows, worker, clock + lease)
        return rows

    @staticmethod
    async def _lease(
        connection: AsyncConnection, rows: Sequence[Mapping[str, Any]], worker: str, until: datetime
    ) -> None:
        if rows:
            subjects = [row["subject"] for row in rows]
            change = {"claimed_until": until, "claimed_by": worker}
            await connection.execute(update(visibility).where(visibility.c.subject.in_(subjects)).values(**change))

    async def mark_sent(self, row: Mapping[str, Any], now: datetime) -> bool:
        """Say that a call is about to be made; False when the generation is no longer this one."""
        return await self._change(row, {"state": "sent", "changed_by_us_at": now})

    async def mark(self, row: Mapping[str, Any], **change: Any) -> bool:
        """Set what came of a claimed row and free it; False when the generation is no longer this one."""
        return await self._change(row, {**change, "claimed_until": None, "claimed_by": None})

    async def hold_account(self, platform: str, account: str, until: datetime, reason: str, now: datetime) -> bool:
        """Let the whole account wait until a moment; True when it did not wait before."""
        key = {"platform": platform, "account": account}
        here = and_(account_holds.c.platform == platform, account_holds.c.account == account)
        async with self._db.write() as connection:
            before = (await connection.execute(select(account_holds).where(here))).mappings().first()
            await insert_once(connection, account_holds, [{**key, "until": until, "reason": reason, "since": now}])
            since = before["since"] if before and before["reason"] == reason else now
            change = {"until": until, "reason": reason, "since": since}
            await connection.execute(update(account_holds).where(here).values(**change))
        return before is None or before["reason"] != reason

    async def free_account(self, platform: str, account: str) -> None:
        """A call succeeded: the account waits no more."""
        async with self._db.write() as connection:
            await connection.execute(
                account_holds.delete().where(account_holds.c.platform == platform, account_holds.c.account == account)
            )

    async def received_at(self, subject: str) -> datetime | None:
        """When the comment's current revision arrived, for the time that a hide took."""
        async with self._db.read() as connection:
            query = select(revisions.c.received_at).join(
                comments,
                and_(comments.c.subject == revisions.c.subject, comments.c.revision == revisions.c.revision),
            )
            found: datetime | None = (await connection.execute(query.where(comments.c.subject == subject))).scalar()
            return found

    async def pending(self) -> tuple[dict[str, int], datetime | None]:
        """How many rows wait by wanted state, and since when the oldest does."""
        due = visibility.c.next_attempt_at.is_not(None)
        async with self._db.read() as connection:
            query = select(visibility.c.wanted, func.count()).where(due).group_by(visibility.c.wanted)
            counts = {wanted: number for wanted, number in await connection.execute(query)}
            oldest = (await connection.execute(select(func.min(visibility.c.requested_at)).where(due))).scalar()
        return counts, oldest

    async def _change(self, row: Mapping[str, Any], change: dict[str, Any]) -> bool:
        own = and_(visibility.c.subject == row["subject"], visibility.c.generation == row["generation"])
        async with self._db.write() as connection:
            done = await connection.execute(update(visibility).where(own).values(**change))
        return bool(done.rowcount)
