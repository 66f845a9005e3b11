"""
What stands for a comment. Record, reason, decision and the wish to hide are written in one transaction (A.10).

Handlers of several topics meet here at the same comment. Each begins with `locked`, which makes the comment's row and
locks it, so that of "received" and "classified" the second one sees the first and makes the decision.

Every decision is stored with its event as JSON: a repeat publishes the same, whatever model, policy or clock is in
force by then.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import RowMapping, and_, bindparam, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.retention.policy import UNJUDGED, Case, Plan, Wanted, confirm_by, plan
from services.retention.store.acts import want
from services.retention.tables import comments, decisions, records, reviews, revisions, verdicts
from shared.db import insert_once
from shared.decision import Decision, decide
from shared.directory import Account
from shared.events import NAMESPACE, Action, CommentDecided, CommentReceived, Finding, How, Standing, Urgency, event_id
from shared.policy import Mode, Policy

MACHINE = "service:retention"
HolidaysAround = Callable[[datetime], Collection[date]]
AccountOf = Mapping[tuple[str, str], Account | None]


@dataclass
class Comment:
    """A comment's row, locked, with what its current revision says; ``changes`` are written by `save`."""

    row: dict[str, Any]
    current: Mapping[Any, Any] | None
    changes: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        return self.changes.get(name, self.row[name])

    def set(self, **values: Any) -> None:
        """Change columns of the comment's row."""
        self.changes.update(values)


async def locked(connection: AsyncConnection, subjects: Iterable[str], now: datetime) -> dict[str, Comment]:
    """Make the missing rows and lock all of ``subjects``, in one order for everybody, so that no two wait in a ring."""
    names = sorted(set(subjects))
    await insert_once(connection, comments, [_fresh(subject, now) for subject in names])
    found: dict[str, Comment] = {}
    for begin in range(0, len(names), 200):
        chunk = names[begin : begin + 200]
        query = select(comments).where(comments.c.subject.in_(chunk)).order_by(comments.c.subject).with_for_update()
        for row in (await connection.execute(query)).mappings():
            found[row["subject"]] = Comment(dict(row), None)
        current = select(revisions).join(
            comments, and_(comments.c.subject == revisions.c.subject, comments.c.revision == revisions.c.revision)
        )
        for row in (await connection.execute(current.where(comments.c.subject.in_(chunk)))).mappings():
            found[row["subject"]].current = row
    return found


def _fresh(subject: str, now: datetime) -> dict[str, Any]:
    platform, account, comment_id = subject.split(":", 2)
    return {
        "subject": subject,
        "platform": platform,
        "account": account,
        "comment_id": comment_id,
        "standing": UNJUDGED,
        "first_seen_at": now,
        "changed_at": now,
    }


async def save(connection: AsyncConnection, found: Iterable[Comment]) -> None:
    """Write what changed, comments with the same changed columns together."""
    alike: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for comment in found:
        if comment.changes:
            row = {"own_subject": comment.row["subject"], **comment.changes}
            alike.setdefault(tuple(sorted(comment.changes)), []).append(row)
            comment.row.update(comment.changes)
            comment.changes.clear()
    for columns, rows in alike.items():
        change = update(comments).where(comments.c.subject == bindparam("own_subject"))
        await connection.execute(change.values({name: bindparam(name) for name in columns}), rows)


def make_current(comment: Comment, event: CommentReceived, fresh: Mapping[str, Any] | None) -> None:
    """
    Settle which revision is current after ``event`` came; ``fresh`` is its row when it was not known before.

    The first text never replaces an edit. Between two edits the later arrival holds until it is read back, and so does
    a known revision that comes again after the current one: nothing but the platform knows (A, B, A).
    """
    current = comment.current
    if current is not None and event.revision == current["revision"]:
        return
    if fresh is None:
        known = max(current["received_at"], comment["settled_at"] or current["received_at"]) if current else None
        if known and event.received_at > known and not comment["removed_at"]:
            comment.set(unsettled_at=event.received_at)
        return
    if current is not None and current["edited"]:
        if not event.edited:
            return
        comment.set(unsettled_at=event.received_at)
    comment.set(revision=event.revision, post_id=event.post_id)
    comment.current = fresh


