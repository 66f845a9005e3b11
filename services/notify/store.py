"""
What was taken in: incidents, the alerts they join, and how they are settled or answered.

* One event is one transaction, under a lock on its account's lane: two copies of notify cannot open two incidents, or
  two bundles, for one storm.
* An event that was taken in before changes nothing.
* The first answer to an alert is kept; whoever comes second is told who was first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import RowMapping, Select, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notify.policy import Audience, Kind, Route, Why
from services.notify.tables import alerts, announcements, causes, deliveries, incidents, lanes
from shared.db import Database, insert_once
from shared.errors import Rejected
from shared.events import NAMESPACE, AlertAcknowledged, Event

LIVE = ("waiting", "open")
"""States of an alert that still waits for an answer."""


@dataclass(frozen=True)
class Matter:
    """What an event says of one comment, as the incident keeps it."""

    event_id: UUID
    kind: Kind
    subject: str
    revision: str
    platform: str
    account: str
    account_name: str
    standing: str
    category: str | None
    reason: str
    url: str | None
    urgent: bool
    backfill: bool
    received_at: datetime
    decided_at: datetime

    @property
    def lane(self) -> str:
        """Events of one lane are taken in one after the other."""
        return f"{self.platform}:{self.account}"


@dataclass(frozen=True)
class Answer:
    """Who answered an alert, and when; ``first`` says whether it was this one."""

    first: bool
    actor: str
    at: datetime


class IncidentStore:
    """Takes events in, and answers."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def open_incident(self, matter: Matter, route: Route, now: datetime, bundle: timedelta) -> UUID | None:
        """
        Keep ``matter`` as an incident, and have it told as ``route`` says; gives back the incident's id.

        A repeat changes nothing. A matter that is known and unsettled joins its incident and tells nobody again, unless
        it has become urgent. None when a later decision has settled it already. Raises `DatabaseUnavailable`.
        """
        async with self._db.write() as connection:
            if not await _take(connection, matter.event_id, matter.subject, matter.decided_at, matter.lane):
                return None
            if await _settled_later(connection, matter):
                return None
            earlier = (await connection.execute(_incidents_of(matter.subject))).mappings().all()
            if known := next((row for row in earlier if _joins(matter, row)), None):
                if matter.urgent and not known["urgent"] and known["state"] == "open":
                    await _raise_incident(connection, known, matter, route, now, bundle)
                return UUID(str(known["id"]))
            generation = sum(row["kind"] == matter.kind for row in earlier)
            matter = _completed(matter, earlier)
            incident = uuid5(NAMESPACE, f"incident/{matter.subject}/{matter.kind}/{generation}")
            alert = await _join_alert(connection, incident, matter, route, now, bundle)
            row = _incident_row(matter, route, now) | {"id": incident, "generation": generation, "alert_id": alert}
            await insert_once(connection, incidents, [row])
            return incident

    async def settle(
        self, event_id: UUID, subject: str, lane: str, kinds: frozenset[Kind], actor: str, time: datetime
    ) -> int:
        """
        Close the comment's incidents of ``kinds``, and the alerts that have nothing else to tell; gives back how many.

        A repeat changes nothing. Raises `DatabaseUnavailable`.
        """
        async with self._db.write() as connection:
            if not await _take(connection, event_id, subject, time, lane, settles=kinds):
                return 0
            query = select(incidents.c.id, incidents.c.alert_id).where(
                incidents.c.subject == subject, incidents.c.kind.in_(sorted(kinds)), incidents.c.state != "closed"
            )
            found = (await connection.execute(query)).all()
            await connection.execute(
                update(incidents)
                .where(incidents.c.id.in_([row.id for row in found]))
                .values(state="closed", settled_by=actor, settled_at=time)
            )
            for alert in {row.alert_id for row in found if row.alert_id}:
                await _close_if_done(connection, alert)
            return len(found)

    async def answer(self, alert_id: UUID, actor: str, now: datetime) -> Answer:
        """
        Keep that ``actor`` has it, and stop the escalation; or give back who was first.

        The event of each incident is announced in the same transaction. Raises `DatabaseUnavailable`, and `Rejected`
        when there is no such alert or everything in it was settled without an answer.
        """
        async with self._db.write() as connection:
            won = await connection.execute(
                update(alerts)
                .where(alerts.c.id == alert_id, alerts.c.answered_at.is_(None), alerts.c.state != "closed")
                .values(state="answered", answered_by=actor, answered_at=now, next_at=None)
            )
            row = (await connection.execute(select(alerts).where(alerts.c.id == alert_id))).mappings().first()
            if row is None or row["answered_at"] is None:
                raise Rejected("settled" if row else "unknown")
            if won.rowcount:
                await _keep_answer(connection, alert_id, actor, now)
            return Answer(bool(won.rowcount), row["answered_by"], row["answered_at"])

    async def read_delivery(self, delivery: UUID) -> tuple[RowMapping, RowMapping, Sequence[RowMapping]] | None:
        """The delivery, its alert, and the alert's incidents; None when unknown. Raises `DatabaseUnavailable`."""
        async with self._db.read() as connection:
            sent = (await connection.execute(select(deliveries).where(deliveries.c.id == delivery))).mappings().first()
            if sent is None:
                return None
            alert = (await connection.execute(select(alerts).where(alerts.c.id == sent["alert_id"]))).mappings().one()
            return sent, alert, await read_incidents(connection, sent["alert_id"])

    async def name_of(self, person: str) -> str:
        """The name of somebody who was told before; the identifier when there is none. Raises `DatabaseUnavailable`."""
        async with self._db.read() as connection:
            query = select(deliveries.c.name).where(deliveries.c.person == person).limit(1)
            return (await connection.execute(query)).scalar_one_or_none() or person


