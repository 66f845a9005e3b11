"""
What the calendar and the platform decide: doubts about the current text, and hides that nobody confirmed in time.

These decisions have no input event that a crash would bring back. So each is stored unpublished with its event, and
published from there: `PublishDecisions` repeats what a crash left.

Policy: A.10.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime

from services.retention.handlers import Keeper
from services.retention.policy import Plan
from services.retention.store.standing import Comment, hold, locked, save, verdicts_of
from services.retention.store.work import WorkStore, known_revision, person_stood, rule_of_record
from shared import metrics
from shared.bus import Bus
from shared.bus.cloudevents import publish_events
from shared.decision import Decision
from shared.errors import CommentGone, CredentialRefused, PlatformRefused, PlatformUnavailable
from shared.events import Action, CommentDecided, CommentReceived, Standing, Urgency
from shared.platforms import Outbound
from shared.policy import Policy

log = logging.getLogger(__name__)

MACHINE = "service:retention"


class SettleRevisions:
    """Read a comment back from its platform where only the platform knows which text is current (A, B, A)."""

    def __init__(self, keeper: Keeper, store: WorkStore, platforms: Mapping[str, Outbound], bus: Bus) -> None:
        self._keeper, self._store, self._platforms, self._bus = keeper, store, platforms, bus

    async def __call__(self) -> int:
        """One round; gives back how many doubts were settled. Raises `Transient`."""
        settled = 0
        for row in await self._store.unsettled():
            platform = self._platforms.get(row["platform"])
            try:
                read = await platform.comment(row["account"], row["comment_id"]) if platform else None
            except PlatformUnavailable as error:
                log.warning("comment could not be read back", extra={"subject": row["subject"], "error": str(error)})
                continue
            except CredentialRefused as error:
                log.error("credential refused", extra={"subject": row["subject"], "error": str(error)})
                break
            except (CommentGone, PlatformRefused) as error:
                log.info("comment cannot be read back", extra={"subject": row["subject"], "error": str(error)})
                read = None
            settled += await self._settle(row["subject"], row["unsettled_at"], read)
        return settled

    async def _settle(self, subject: str, doubt: datetime, read: CommentReceived | None) -> int:
        """Let the text that the platform shows be the current one; gives back how many doubts that ended."""
        keeper, now = self._keeper, self._keeper.now()
        accounts = await keeper.accounts([subject])
        decided = None
        async with keeper.db.write() as connection:
            comment = (await locked(connection, [subject], now))[subject]
            if comment["unsettled_at"] != doubt or comment["removed_at"]:
                return 0
            known = await known_revision(connection, subject, read.revision) if read else None
            if known is not None and known["revision"] != comment["revision"]:
                comment.current = known
                comment.set(revision=known["revision"], changed_at=now)
                cause = f"{subject}/{known['revision']}/settled/{doubt.isoformat()}"
                if stood := await person_stood(connection, subject, known["revision"]):
                    decided = await self._stand_again(connection, comment, stood, cause, now)
                else:
                    verdict = (await verdicts_of(connection, [subject])).get((subject, known["revision"]))
                    decided = await keeper.judge.judge(
                        connection, comment, accounts[subject], now, verdict, cause=cause, by_worker=True
                    )
            if read is None or known is not None:
                comment.set(unsettled_at=None, settled_at=doubt)
            await save(connection, [comment])
        if decided:
            keeper.tell([decided])
        if read and known is None:
            # A text that we never saw: once it is kept, the next look settles the doubt.
            await publish_events(self._bus, "retention", [read.model_copy(update={"edited": True})])
            return 0
        return 1

    async def _stand_again(
        self, connection: object, comment: Comment, stood: CommentDecided, cause: str, now: datetime
    ) -> CommentDecided:
        """The text that a person decided on is back, and so is that decision."""
        wanted = "hidden" if stood.standing is Standing.HIDDEN_CONFIRMED else "shown"
        plan = hold(stood.standing, wanted, stood.reason)  # type: ignore[arg-type]
        return await self._keeper.judge.stand(
            connection,  # type: ignore[arg-type]
            comment,
            plan,
            None,
            stood.record_id,
            now,
            cause=cause,
            account=None,
            actor=stood.actor,
            by_worker=True,
        )


class LapseHides:
    """A provisional hide that nobody confirmed in time lapses to visible, or stays hidden and escalates (A.10)."""

    def __init__(self, keeper: Keeper, store: WorkStore, policy: Policy) -> None:
        self._keeper, self._store, self._policy = keeper, store, policy

    async def __call__(self) -> int:
        """One round; gives back how many clocks ran out. Raises `Transient`."""
        lapsed = 0
        for subject in await self._store.overdue(self._keeper.now()):
            lapsed += await self._lapse(subject)
        return lapsed

    async def _lapse(self, subject: str) -> int:
        keeper, now = self._keeper, self._keeper.now()
        accounts = await keeper.accounts([subject])
        async with keeper.db.write() as connection:
            comment = (await locked(connection, [subject], now))[subject]
            due = comment["confirm_by"]
            if comment["standing"] != Standing.HIDDEN_PROVISIONALLY or due is None or due > now:
                return 0
            finding = await rule_of_record(connection, comment["record_id"])
            plan, decision = self._plan(finding)
            cause = f"{comment['record_id']}/lapsed/{due.isoformat()}"
            decided = await keeper.judge.stand(
                connection,
                comment,
                plan,
                decision,
                comment["record_id"],
                now,
                cause=cause,
                account=accounts[subject],
                actor=MACHINE,
                by_worker=True,
            )
            await save(connection, [comment])
        keeper.tell([decided])
        return 1

    def _plan(self, finding: Decision) -> tuple[Plan, Decision]:
        rule = self._policy.categories[finding.category] if finding.category else None
        if rule is None or rule.lapse == "visible":
            words = "Nobody confirmed the hide in time, so the comment is shown again (A.10)."
            return hold(Standing.LAPSED, "shown", words), finding
        words = f"Nobody confirmed the hide in time. It stays hidden and must be decided now. {rule.reason}"
        urgent = Decision(Action.HIDE, finding.finding, words, Urgency.URGENT)
        return hold(Standing.HIDDEN_PROVISIONALLY, None, words), urgent


class PublishDecisions:
    """Publish what a worker decided; a crash between commit and publish is mended here."""

    def __init__(self, store: WorkStore, bus: Bus, now: Callable[[], datetime]) -> None:
        self._store, self._bus, self._now = store, bus, now

    async def __call__(self) -> int:
        """One round; gives back how many were published. Raises `Transient`; a repeat has the same ids."""
        waiting = await self._store.unpublished()
        await publish_events(self._bus, "retention", waiting)
        await self._store.mark_published([event.id for event in waiting], self._now())
        return len(waiting)


class WatchBacklog:
    """Sets the gauges of what waits: on the platform, for a person, and among the dead letters."""

    def __init__(self, store: WorkStore, now: Callable[[], datetime]) -> None:
        self._store, self._now = store, now

    async def __call__(self) -> int:
        """One round. Raises `Transient`."""
        waiting = await self._store.backlog()
        for wanted in ("hidden", "shown"):
            metrics.RECORDS_PENDING.labels(wanted).set(waiting.acts.get(wanted, 0))
        oldest = waiting.oldest_act
        metrics.OLDEST_PENDING.set(max(0.0, (self._now() - oldest).total_seconds()) if oldest else 0.0)
        for standing in (Standing.HIDDEN_PROVISIONALLY, Standing.PROPOSED):
            metrics.AWAITING_REVIEW.labels(standing.value).set(waiting.standings.get(standing, 0))
        for reason in ("unreadable", "unknown_account", "rejected", "bug"):
            metrics.DEAD_LETTERS_OPEN.labels(reason).set(waiting.letters.get(reason, 0))
        return 0
