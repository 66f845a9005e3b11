"""What the workers look for: doubts, clocks that ran out, decisions not yet published, and the backlog."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import RowMapping, and_, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.retention.store.acts import ActStore
from services.retention.store.letters import LetterStore
from services.retention.tables import comments, decisions, records, revisions
from shared.db import Database
from shared.decision import Decision
from shared.events import Action, CommentDecided, Finding, Standing


@dataclass(frozen=True)
class Backlog:
    """What waits: acts by wanted state and the oldest of them, comments by standing, dead letters by reason."""

    acts: Mapping[str, int]
    oldest_act: datetime | None
    standings: Mapping[str, int]
    letters: Mapping[str, int]


class WorkStore:
    """Named queries of the workers. Raises `DatabaseUnavailable`."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._acts, self._letters = ActStore(db), LetterStore(db)

    async def unsettled(self, limit: int = 20) -> list[RowMapping]:
        """Comments whose current text must be read back, the oldest doubt first."""
        doubt = and_(comments.c.unsettled_at.is_not(None), comments.c.removed_at.is_(None))
        query = select(comments).where(doubt).order_by(comments.c.unsettled_at).limit(limit)
        async with self._db.read() as connection:
            return list((await connection.execute(query)).mappings())

    async def overdue(self, now: datetime, limit: int = 50) -> list[str]:
        """Subjects of provisional hides that were not confirmed in time."""
        late = and_(comments.c.standing == Standing.HIDDEN_PROVISIONALLY.value, comments.c.confirm_by <= now)
        async with self._db.read() as connection:
            return list((await connection.execute(select(comments.c.subject).where(late).limit(limit))).scalars())

    async def unpublished(self, limit: int = 100) -> list[CommentDecided]:
        """Decisions of workers that are not on the bus yet, oldest first."""
        waiting = decisions.c.published_at.is_(None)
        query = select(decisions.c.body).where(waiting).order_by(decisions.c.decided_at).limit(limit)
        async with self._db.read() as connection:
            return [CommentDecided.model_validate_json(body) for body in (await connection.execute(query)).scalars()]

    async def mark_published(self, ids: Sequence[UUID], now: datetime) -> None:
        """Say that these are on the bus. Safe to repeat."""
        if ids:
            async with self._db.write() as connection:
                change = update(decisions).where(decisions.c.event_id.in_(ids)).values(published_at=now)
                await connection.execute(change)

    async def backlog(self) -> Backlog:
        """What waits now."""
        acts, oldest = await self._acts.pending()
        async with self._db.read() as connection:
            query = select(comments.c.standing, func.count()).group_by(comments.c.standing)
            standings = {standing: number for standing, number in await connection.execute(query)}
        return Backlog(acts, oldest, standings, await self._letters.open_by_reason())


async def known_revision(connection: AsyncConnection, subject: str, revision: str) -> RowMapping | None:
    """A revision that was kept; None when it never came."""
    own = and_(revisions.c.subject == subject, revisions.c.revision == revision)
    return (await connection.execute(select(revisions).where(own))).mappings().first()


async def person_stood(connection: AsyncConnection, subject: str, revision: str) -> CommentDecided | None:
    """The last decision of a person on a revision; None when there is none."""
    query = (
        select(decisions.c.body)
        .where(
            decisions.c.subject == subject,
            decisions.c.revision == revision,
            decisions.c.actor.startswith("person:"),
        )
        .order_by(decisions.c.decided_at.desc())
        .limit(1)
    )
    body = (await connection.execute(query)).scalar()
    return CommentDecided.model_validate_json(body) if body else None


async def rule_of_record(connection: AsyncConnection, record_id: UUID) -> Decision:
    """The finding on which a record rests."""
    query = select(records.c.category, records.c.reason, records.c.evidence).where(records.c.record_id == record_id)
    row = (await connection.execute(query)).one()
    finding = next((Finding.model_validate(item) for item in row.evidence if item["category"] == row.category), None)
    return Decision(Action.HIDE, finding, row.reason)
