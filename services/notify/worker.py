"""
Drives every alert until somebody answers: puts messages on their way, delivers them, escalates, and tells the others.

* Three loops, each a step over due rows: `Escalate` decides whose turn it is, `Tell` delivers, `Announce` publishes.
* A channel that fails is tried again, then the recipient's next channel, then the next recipient.
* A channel that was too slow may have delivered: it is not tried again, the next one is.
* A crash between the call and the mark repeats the message once, with the same reference and the same link.

Policy: A.14.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from services.notify.channels import Outcome
from services.notify.delivery_store import Delivery, DeliveryStore
from services.notify.escalation import Move, Step, backoff_seconds, next_step
from services.notify.links import Links
from services.notify.message import compose
from services.notify.rota import Contacts, Recipient
from services.notify.settings import NotifySettings
from shared import metrics
from shared.events import AlertEscalated, AlertExhausted, AlertRaised, Event, Urgency
from shared.policy import Policy

log = logging.getLogger(__name__)

Clock = Callable[[], datetime]
Publish = Callable[[Sequence[Event]], Awaitable[None]]
AT_ONCE = 8
"""Messages under way at one time, in one copy of notify."""


class Escalate:
    """Whose turn it is: the first message of an alert, and the next one when nobody answers."""

    def __init__(
        self, store: DeliveryStore, contacts: Contacts, now: Clock, *, answer_within: timedelta, rounds: int
    ) -> None:
        self._store, self._contacts, self._now = store, contacts, now
        self._answer_within, self._rounds = answer_within, rounds

    async def __call__(self) -> int:
        """Move every due alert one step; gives back how many. Raises `DatabaseUnavailable`."""
        due = await self._store.due_alerts(self._now())
        for alert in due:
            await self._move(alert)
        return len(due)

    async def _move(self, alert: Any) -> None:
        now = self._now()
        incidents = await self._store.open_incidents(alert["id"])
        if not incidents:
            await self._store.close(alert)
            return
        recipients = self._contacts.recipients(alert["audience"], now)
        step = next_step(
            round_number=alert["round"],
            level=alert["level"],
            reached=alert["reached"],
            recipients=len(recipients),
            rounds=self._rounds,
        )
        events: list[Event] = []
        if step.end_of_list and alert["exhausted_at"] is None:
            events += _exhausted(alert, incidents, await self._store.count_attempts(alert["id"]), now)
        if step.move is Move.TELL:
            recipient = recipients[step.level]
            escalated = _escalated(alert, incidents, step, recipient, len(recipients), now)
            written = await self._store.tell(alert, step, recipient, [*events, *escalated], now)
        else:
            escalated = []
            again = now + self._answer_within if step.move is Move.PAUSE else None
            written = await self._store.rest(alert, step, again, events, now)
        if written:
            _count(alert, step, bool(events), bool(escalated))


class Tell:
    """Delivers the messages that are due, several at once."""

    def __init__(
        self,
        store: DeliveryStore,
        contacts: Contacts,
        links: Links,
        policy: Policy,
        settings: NotifySettings,
        now: Clock,
    ) -> None:
        self._store, self._contacts, self._links = store, contacts, links
        self._policy, self._settings, self._now = policy, settings, now
        self._lease = timedelta(seconds=2 * settings.channel_seconds + 30)
        self._answer_within = timedelta(minutes=policy.alerts.escalate_after_minutes)

    async def __call__(self) -> int:
        """Claim and deliver; gives back how many. Raises `DatabaseUnavailable`."""
        claimed = await self._store.claim_due(self._now(), self._lease, AT_ONCE)
        ended = await asyncio.gather(*(self._deliver(delivery) for delivery in claimed), return_exceptions=True)
        for error in ended:
            if error is not None:
                raise error
        return len(claimed)

    async def _deliver(self, delivery: Delivery) -> None:
        recipient = self._recipient(delivery)
        channel = recipient.channel(delivery.channel) if recipient else None
        if channel is None:
            await self._give_up(delivery, "unknown_channel", recipient)
            return
        if delivery.attempt > self._settings.attempts:
            await self._give_up(delivery, "gave_up", recipient)
            return
        alert, incidents = await self._store.read_alert(delivery.alert_id)
        if not incidents:
            await self._store.close(alert)
            await self._give_up(delivery, "settled", None)
            return
        link = self._links.url(delivery.id, delivery.link_expires_at)
        outcome = await channel.send(compose(alert, incidents, link, self._policy))
        await self._mark(delivery, outcome, recipient, alert, incidents)

    async def _mark(
        self, delivery: Delivery, outcome: Outcome, recipient: Recipient | None, alert: Any, incidents: Sequence[Any]
    ) -> None:
        now = self._now()
        facts = {"alert": str(delivery.alert_id), "channel": delivery.channel, "outcome": outcome.value}
        log.info("message sent" if outcome is Outcome.DELIVERED else "message not taken", extra=facts)
        metrics.ALERTS.labels(alert["audience"], outcome.value).inc()
        if outcome is Outcome.DELIVERED:
            events = [_raised(delivery, alert, incident, now) for incident in incidents]
            first = await self._store.mark_delivered(delivery, events, now, now + self._answer_within)
            if first:
                decided = min(incident["decided_at"] for incident in incidents)
                metrics.ALERT_SECONDS.labels(alert["audience"]).observe(max(0.0, (now - decided).total_seconds()))
        elif outcome is Outcome.TIMED_OUT or delivery.attempt >= self._settings.attempts:
            await self._give_up(delivery, outcome.value, recipient)
        else:
            wait = timedelta(seconds=backoff_seconds(delivery.attempt, self._settings.retry_seconds))
            await self._store.mark_retry(delivery, outcome, now, now + wait)

    async def _give_up(self, delivery: Delivery, error: str, recipient: Recipient | None) -> None:
        following = None
        if recipient:
            names = [channel.name for channel in recipient.channels]
            place = names.index(delivery.channel) + 1 if delivery.channel in names else 0
            following = names[place] if place < len(names) else None
        await self._store.mark_failed(delivery, error, self._now(), recipient, following)

    def _recipient(self, delivery: Delivery) -> Recipient | None:
        """The delivery's person as the settings have it now; None when that person is no longer told."""
        everybody = self._contacts.recipients("team", self._now())
        return next((one for one in everybody if one.person == delivery.person), None)