class Judge:
    """Makes a machine's decision on the current revision, once there are a text and a verdict."""

    def __init__(
        self,
        policy: Policy,
        holidays_around: HolidaysAround,
        hides_replies: Callable[[str], bool],
    ) -> None:
        self._policy, self._holidays_around, self._hides_replies = policy, holidays_around, hides_replies

    @property
    def policy_version(self) -> str:
        """The policy in force."""
        return self._policy.version

    async def judge(
        self,
        connection: AsyncConnection,
        comment: Comment,
        account: Account | None,
        now: datetime,
        verdict: RowMapping | None,
        *,
        cause: str = "",
        by_worker: bool = False,
    ) -> CommentDecided | None:
        """
        Decide on the current revision; None where there is nothing to decide: no verdict yet, gone, decided by a
        person, or decided before for the same ``cause``.

        Policy: A.10, A.11.
        """
        current = comment.current
        if current is None or comment["removed_at"]:
            return None
        subject, revision = current["subject"], current["revision"]
        cause = cause or judged(subject, revision)
        if verdict is None:
            return None
        if comment["decided_by"] and (
            await stored_decision(connection, cause) or await _bound(connection, subject, revision)
        ):
            return None
        mode = account.mode if account else Mode.PROPOSE
        findings = [Finding.model_validate(item) for item in verdict["findings"]]
        decision = decide(findings, self._policy, mode)
        takes_along = decision.action is Action.HIDE and self._hides_replies(comment["platform"])
        followed = plan(
            Case(
                standing=comment["standing"],
                decision=decision,
                by_account=current["by_account"],
                how=How(current["how"]),
                replies=await _replies(connection, current) if takes_along else 0,
                hides_replies=takes_along,
            )
        )
        record_id = None
        if followed.record:
            record_id = await _record(connection, current, verdict, decision, followed.reason, cause, now)
        return await self.stand(
            connection,
            comment,
            followed,
            decision,
            record_id,
            now,
            cause=cause,
            account=account,
            actor=MACHINE,
            by_worker=by_worker,
        )

    async def stand(
        self,
        connection: AsyncConnection,
        comment: Comment,
        followed: Plan,
        decision: Decision | None,
        record_id: UUID | None,
        now: datetime,
        *,
        cause: str,
        account: Account | None,
        actor: str,
        by_worker: bool = False,
    ) -> CommentDecided:
        """Let a plan stand: the comment's row, the wish, and the decision with its event. One transaction's part."""
        kept = record_id or (comment["record_id"] if followed.standing is not Standing.ALLOWED else None)
        generation = 0
        if followed.wanted:
            generation = await want(connection, comment_names(comment), followed.wanted, kept, now)
        comment.set(
            standing=followed.standing.value,
            record_id=kept,
            decided_by=actor,
            changed_at=now,
            confirm_by=confirm_by(now, self._policy, self._holidays_around) if followed.clock else None,
        )
        if followed.wanted or actor != MACHINE:
            comment.set(seen_hidden_at=None)
        event = _decided(comment, followed, decision, kept, now, cause, account, actor, self._policy)
        row = {
            "event_id": event.id,
            "subject": event.subject,
            "revision": event.revision,
            "generation": generation,
            "standing": event.standing.value,
            "actor": actor,
            "category": event.category,
            "reason": event.reason,
            "record_id": kept,
            "urgency": event.urgency.value,
            "decided_at": now,
            "body": event.model_dump_json(),
            "published_at": None if by_worker else now,
        }
        await connection.execute(insert(decisions).values(**row))
        return event


def comment_names(comment: Comment) -> dict[str, Any]:
    """The columns that name a comment."""
    return {name: comment[name] for name in ("subject", "platform", "account", "comment_id")}


def judged(subject: str, revision: str) -> str:
    """The cause of a machine's first decision on a revision."""
    return f"{subject}/{revision}/judged"


