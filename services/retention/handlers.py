"""
Events in, events out: what came is kept, and what follows from it is decided.

Each handler writes one transaction for its batch and may be called again with events it has seen: it then gives back
the same events, from what was stored.

Policy: A.9 (kept), A.10 (with a reason), A.14 (reports and alerts are part of the record).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta

from services.retention.store import facts
from services.retention.store.acts import cancel, ours
from services.retention.store.letters import keep_letters
from services.retention.store.people import Review
from services.retention.store.standing import (
    Judge,
    hold,
    judged,
    locked,
    make_current,
    save,
    stored_decision,
    stored_decisions,
    verdicts_of,
)
from shared import metrics
from shared.db import Database
from shared.directory import Account, Directory
from shared.errors import Rejected
from shared.events import (
    CommentClassified,
    CommentDecided,
    CommentReceived,
    CommentRemoved,
    CommentReported,
    CommentReviewed,
    CommentVisibilityChanged,
    Event,
    MessageDeadLettered,
    PostReceived,
    Standing,
)
from shared.service import Clock

MACHINE = "service:retention"
ECHO = timedelta(minutes=10)
"""Within this time what is seen on the platform is taken for the echo of our own act."""


class Keeper:
    """What the handlers share: the database, the directory, the judge and the clock."""

    def __init__(
        self,
        db: Database,
        directory: Directory,
        judge: Judge,
        now: Clock,
        nudge: Callable[[], None] = lambda: None,
    ) -> None:
        self.db, self.directory, self.judge, self.now, self._nudge = db, directory, judge, now, nudge

    async def accounts(self, subjects: Iterable[str]) -> dict[str, Account | None]:
        """
        The official account of each subject.

        Raises `DatabaseUnavailable`, `Rejected` for a subject of no comment.
        """
        places = {subject: place_of(subject) for subject in subjects}
        known = {place: await self.directory.account(*place) for place in set(places.values())}
        return {subject: known[place] for subject, place in places.items()}

    def tell(self, events: Sequence[CommentDecided]) -> None:
        """Count what was newly decided, and wake the hide worker."""
        for event in events:
            metrics.DECISIONS.labels(event.standing.value, event.category or "none").inc()
        if events:
            self._nudge()


def place_of(subject: str) -> tuple[str, str]:
    """Platform and account of a comment's subject. Raises `Rejected` for one that is not a comment's."""
    parts = subject.split(":", 2)
    if len(parts) != 3 or not all(parts):
        raise Rejected("subject", "the subject is not platform:account:comment_id")
    return parts[0], parts[1]


class KeepComments:
    """Keep every revision (A.9); decide where the verdict was first."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper

    async def __call__(self, events: Sequence[CommentReceived]) -> Sequence[Event]:
        keeper, now = self._keeper, self._keeper.now()
        accounts = await keeper.accounts(event.subject for event in events)
        answers: list[CommentDecided] = []
        fresh: list[CommentDecided] = []
        async with keeper.db.write() as connection:
            found = await locked(connection, accounts, now)
            new = await facts.keep_revisions(connection, events, now)
            known = await verdicts_of(connection, accounts)
            stored = await stored_decisions(connection, (judged(event.subject, event.revision) for event in events))
            for event in events:
                comment, key = found[event.subject], (event.subject, event.revision)
                make_current(comment, event, new.pop(key, None))
                if judged(*key) in stored:
                    answers.append(stored[judged(*key)])
                    continue
                verdict = known.get((event.subject, comment["revision"]))
                decided = await keeper.judge.judge(connection, comment, accounts[event.subject], now, verdict)
                if decided:
                    fresh.append(decided)
            await save(connection, found.values())
        keeper.tell(fresh)
        return [*answers, *fresh]


