"""Lists for operators: records with their reasons, and everything about one comment."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, select

from services.retention.store.facts import note_audit
from services.retention.tables import alerts, comments, decisions, records, reviews, revisions, verdicts, visibility
from shared.db import Database


class RecordStore:
    """Reads records. Raises `DatabaseUnavailable`."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def latest(self, limit: int) -> list[RowMapping]:
        """The newest records with what stands for their comments."""
        query = (
            select(records, comments.c.standing)
            .join(comments, comments.c.subject == records.c.subject)
            .order_by(records.c.made_at.desc())
            .limit(limit)
        )
        async with self._db.read() as connection:
            return list((await connection.execute(query)).mappings())

    async def everything(self, subject: str, actor: str, now: datetime) -> dict[str, Any] | None:
        """All that is kept about one comment; None when it is not known. Leaves an audit entry."""
        tables = {
            "comment": (comments, comments.c.subject),
            "revisions": (revisions, revisions.c.subject),
            "verdicts": (verdicts, verdicts.c.subject),
            "records": (records, records.c.subject),
            "decisions": (decisions, decisions.c.subject),
            "reviews": (reviews, reviews.c.subject),
            "visibility": (visibility, visibility.c.subject),
            "alerts": (alerts, alerts.c.comment),
        }
        async with self._db.write() as connection:
            found = {
                name: [dict(row) for row in (await connection.execute(select(table).where(key == subject))).mappings()]
                for name, (table, key) in tables.items()
            }
            if not found["comment"]:
                return None
            await note_audit(connection, now, actor, "record shown", subject)
        return found