class Announce:
    """Publishes what happened, then marks it: the bus may be away for as long as it likes."""

    def __init__(self, store: DeliveryStore, publish: Publish, now: Clock) -> None:
        self._store, self._publish, self._now = store, publish, now

    async def __call__(self) -> int:
        """Publish what waits; gives back how many. Raises `BusUnavailable`, `DatabaseUnavailable`."""
        events = await self._store.unpublished()
        if events:
            await self._publish(events)
            await self._store.mark_published(events, self._now())
        return len(events)


class CountOpen:
    """Sets the gauge of incidents that wait for an answer."""

    def __init__(self, store: DeliveryStore) -> None:
        self._store = store

    async def __call__(self) -> int:
        """Read and set; never finds work. Raises `DatabaseUnavailable`."""
        counts = await self._store.count_open()
        for audience in ("page", "team"):
            metrics.ALERTS_OPEN.labels(audience).set(counts.get(audience, 0))
        return 0


def _count(alert: Any, step: Step, exhausted: bool, escalated: bool) -> None:
    facts = {"alert": str(alert["id"]), "round": step.round, "level": step.level}
    if exhausted:
        metrics.ALERTS.labels(alert["audience"], "exhausted").inc()
        log.error("nobody could be reached", extra=facts)
    if escalated:
        metrics.ALERTS.labels(alert["audience"], "escalated").inc()
        log.warning("alert escalated", extra=facts)


def _raised(delivery: Delivery, alert: Any, incident: Any, now: datetime) -> AlertRaised:
    return AlertRaised.caused_by(
        f"{delivery.id}/{incident['id']}",
        subject=str(incident["id"]),
        time=now,
        comment=incident["subject"],
        route=alert["audience"],
        urgency=Urgency.URGENT if incident["urgent"] else Urgency.NORMAL,
        summary=incident["reason"],
        channel=delivery.channel,
        recipient=delivery.person,
    )


def _escalated(
    alert: Any, incidents: Sequence[Any], step: Step, recipient: Recipient, recipients: int, now: datetime
) -> list[AlertEscalated]:
    """One event for each incident; none for the first message, which is no escalation."""
    level = (step.round - 1) * recipients + step.level
    if level < 1:
        return []
    return [
        AlertEscalated.caused_by(
            f"{alert['id']}/{incident['id']}/{step.round}/{step.level}",
            subject=str(incident["id"]),
            time=now,
            comment=incident["subject"],
            level=level,
            recipient=recipient.person,
        )
        for incident in incidents
    ]


def _exhausted(alert: Any, incidents: Sequence[Any], attempts: int, now: datetime) -> list[AlertExhausted]:
    return [
        AlertExhausted.caused_by(
            f"{alert['id']}/{incident['id']}",
            subject=str(incident["id"]),
            time=now,
            comment=incident["subject"],
            attempts=attempts,
        )
        for incident in incidents
    ]