async def read_incidents(connection: AsyncConnection, alert_id: UUID) -> Sequence[RowMapping]:
    """The incidents of an alert, the urgent ones and then the oldest first."""
    order = (incidents.c.urgent.desc(), incidents.c.received_at, incidents.c.id)
    return (
        (await connection.execute(select(incidents).where(incidents.c.alert_id == alert_id).order_by(*order)))
        .mappings()
        .all()
    )


async def announce(connection: AsyncConnection, events: Sequence[Event], now: datetime) -> None:
    """Have ``events`` published: part of the transaction of what they tell. A repeat changes nothing."""
    rows = [
        {"event_id": event.id, "topic": event.topic, "body": event.model_dump_json(), "created_at": now}
        for event in events
    ]
    await insert_once(connection, announcements, [row | {"published_at": None} for row in rows])


async def _take(
    connection: AsyncConnection,
    event_id: UUID,
    subject: str,
    time: datetime,
    lane: str,
    *,
    settles: frozenset[Kind] = frozenset(),
) -> bool:
    """Lock the lane and note the event; False when it was noted before."""
    await insert_once(connection, lanes, [{"lane": lane}])
    await connection.execute(select(lanes).where(lanes.c.lane == lane).with_for_update())
    known = await connection.execute(select(causes.c.event_id).where(causes.c.event_id == event_id))
    if known.first() is not None:
        return False
    row = {"event_id": event_id, "subject": subject, "time": time, "settles": " ".join(sorted(settles))}
    await insert_once(connection, causes, [row])
    return True


async def _settled_later(connection: AsyncConnection, matter: Matter) -> bool:
    """Whether a decision that is newer than ``matter`` has settled it: no order holds between topics."""
    query = select(causes.c.settles).where(
        causes.c.subject == matter.subject, causes.c.time > matter.decided_at, causes.c.settles != ""
    )
    return any(matter.kind in found.split() for found in (await connection.execute(query)).scalars())


def _incidents_of(subject: str) -> Select[Any]:
    return select(incidents).where(incidents.c.subject == subject).order_by(incidents.c.noticed_at.desc())


def _joins(matter: Matter, row: RowMapping) -> bool:
    """
    Whether ``matter`` is news of the incident ``row`` and no news to people.

    A failed hide is a matter of its own. Until somebody answers everything joins; afterwards a changed text does not.
    """
    if row["state"] == "closed" or (row["kind"] == Kind.HIDE_FAILED) != (matter.kind is Kind.HIDE_FAILED):
        return False
    return row["state"] == "open" or not matter.revision or matter.revision == row["revision"]


def _completed(matter: Matter, earlier: Sequence[RowMapping]) -> Matter:
    """``matter`` with what is known of the comment from before: a failed hide does not say where the comment stands."""
    return replace(
        matter,
        url=matter.url or next((row["url"] for row in earlier if row["url"]), None),
        category=matter.category or next((row["category"] for row in earlier if row["category"]), None),
        account_name=matter.account_name or next((row["account_name"] for row in earlier), ""),
    )


def _incident_row(matter: Matter, route: Route, now: datetime) -> dict[str, Any]:
    fields = asdict(matter)
    del fields["event_id"]
    return fields | {
        "kind": matter.kind.value,
        "noticed_at": now,
        "business_time": route.business_time,
        "audience": route.audience.value,
        "why": route.why.value,
        "state": "open",
        "settled_by": None,
        "settled_at": None,
    }


