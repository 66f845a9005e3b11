"""
Events in, incidents out: what was decided, what could not be hidden, what a member reported.

Each handler only keeps what must be told; the worker tells. It publishes nothing, and a repeat changes nothing. The
hour that counts is that of handling, by the injected clock.

Policy: A.13, A.14.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from services.notify.message import UNREFERENCED, failure_reason
from services.notify.policy import Audience, Facts, Kind, Rules, route, settles
from services.notify.store import IncidentStore, Matter
from shared import metrics
from shared.calendar import ClosedDays
from shared.events import CommentDecided, CommentHideFailed, CommentReported, Event, How, Urgency

AccountName = Callable[[str, str], Awaitable[str]]
"""Gives the name of an account by platform and identifier; empty when unknown."""


class Desk:
    """Where every event arrives: says whom it concerns, and keeps it."""

    def __init__(self, store: IncidentStore, rules: Rules, closed: ClosedDays, now: Callable[[], datetime]) -> None:
        self._store, self._rules, self._closed, self._now = store, rules, closed, now

    async def take(self, matter: Matter) -> None:
        """Route a matter and keep it as an incident. Safe to repeat. Raises `DatabaseUnavailable`."""
        now = self._now()
        facts = Facts(
            kind=matter.kind,
            urgency=Urgency.URGENT if matter.urgent else Urgency.NORMAL,
            how=How.BACKFILL if matter.backfill else How.WEBHOOK,
            received_at=matter.received_at,
        )
        chosen = route(facts, now, self._rules, self._closed.around(now))
        await self._store.open_incident(matter, chosen, now, self._rules.bundle)
        if chosen.audience is Audience.NOBODY:
            metrics.ALERTS.labels(chosen.audience.value, chosen.why.value).inc()

    async def settle(self, event: CommentDecided, kinds: frozenset[Kind]) -> None:
        """Close what a decision settles. Safe to repeat. Raises `DatabaseUnavailable`."""
        lane = f"{event.platform}:{event.account}"
        await self._store.settle(event.id, event.subject, lane, kinds, event.actor, event.time)


class HearDecisions:
    """What stands now for a comment: something to tell, or the end of an incident."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def __call__(self, events: Sequence[CommentDecided]) -> Sequence[Event]:
        """Take each in, in order."""
        for event in events:
            if kinds := settles(event):
                await self._desk.settle(event, kinds)
            else:
                await self._desk.take(_decided(event))
        return ()


class HearFailedHides:
    """A comment that should be hidden and is not: a person must act at any hour."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def __call__(self, events: Sequence[CommentHideFailed]) -> Sequence[Event]:
        """Take each in, in order."""
        for event in events:
            await self._desk.take(_hide_failed(event))
        return ()


class HearReports:
    """A Division member reported a post (A.14): it joins the comment's incident, or opens one."""

    def __init__(self, desk: Desk, account_name: AccountName) -> None:
        self._desk, self._account_name = desk, account_name

    async def __call__(self, events: Sequence[CommentReported]) -> Sequence[Event]:
        """Take each in, in order."""
        for event in events:
            known = event.platform and event.account
            name = await self._account_name(event.platform or "", event.account or "") if known else ""
            await self._desk.take(_reported(event, name))
        return ()


def _decided(event: CommentDecided) -> Matter:
    return Matter(
        event_id=event.id,
        kind=Kind.FINDING,
        subject=event.subject,
        revision=event.revision,
        platform=event.platform,
        account=event.account,
        account_name=event.account_name,
        standing=event.standing.value,
        category=event.category.value if event.category else None,
        reason=event.reason,
        url=event.url,
        urgent=event.urgency is Urgency.URGENT,
        backfill=event.how is How.BACKFILL,
        received_at=event.received_at,
        decided_at=event.time,
    )


def _hide_failed(event: CommentHideFailed) -> Matter:
    return Matter(
        event_id=event.id,
        kind=Kind.HIDE_FAILED,
        subject=event.subject,
        revision=f"generation {event.generation}",
        platform=event.platform,
        account=event.account,
        account_name=event.account_name,
        standing="",
        category=None,
        reason=failure_reason(event.reason),
        url=None,
        urgent=True,
        backfill=False,
        received_at=event.time,
        decided_at=event.time,
    )


def _reported(event: CommentReported, account_name: str) -> Matter:
    """The member's note is left out: it may quote the comment. So is a link that is no web address."""
    link = event.link if event.link and event.link.startswith(("https://", "http://")) else None
    return Matter(
        event_id=event.id,
        kind=Kind.REPORT,
        subject=event.subject,
        revision="",
        platform=event.platform or "",
        account=event.account or "",
        account_name=account_name,
        standing="",
        category=None,
        reason="A Division member found this post inappropriate (A.14)." if event.comment_id else UNREFERENCED,
        url=link,
        urgent=False,
        backfill=False,
        received_at=event.time,
        decided_at=event.time,
    )
