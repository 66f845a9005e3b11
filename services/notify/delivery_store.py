"""
Alerts and their messages on the way: what is due, who has claimed it, and what became of it.

* A message is claimed for longer than its channel may take, by the database's clock; everything else goes by the clock
  that is passed in. Two copies of notify never claim the same message.
* A step of an alert is written only if the alert still stands where the step began: two copies that compute the same
  step write it once.
* Every attempt is a row, written before the call: one without an outcome tells that the process died meanwhile.
* Timers are rows: a restart loses none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import RowMapping, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notify.channels import Outcome
from services.notify.escalation import Step
from services.notify.rota import Recipient
from services.notify.store import LIVE, announce, read_incidents
from services.notify.tables import alerts, announcements, attempts, deliveries, incidents
from shared.db import Database, database_now, insert_once
from shared.events import NAMESPACE, TOPICS, Event


@dataclass(frozen=True)
class Delivery:
    """A claimed message. ``attempt`` counts this try, from 1."""

    id: UUID
    alert_id: UUID
    round: int
    level: int
    person: str
    name: str
    channel: str
    attempt: int
    link_expires_at: datetime


class DeliveryStore:
    """Drives alerts and deliveries. Every method raises `DatabaseUnavailable`."""

    def __init__(self, db: Database, *, link_lasts: timedelta) -> None:
        self._db, self._link_lasts = db, link_lasts

    async def due_alerts(self, now: datetime, limit: int = 50) -> Sequence[RowMapping]:
        """Alerts whose time has come, the urgent ones first."""
        query = (
            select(alerts)
            .where(alerts.c.state.in_(LIVE), alerts.c.next_at <= now)
            .order_by(alerts.c.urgent.desc(), alerts.c.next_at)
            .limit(limit)
        )
        async with self._db.read() as connection:
            return (await connection.execute(query)).mappings().all()

    async def open_incidents(self, alert_id: UUID) -> list[RowMapping]:
        """Those of an alert that nobody has answered or settled."""
        async with self._db.read() as connection:
            return [row for row in await read_incidents(connection, alert_id) if row["state"] == "open"]

    async def read_alert(self, alert_id: UUID) -> tuple[RowMapping, list[RowMapping]]:
        """An alert as it stands, and its open incidents."""
        async with self._db.read() as connection:
            alert = (await connection.execute(select(alerts).where(alerts.c.id == alert_id))).mappings().one()
            found = await read_incidents(connection, alert_id)
            return alert, [row for row in found if row["state"] == "open"]

    async def count_attempts(self, alert_id: UUID) -> int:
        """How often somebody was tried for this alert."""
        query = select(func.count()).select_from(attempts.join(deliveries)).where(deliveries.c.alert_id == alert_id)
        async with self._db.read() as connection:
            return int((await connection.execute(query)).scalar_one())

    async def tell(
        self, alert: RowMapping, step: Step, recipient: Recipient, events: Sequence[Event], now: datetime
    ) -> bool:
        """It is the recipient's turn: put the message on its way and announce ``events``. False when done before."""
        async with self._db.write() as connection:
            values = {"state": "open", "round": step.round, "level": step.level, "reached": False, "next_at": None}
            if not await _move(connection, alert, values, step, now):
                return False
            channel = recipient.channels[0].name
            await self._enqueue(connection, alert, step.round, step.level, recipient, channel, now)
            await announce(connection, events, now)
            return True

    async def rest(
        self, alert: RowMapping, step: Step, next_at: datetime | None, events: Sequence[Event], now: datetime
    ) -> bool:
        """Everybody had their turn: wait until ``next_at``, or for ever. False when done before."""
        async with self._db.write() as connection:
            values = {"state": "open" if next_at else "exhausted", "round": step.round, "level": step.level}
            if not await _move(connection, alert, values | {"reached": False, "next_at": next_at}, step, now):
                return False
            await announce(connection, events, now)
            return True

    async def close(self, alert: RowMapping) -> None:
        """Nothing is left to tell."""
        async with self._db.write() as connection:
            await connection.execute(
                update(alerts)
                .where(alerts.c.id == alert["id"], alerts.c.state.in_(LIVE))
                .values(state="closed", next_at=None)
            )

    async def claim_due(self, now: datetime, lease: timedelta, limit: int) -> list[Delivery]:
        """Claim messages that are due, the urgent ones first, and note the attempt."""
        async with self._db.write() as connection:
            moment = await database_now(connection)
            query = (
                select(deliveries)
                .where(
                    deliveries.c.state == "pending",
                    deliveries.c.next_attempt_at <= now,
                    deliveries.c.claimed_until.is_(None) | (deliveries.c.claimed_until < moment),
                )
                .order_by(deliveries.c.urgent.desc(), deliveries.c.next_attempt_at, deliveries.c.id)
                .limit(limit)
                .with_for_update(skip_locked=True)
            )
            claimed = [_delivery(row) for row in (await connection.execute(query)).mappings()]
            for one in claimed:
                await connection.execute(
                    update(deliveries)
                    .where(deliveries.c.id == one.id)
                    .values(claimed_until=moment + lease, attempts=one.attempt)
                )
                row = {"delivery_id": one.id, "number": one.attempt, "begun_at": now, "ended_at": None, "outcome": None}
                await insert_once(connection, attempts, [row])
            return claimed

    async def mark_delivered(
        self, delivery: Delivery, events: Sequence[Event], now: datetime, answer_by: datetime
    ) -> bool:
        """
        The channel took it: announce ``events``, and look again at ``answer_by`` if it is a page.

        True when this is the first message of the alert that reached anybody.
        """
        async with self._db.write() as connection:
            done = await _end(connection, delivery, Outcome.DELIVERED, now, state="delivered", delivered_at=now)
            if not done:
                return False
            alert = (await connection.execute(select(alerts).where(alerts.c.id == delivery.alert_id))).mappings().one()
            values: dict[str, Any] = {"reached": True, "told_at": alert["told_at"] or now}
            values |= {"next_at": answer_by} if alert["audience"] == "page" else {"state": "told", "next_at": None}
            await connection.execute(update(alerts).where(*_here(delivery)).values(**values))
            await announce(connection, events, now)
            return alert["told_at"] is None

    async def mark_retry(self, delivery: Delivery, outcome: Outcome, now: datetime, next_at: datetime) -> None:
        """The channel did not take it: try it again at ``next_at``."""
        async with self._db.write() as connection:
            await _end(connection, delivery, outcome, now, next_attempt_at=next_at, claimed_until=None)

    async def mark_failed(
        self, delivery: Delivery, error: str, now: datetime, recipient: Recipient | None, channel: str | None
    ) -> None:
        """The channel is given up: go on with ``channel`` of the same person, or with the next person at once."""
        async with self._db.write() as connection:
            if not await _end(connection, delivery, error, now, state="failed"):
                return
            query = select(alerts).where(*_here(delivery))
            alert = (await connection.execute(query)).mappings().first()
            if alert is None:
                return
            if recipient and channel:
                await self._enqueue(connection, alert, delivery.round, delivery.level, recipient, channel, now)
            else:
                await connection.execute(update(alerts).where(*_here(delivery)).values(next_at=now))

    async def unpublished(self, limit: int = 200) -> list[Event]:
        """Events that wait to be published, the oldest first."""
        query = (
            select(announcements)
            .where(announcements.c.published_at.is_(None))
            .order_by(announcements.c.created_at, announcements.c.event_id)
            .limit(limit)
        )
        async with self._db.read() as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [TOPICS[row["topic"]].model_validate_json(row["body"]) for row in rows]

    async def mark_published(self, events: Sequence[Event], now: datetime) -> None:
        """The bus has them."""
        async with self._db.write() as connection:
            await connection.execute(
                update(announcements)
                .where(announcements.c.event_id.in_([event.id for event in events]))
                .values(published_at=now)
            )

    async def count_open(self) -> dict[str, int]:
        """Incidents that were told and that nobody has answered, by audience."""
        query = (
            select(incidents.c.audience, func.count())
            .select_from(incidents.join(alerts, incidents.c.alert_id == alerts.c.id))
            .where(incidents.c.state == "open", alerts.c.told_at.is_not(None))
            .group_by(incidents.c.audience)
        )
        async with self._db.read() as connection:
            return {audience: count for audience, count in (await connection.execute(query)).all()}

    async def _enqueue(
        self,
        connection: AsyncConnection,
        alert: RowMapping,
        round_number: int,
        level: int,
        recipient: Recipient,
        channel: str,
        now: datetime,
    ) -> None:
        name = f"delivery/{alert['id']}/{round_number}/{level}/{recipient.person}/{channel}"
        row = {
            "id": uuid5(NAMESPACE, name),
            "alert_id": alert["id"],
            "round": round_number,
            "level": level,
            "person": recipient.person,
            "name": recipient.name,
            "channel": channel,
            "urgent": alert["urgent"],
            "state": "pending",
            "due_at": now,
            "next_attempt_at": now,
            "attempts": 0,
            "claimed_until": None,
            "last_error": None,
            "delivered_at": None,
            "link_expires_at": now + self._link_lasts,
        }
        await insert_once(connection, deliveries, [row])