async def _raise_incident(
    connection: AsyncConnection, known: RowMapping, matter: Matter, route: Route, now: datetime, bundle: timedelta
) -> None:
    """The matter has become urgent: an incident of which only the team heard becomes a page."""
    values: dict[str, Any] = {"urgent": True}
    if known["audience"] != route.audience and route.audience is Audience.PAGE:
        values |= {"audience": route.audience.value, "why": route.why.value}
        values["alert_id"] = await _join_alert(connection, known["id"], matter, route, now, bundle)
    await connection.execute(update(incidents).where(incidents.c.id == known["id"]).values(**values))
    if known["alert_id"] and "alert_id" in values:
        await _close_if_done(connection, known["alert_id"])


async def _join_alert(
    connection: AsyncConnection, incident: UUID, matter: Matter, route: Route, now: datetime, bundle: timedelta
) -> UUID | None:
    """
    The alert that tells of this incident: one that still gathers, the follow-up of a storm, or a first one, due now.

    Late matters of all accounts share one alert until somebody answers it.
    """
    if route.audience is Audience.NOBODY:
        return None
    late = route.why is Why.LATE
    key = "late" if late else f"{matter.lane}:{route.audience}:{'urgent' if matter.urgent else 'normal'}"
    if late:
        await _lock(connection, "late")
    last = await _last_alert(connection, key)
    if last and (last["state"] in LIVE if late else last["state"] == "waiting" and last["due_at"] > now):
        return UUID(str(last["id"]))
    due = now + bundle if late else max(now, last["due_at"] + bundle) if last else now
    alert = uuid5(NAMESPACE, f"alert/{incident}/{route.audience}")
    await insert_once(connection, alerts, [_alert_row(alert, key, matter, route, now, due)])
    return alert


async def _last_alert(connection: AsyncConnection, key: str) -> RowMapping | None:
    """The latest alert of a bundle key, locked: it must not be sent while an incident joins it."""
    untold = (alerts.c.state == "closed") & alerts.c.told_at.is_(None)
    query = (
        select(alerts)
        .where(alerts.c.bundle_key == key, ~untold)
        .order_by(alerts.c.due_at.desc())
        .limit(1)
        .with_for_update()
    )
    return (await connection.execute(query)).mappings().first()


async def _lock(connection: AsyncConnection, lane: str) -> None:
    await insert_once(connection, lanes, [{"lane": lane}])
    await connection.execute(select(lanes).where(lanes.c.lane == lane).with_for_update())


def _alert_row(alert: UUID, key: str, matter: Matter, route: Route, now: datetime, due: datetime) -> dict[str, Any]:
    return {
        "id": alert,
        "bundle_key": key,
        "audience": route.audience.value,
        "urgent": matter.urgent,
        "late": route.why is Why.LATE,
        "created_at": now,
        "due_at": due,
        "state": "waiting",
        "round": 1,
        "level": -1,
        "reached": False,
        "next_at": due,
        "told_at": None,
        "exhausted_at": None,
        "answered_at": None,
        "answered_by": None,
    }


async def _close_if_done(connection: AsyncConnection, alert_id: UUID) -> None:
    """Close an alert that has nothing left to tell, and call its messages back."""
    query = select(func.count()).where(incidents.c.alert_id == alert_id, incidents.c.state == "open")
    if (await connection.execute(query)).scalar_one():
        return
    await connection.execute(
        update(alerts)
        .where(alerts.c.id == alert_id, alerts.c.answered_at.is_(None))
        .values(state="closed", next_at=None)
    )
    await _call_back(connection, alert_id)


async def _call_back(connection: AsyncConnection, alert_id: UUID) -> None:
    await connection.execute(
        update(deliveries)
        .where(deliveries.c.alert_id == alert_id, deliveries.c.state == "pending")
        .values(state="cancelled")
    )


async def _keep_answer(connection: AsyncConnection, alert_id: UUID, actor: str, now: datetime) -> None:
    open_ones = [row for row in await read_incidents(connection, alert_id) if row["state"] == "open"]
    await connection.execute(
        update(incidents)
        .where(incidents.c.alert_id == alert_id, incidents.c.state == "open")
        .values(state="answered", settled_by=actor, settled_at=now)
    )
    await _call_back(connection, alert_id)
    events = [
        AlertAcknowledged.caused_by(
            f"{row['id']}/{alert_id}", subject=str(row["id"]), time=now, comment=row["subject"], actor=actor
        )
        for row in open_ones
    ]
    await announce(connection, events, now)
