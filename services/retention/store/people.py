"""
A person's act on a comment, carried out in one transaction.

The first act on what stands holds. A second one is kept as late, with the name of who was first; one on a text that was
changed since is kept as stale. A person's decision on a revision binds machines.

Policy: A.4 (the act carries its actor), A.10 (a hide has a reason in words).
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid5

from sqlalchemy.ext.asyncio import AsyncConnection

from services.retention.policy import Plan, reviewed
from services.retention.store.facts import note_audit
from services.retention.store.standing import Comment, Judge, hold
from services.retention.tables import records, reviews
from shared.db import insert_once
from shared.decision import Decision
from shared.directory import Account
from shared.errors import Rejected
from shared.events import NAMESPACE, Action, CommentDecided, CommentReviewed, Finding

WORDS = {
    "confirm": "A designated member confirmed the hide.",
    "restore": "A designated member decided that the comment stays up.",
    "overturn": "A designated member decided that the comment is shown again.",
}


class Review:
    """Carries out one act on one locked comment."""

    def __init__(
        self, connection: AsyncConnection, judge: Judge, comment: Comment, account: Account | None, now: datetime
    ) -> None:
        self._connection, self._judge, self._comment = connection, judge, comment
        self._account, self._now = account, now

    async def carry_out(self, event: CommentReviewed) -> CommentDecided | None:
        """
        The decision that the act leads to; None when it came late or on an older text. A repeat changes nothing.

        Raises `Rejected` for a comment that was never received.
        """
        comment = self._comment
        if comment.current is None:
            raise Rejected("unknown_comment", "the review names a comment that was never received")
        if comment.current["revision"] != event.revision:
            await self._keep(event, "stale", None)
            return None
        followed = None if comment["removed_at"] else reviewed(comment["standing"], event.act)
        stored_first = await self._keep(event, "done" if followed else "late", comment["decided_by"])
        if followed is None or not stored_first:
            return None
        standing, wanted = followed
        reason = event.reason if event.act == "hide" else f"{WORDS[event.act]} {event.reason}".strip()
        decision, record_id = None, None
        if event.act == "hide":
            decision, record_id = await self._record_by_hand(event)
        plan: Plan = hold(standing, wanted, reason)
        await note_audit(self._connection, self._now, event.actor, event.act, event.subject, event.reason)
        return await self._judge.stand(
            self._connection,
            comment,
            plan,
            decision,
            record_id,
            self._now,
            cause=str(event.id),
            account=self._account,
            actor=event.actor,
        )

    async def _keep(self, event: CommentReviewed, outcome: str, first: str | None) -> bool:
        """Keep the act and what came of it; False when it was kept before."""
        row = {
            "event_id": event.id,
            "subject": event.subject,
            "revision": event.revision,
            "act": event.act,
            "category": event.category,
            "reason": event.reason,
            "actor": event.actor,
            "outcome": outcome,
            "first_actor": first if outcome == "late" else None,
            "at": event.time,
        }
        [stored] = await insert_once(self._connection, reviews, [row])
        return bool(stored["outcome"] == outcome == "done")

    async def _record_by_hand(self, event: CommentReviewed) -> tuple[Decision, UUID]:
        """The record of a hide that a person asked for, with the person's own reason (A.10)."""
        if event.category is None or not event.reason.strip():
            raise Rejected("no_reason", "a hide by hand needs a clause and a reason (A.10)")
        finding = Finding(category=event.category, score=1.0, source="person", reason=event.reason)
        record_id = uuid5(NAMESPACE, f"record/{event.id}")
        row = {
            "record_id": record_id,
            "subject": event.subject,
            "revision": event.revision,
            "action": Action.HIDE.value,
            "category": event.category.value,
            "clause": event.category.clause,
            "reason": event.reason,
            "urgency": "normal",
            "evidence": [finding.model_dump(mode="json")],
            "scores": [],
            "model_version": "none",
            "policy_version": self._judge.policy_version,
            "made_by": event.actor,
            "made_at": self._now,
        }
        await insert_once(self._connection, records, [row])
        return Decision(Action.HIDE, finding, event.reason), record_id
