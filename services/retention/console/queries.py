"""What the console's pages show: named reads, no writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, func, or_, select

from services.retention.tables import (
    alerts,
    comments,
    decisions,
    records,
    reviews,
    revisions,
    verdicts,
    visibility,
)
from shared.db import Database
from shared.directory import accounts
from shared.events import Standing

PAGE = 25
"""Rows on a page."""

VIEWS: dict[str, tuple[str, ...]] = {
    "review": (Standing.HIDDEN_PROVISIONALLY, Standing.PROPOSED),
    "hidden": (Standing.HIDDEN_PROVISIONALLY, Standing.HIDDEN_CONFIRMED),
    "restored": (Standing.RESTORED, Standing.LAPSED),
    "all": (),
}
"""The lists of the console, and the standings that each shows; `all` holds every comment (A.9)."""


@dataclass(frozen=True)
class Page:
    """One page of a list; ``after`` leads to the next, None on the last."""

    rows: Sequence[Any]
    after: str | None


def _listing() -> Select[Any]:
    joined = (
        comments.join(
            revisions,
            and_(revisions.c.subject == comments.c.subject, revisions.c.revision == comments.c.revision),
        )
        .outerjoin(records, records.c.record_id == comments.c.record_id)
        .outerjoin(visibility, visibility.c.subject == comments.c.subject)
        .outerjoin(accounts, and_(accounts.c.platform == comments.c.platform, accounts.c.account == comments.c.account))
    )
    return select(
        comments,
        revisions.c.text,
        revisions.c.author_name,
        revisions.c.created_at,
        revisions.c.received_at,
        revisions.c.url,
        revisions.c.post_text,
        revisions.c.parent_id,
        revisions.c.media,
        revisions.c.how,
        records.c.category,
        records.c.clause,
        records.c.reason,
        records.c.urgency,
        records.c.evidence,
        records.c.made_by,
        records.c.model_version,
        records.c.policy_version,
        visibility.c.wanted,
        visibility.c.state,
        visibility.c.verified_at,
        visibility.c.last_error,
        accounts.c.name.label("account_name"),
    ).select_from(joined)


class ConsoleQueries:
    """Reads for the pages. Raises `DatabaseUnavailable`."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def counts(self) -> dict[str, int]:
        """How many comments each view holds."""
        async with self._db.read() as connection:
            query = select(comments.c.standing, func.count()).group_by(comments.c.standing)
            found = {standing: number for standing, number in await connection.execute(query)}
        total = sum(found.values())
        return {
            view: sum(found.get(standing, 0) for standing in standings) if standings else total
            for view, standings in VIEWS.items()
        }

    async def page(self, view: str, *, words: str = "", after: str | None = None) -> Page:
        """
        One page of ``view``: what waits for a person oldest first, all else newest first.

        Args:
            words: only comments whose text or author holds them, whatever the case.
            after: the cursor of the page before; a broken one begins at the start.
        """
        oldest_first = view == "review"
        query = _listing()
        if VIEWS[view]:
            query = query.where(comments.c.standing.in_(VIEWS[view]))
        if words:
            pattern = "%" + words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
            query = query.where(
                or_(
                    revisions.c.text.ilike(pattern, escape="\\"),
                    revisions.c.author_name.ilike(pattern, escape="\\"),
                )
            )
        if place := _cursor(after):
            moment, subject = place
            at, name = comments.c.changed_at, comments.c.subject
            later = or_(at > moment, and_(at == moment, name > subject))
            earlier = or_(at < moment, and_(at == moment, name < subject))
            query = query.where(later if oldest_first else earlier)
        order = (comments.c.changed_at, comments.c.subject)
        query = query.order_by(*(order if oldest_first else [column.desc() for column in order])).limit(PAGE + 1)
        async with self._db.read() as connection:
            rows = (await connection.execute(query)).mappings().all()
        last = rows[PAGE - 1] if len(rows) > PAGE else None
        return Page(rows[:PAGE], f"{last['changed_at'].isoformat()}|{last['subject']}" if last else None)

    async def comment(self, subject: str) -> Any | None:
        """One comment with its current revision and record; None when it is not known."""
        async with self._db.read() as connection:
            query = _listing().where(comments.c.subject == subject)
            return (await connection.execute(query)).mappings().first()

    async def history(self, subject: str) -> list[dict[str, Any]]:
        """What happened to a comment, oldest first: revisions, verdicts, decisions and alerts."""
        async with self._db.read() as connection:

            async def rows(query: Select[Any]) -> list[dict[str, Any]]:
                return [dict(row) for row in (await connection.execute(query)).mappings()]

            steps = [
                {"kind": "revision", "at": row["received_at"], **row}
                for row in await rows(select(revisions).where(revisions.c.subject == subject))
            ]
            steps += [
                {"kind": "decision", "at": row["decided_at"], **row}
                for row in await rows(select(decisions).where(decisions.c.subject == subject))
            ]
            steps += [{"kind": "alert", **row} for row in await rows(select(alerts).where(alerts.c.comment == subject))]
        rank = {"revision": 0, "decision": 1, "alert": 2}
        return sorted(steps, key=lambda step: (step["at"], rank[step["kind"]]))

    async def verdict(self, subject: str, revision: str) -> Any | None:
        """What the model found in a revision; None before it was judged."""
        async with self._db.read() as connection:
            query = select(verdicts).where(verdicts.c.subject == subject, verdicts.c.revision == revision)
            return (await connection.execute(query)).mappings().first()

    async def review(self, event_id: UUID) -> Any | None:
        """What came of a person's act; None while its event has not been handled."""
        async with self._db.read() as connection:
            return (await connection.execute(select(reviews).where(reviews.c.event_id == event_id))).mappings().first()


def _cursor(text: str | None) -> tuple[datetime, str] | None:
    moment, _, subject = (text or "").partition("|")
    try:
        place = datetime.fromisoformat(moment)
    except ValueError:
        return None
    return (place, subject) if place.tzinfo and subject else None