async def stored_decisions(connection: AsyncConnection, causes: Iterable[str]) -> dict[str, CommentDecided]:
    """The decisions that were made for these causes, as they were published."""
    names = {event_id(CommentDecided, cause): cause for cause in causes}
    if not names:
        return {}
    query = select(decisions.c.event_id, decisions.c.body).where(decisions.c.event_id.in_(names))
    rows = await connection.execute(query)
    return {names[found]: CommentDecided.model_validate_json(body) for found, body in rows}


async def verdicts_of(connection: AsyncConnection, subjects: Iterable[str]) -> dict[tuple[str, str], RowMapping]:
    """The verdicts on all revisions of these comments, by subject and revision."""
    query = select(verdicts).where(verdicts.c.subject.in_(sorted(set(subjects))))
    return {(row["subject"], row["revision"]): row for row in (await connection.execute(query)).mappings()}


async def stored_decision(connection: AsyncConnection, cause: str) -> CommentDecided | None:
    """The decision that was made for ``cause``, as it was published; None when there is none."""
    own = decisions.c.event_id == event_id(CommentDecided, cause)
    body = (await connection.execute(select(decisions.c.body).where(own))).scalar()
    return CommentDecided.model_validate_json(body) if body else None


def _decided(
    comment: Comment,
    followed: Plan,
    decision: Decision | None,
    record_id: UUID | None,
    now: datetime,
    cause: str,
    account: Account | None,
    actor: str,
    policy: Policy,
) -> CommentDecided:
    current = comment.current
    category = decision.category if decision else None
    return CommentDecided.caused_by(
        cause,
        subject=comment["subject"],
        time=now,
        platform=comment["platform"],
        account=comment["account"],
        revision=current["revision"] if current else "",
        standing=followed.standing,
        actor=actor,
        category=category,
        clause=policy.categories[category].clause if category else None,
        reason=followed.reason,
        record_id=record_id,
        urgency=decision.urgency if decision else Urgency.NORMAL,
        how=current["how"] if current else How.WEBHOOK,
        received_at=current["received_at"] if current else now,
        account_name=account.name if account else "",
        url=current["url"] if current else None,
    )


async def _record(
    connection: AsyncConnection,
    current: Mapping[Any, Any],
    verdict: RowMapping,
    decision: Decision,
    reason: str,
    cause: str,
    now: datetime,
) -> UUID:
    """Write the record of a flagged revision with its reason (A.10)."""
    finding = decision.finding
    if finding is None:
        raise ValueError("a record needs the finding that decided")
    record_id = uuid5(NAMESPACE, f"record/{cause}")
    row = {
        "record_id": record_id,
        "subject": current["subject"],
        "revision": current["revision"],
        "action": decision.action.value,
        "category": finding.category.value,
        "clause": finding.category.clause,
        "reason": reason,
        "urgency": decision.urgency.value,
        "evidence": verdict["findings"],
        "scores": verdict["scores"],
        "category_mode": decision.category_mode,
        "account_mode": decision.account_mode,
        "model_version": verdict["model_version"],
        "policy_version": verdict["policy_version"],
        "made_by": MACHINE,
        "made_at": now,
    }
    await insert_once(connection, records, [row])
    return record_id


async def _bound(connection: AsyncConnection, subject: str, revision: str) -> bool:
    """Whether a person decided on this revision: that binds machines."""
    own = and_(reviews.c.subject == subject, reviews.c.revision == revision, reviews.c.outcome == "done")
    return (await connection.execute(select(reviews.c.event_id).where(own).limit(1))).first() is not None


async def _replies(connection: AsyncConnection, current: Mapping[Any, Any]) -> int:
    """How many comments are known to answer this one."""
    platform, account, comment_id = current["subject"].split(":", 2)
    query = select(func.count(func.distinct(revisions.c.subject))).where(
        revisions.c.parent_id == comment_id,
        revisions.c.subject.startswith(f"{platform}:{account}:", autoescape=True),
        revisions.c.subject != current["subject"],
    )
    return int((await connection.execute(query)).scalar_one())


def hold(standing: Standing, wanted: Wanted | None, reason: str) -> Plan:
    """A plan that neither makes a record nor starts the clock: what a person or the calendar decided."""
    return Plan(standing, wanted, record=False, clock=False, reason=reason)