async def _move(
    connection: AsyncConnection, alert: RowMapping, values: dict[str, Any], step: Step, now: datetime
) -> bool:
    """Write a step if the alert still stands where the step began."""
    if step.end_of_list and alert["exhausted_at"] is None:
        values = values | {"exhausted_at": now}
    done = await connection.execute(
        update(alerts)
        .where(
            alerts.c.id == alert["id"],
            alerts.c.state.in_(LIVE),
            alerts.c.round == alert["round"],
            alerts.c.level == alert["level"],
            alerts.c.next_at == alert["next_at"],
        )
        .values(**values)
    )
    return bool(done.rowcount)


def _here(delivery: Delivery) -> tuple[Any, ...]:
    """The delivery's alert, if it is open and still at this delivery's turn."""
    return (
        alerts.c.id == delivery.alert_id,
        alerts.c.state == "open",
        alerts.c.round == delivery.round,
        alerts.c.level == delivery.level,
    )


async def _end(connection: AsyncConnection, delivery: Delivery, outcome: str, now: datetime, **values: object) -> bool:
    """Note how an attempt ended; False when somebody else has claimed the message since, or it was called back."""
    await connection.execute(
        update(attempts)
        .where(attempts.c.delivery_id == delivery.id, attempts.c.number == delivery.attempt)
        .values(ended_at=now, outcome=str(outcome))
    )
    error = None if outcome == Outcome.DELIVERED else str(outcome)
    states = ("pending", "cancelled") if outcome == Outcome.DELIVERED else ("pending",)
    done = await connection.execute(
        update(deliveries)
        .where(
            deliveries.c.id == delivery.id,
            deliveries.c.attempts == delivery.attempt,
            deliveries.c.state.in_(states),
        )
        .values(last_error=error, **values)
    )
    return bool(done.rowcount)


def _delivery(row: RowMapping) -> Delivery:
    return Delivery(
        id=row["id"],
        alert_id=row["alert_id"],
        round=row["round"],
        level=row["level"],
        person=row["person"],
        name=row["name"],
        channel=row["channel"],
        attempt=row["attempts"] + 1,
        link_expires_at=row["link_expires_at"],
    )