class JudgeComments:
    """Keep every verdict; decide where the comment was first."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper

    async def __call__(self, events: Sequence[CommentClassified]) -> Sequence[Event]:
        keeper, now = self._keeper, self._keeper.now()
        accounts = await keeper.accounts(event.subject for event in events)
        answers: list[CommentDecided] = []
        fresh: list[CommentDecided] = []
        async with keeper.db.write() as connection:
            found = await locked(connection, accounts, now)
            known = await facts.keep_verdicts(connection, events)
            stored = await stored_decisions(connection, (judged(event.subject, event.revision) for event in events))
            for event in events:
                comment, cause = found[event.subject], judged(event.subject, event.revision)
                if cause in stored:
                    answers.append(stored[cause])
                elif comment["revision"] == event.revision:
                    verdict = known[event.subject, event.revision]
                    decided = await keeper.judge.judge(connection, comment, accounts[event.subject], now, verdict)
                    if decided:
                        fresh.append(decided)
            await save(connection, found.values())
        keeper.tell(fresh)
        return [*answers, *fresh]


class RemoveComments:
    """The author or the platform removed it: acts are cancelled, the clock stops, the record stays."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper

    async def __call__(self, events: Sequence[CommentRemoved]) -> Sequence[Event]:
        keeper, now = self._keeper, self._keeper.now()
        accounts = await keeper.accounts(event.subject for event in events)
        answers: list[CommentDecided] = []
        fresh: list[CommentDecided] = []
        plan = hold(Standing.GONE, None, "It was removed from the platform.")
        async with keeper.db.write() as connection:
            found = await locked(connection, accounts, now)
            for event in events:
                await facts.keep_removal(connection, event)
                comment, cause, account = found[event.subject], str(event.id), accounts[event.subject]
                if stored := await stored_decision(connection, cause):
                    answers.append(stored)
                elif comment["removed_at"] is None:
                    comment.set(removed_at=event.time, unsettled_at=None, seen_hidden_at=None)
                    await cancel(connection, event.subject, now)
                    fresh.append(
                        await keeper.judge.stand(
                            connection, comment, plan, None, None, now, cause=cause, account=account, actor=MACHINE
                        )
                    )
            await save(connection, found.values())
        keeper.tell(fresh)
        return [*answers, *fresh]


class SightComments:
    """Hidden or shown on the platform: the echo of our own act, or somebody else's, which waits for a reason (A.10)."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper

    async def __call__(self, events: Sequence[CommentVisibilityChanged]) -> Sequence[Event]:
        keeper, now = self._keeper, self._keeper.now()
        for event in events:
            place_of(event.subject)
        async with keeper.db.write() as connection:
            found = await locked(connection, (event.subject for event in events), now)
            for event in events:
                own = await ours(connection, event.subject, hidden=event.hidden, since=event.time - ECHO)
                stored = await facts.keep_sighting(connection, event, ours=own)
                comment = found[event.subject]
                if stored["ours"] or comment["removed_at"]:
                    continue
                hidden_by_us = comment["standing"] in (Standing.HIDDEN_PROVISIONALLY, Standing.HIDDEN_CONFIRMED)
                comment.set(seen_hidden_at=event.time if event.hidden and not hidden_by_us else None)
            await save(connection, found.values())
        return []


class ReviewComments:
    """A person's act: the first one holds, a later one is told who was first (A.4, A.10)."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper

    async def __call__(self, events: Sequence[CommentReviewed]) -> Sequence[Event]:
        keeper, now = self._keeper, self._keeper.now()
        accounts = await keeper.accounts(event.subject for event in events)
        answers: list[CommentDecided] = []
        fresh: list[CommentDecided] = []
        async with keeper.db.write() as connection:
            found = await locked(connection, accounts, now)
            for event in events:
                if stored := await stored_decision(connection, str(event.id)):
                    answers.append(stored)
                    continue
                review = Review(connection, keeper.judge, found[event.subject], accounts[event.subject], now)
                if decided := await review.carry_out(event):
                    fresh.append(decided)
            await save(connection, found.values())
        keeper.tell(fresh)
        return [*answers, *fresh]


class KeepReports:
    """A member's report (A.14) is kept and stands in the queue."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper

    async def __call__(self, events: Sequence[CommentReported]) -> Sequence[Event]:
        async with self._keeper.db.write() as connection:
            await facts.keep_reports(connection, events)
        return []


class KeepPosts:
    """An official post, or its new text, is kept (A.8, A.9)."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper

    async def __call__(self, events: Sequence[PostReceived]) -> Sequence[Event]:
        async with self._keeper.db.write() as connection:
            await facts.keep_posts(connection, events)
        return []


class KeepAlerts:
    """Who was told of what, and who answered, is part of the record (A.14)."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper

    async def __call__(self, events: Sequence[Event]) -> Sequence[Event]:
        async with self._keeper.db.write() as connection:
            await facts.keep_alerts(connection, events)
        return []


class KeepDeadLetters:
    """What could not be handled waits for a person."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper

    async def __call__(self, events: Sequence[MessageDeadLettered]) -> Sequence[Event]:
        async with self._keeper.db.write() as connection:
            await keep_letters(connection, events)
        return []
