"""
What must always be true of retention's tables. Each query counts the rows that break it.

Policy: A.9 (every revision is judged), A.10 (no hide without record and reason).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Select, and_, exists, func, or_, select

from services.retention.policy import UNJUDGED
from services.retention.tables import comments, decisions, records, revisions, verdicts, visibility
from shared.events import Standing
from shared.invariants import Invariant

UNJUDGED_LIMIT = timedelta(minutes=10)
DUE_LIMIT = timedelta(minutes=10)
UNPUBLISHED_LIMIT = timedelta(minutes=5)


def _hide_without_record(_: datetime) -> Select[int]:
    recorded = exists().where(records.c.record_id == visibility.c.record_id, func.trim(records.c.reason) != "")
    return select(func.count()).select_from(visibility).where(visibility.c.wanted == "hidden", ~recorded)


def _standing_without_record(_: datetime) -> Select[int]:
    flagged = (Standing.HIDDEN_PROVISIONALLY, Standing.HIDDEN_CONFIRMED, Standing.PROPOSED)
    recorded = exists().where(records.c.record_id == comments.c.record_id)
    wrong = and_(comments.c.standing.in_([standing.value for standing in flagged]), ~recorded)
    return select(func.count()).select_from(comments).where(wrong)


def _judged_without_decision(now: datetime) -> Select[int]:
    pair = and_(verdicts.c.subject == comments.c.subject, verdicts.c.revision == comments.c.revision)
    waiting = and_(
        comments.c.standing == UNJUDGED,
        comments.c.removed_at.is_(None),
        verdicts.c.judged_at < now - UNJUDGED_LIMIT,
    )
    return select(func.count()).select_from(comments.join(verdicts, pair)).where(waiting)


def _revision_without_verdict(now: datetime) -> Select[int]:
    judged = exists().where(verdicts.c.subject == revisions.c.subject, verdicts.c.revision == revisions.c.revision)
    late = revisions.c.kept_at < now - UNJUDGED_LIMIT
    return select(func.count()).select_from(revisions).where(late, ~judged)


def _act_overdue(now: datetime) -> Select[int]:
    late = and_(
        visibility.c.next_attempt_at < now - DUE_LIMIT,
        or_(visibility.c.claimed_until.is_(None), visibility.c.claimed_until < now),
    )
    return select(func.count()).select_from(visibility).where(late)


def _decision_unpublished(now: datetime) -> Select[int]:
    late = and_(decisions.c.published_at.is_(None), decisions.c.decided_at < now - UNPUBLISHED_LIMIT)
    return select(func.count()).select_from(decisions).where(late)


INVARIANTS = (
    Invariant("hide_without_record", "A hide that is wanted has a record with its reason.", _hide_without_record),
    Invariant("flagged_without_record", "A comment that stands as flagged has a record.", _standing_without_record),
    Invariant("judged_without_decision", "A judged comment is decided within ten minutes.", _judged_without_decision),
    Invariant("revision_without_verdict", "A revision is judged within ten minutes.", _revision_without_verdict),
    Invariant("act_overdue", "No due act on a platform waits longer than ten minutes.", _act_overdue),
    Invariant("decision_unpublished", "A worker's decision is published within five minutes.", _decision_unpublished),
)
