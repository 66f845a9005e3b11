"""
What must always be true of notify's tables.

Policy: A.14.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Select, exists, func, select

from services.notify.policy import Rules
from services.notify.tables import alerts, deliveries, incidents
from shared.invariants import Invariant

TELL_WITHIN = timedelta(minutes=10)
"""How long the tries of one recipient's channels may take before somebody else must know."""

DELIVER_WITHIN = timedelta(minutes=5)


def invariants(rules: Rules) -> Sequence[Invariant]:
    """Notify's invariants, with the city's numbers."""
    told_by = rules.bundle + TELL_WITHIN

    def flagged_without_alert(now: datetime) -> Select[int]:
        return (
            select(func.count())
            .select_from(incidents.outerjoin(alerts, incidents.c.alert_id == alerts.c.id))
            .where(
                incidents.c.business_time.is_(False),
                incidents.c.backfill.is_(False),
                incidents.c.state == "open",
                incidents.c.noticed_at < now - told_by,
                alerts.c.told_at.is_(None),
                alerts.c.exhausted_at.is_(None),
            )
        )

    def overdue_deliveries(now: datetime) -> Select[int]:
        return select(func.count()).where(
            deliveries.c.state == "pending", deliveries.c.next_attempt_at < now - DELIVER_WITHIN
        )

    def forgotten_alerts(now: datetime) -> Select[int]:
        under_way = exists().where(deliveries.c.alert_id == alerts.c.id, deliveries.c.state == "pending")
        waits = alerts.c.next_at.is_not(None) & (alerts.c.next_at >= now - DELIVER_WITHIN)
        return select(func.count()).where(alerts.c.state.in_(("waiting", "open")), ~under_way, ~waits.is_(True))

    return (
        Invariant(
            "notify_flagged_outside_hours_has_alert",
            "No flagged comment seen outside business hours lacks an alert.",
            flagged_without_alert,
        ),
        Invariant(
            "notify_no_overdue_delivery",
            "No message that is due waits longer than five minutes.",
            overdue_deliveries,
        ),
        Invariant(
            "notify_no_forgotten_alert",
            "Every alert that nobody has answered has a message under way or a timer.",
            forgotten_alerts,
        ),
    )
