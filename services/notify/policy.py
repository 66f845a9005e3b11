"""
Whom an event concerns, and when the Division is at work: the part of Policy 1903 that notify carries out.

The rules in short:

* Within business hours the team's channel is told. Outside them, on weekends and on holidays, the on-call
  administrators are paged (A.14).
* An urgent finding pages at any hour, and so does a hide that failed: the comment is still visible.
* What was learned long after it arrived (an outage, a replay) joins one bundled page, whatever the hour.
* A backfill never tells anybody: it ends in one report.
* What is settled (allowed, confirmed, restored, lapsed, gone, or decided by a person) needs nobody.

The hour that counts is that of handling.

Policy: A.5 (business hours), A.13 (designated members watch), A.14 (outside business hours and on weekends).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from shared.events import CommentDecided, How, Standing, Urgency
from shared.hours import Hours, hours_of, is_business_time
from shared.policy import Policy

SETTLED = frozenset({Standing.ALLOWED, Standing.HIDDEN_CONFIRMED, Standing.RESTORED, Standing.LAPSED, Standing.GONE})
"""Standings that need nobody: they close the comment's incident."""

SHOWN = SETTLED - {Standing.HIDDEN_CONFIRMED}
"""Standings after which nothing has to be hidden any more: they close a failed hide as well."""


class Kind(StrEnum):
    """What an incident is about."""

    FINDING = "finding"
    HIDE_FAILED = "hide_failed"
    REPORT = "report"


class Audience(StrEnum):
    """Who is told: the on-call administrators, the team, or nobody."""

    PAGE = "page"
    TEAM = "team"
    NOBODY = "nobody"


class Why(StrEnum):
    """Why an event went to its audience."""

    SETTLED = "settled"
    BACKFILL = "backfill"
    LATE = "late"
    HIDE_FAILED = "hide_failed"
    URGENT = "urgent"
    OUTSIDE_HOURS = "outside_hours"
    BUSINESS_HOURS = "business_hours"


@dataclass(frozen=True)
class Rules:
    """The numbers of `policy.toml` that routing needs."""

    hours: Hours
    late_after: timedelta
    bundle: timedelta
    escalate_after: timedelta


@dataclass(frozen=True)
class Facts:
    """What routing looks at. ``received_at`` is when the matter reached the system."""

    kind: Kind
    urgency: Urgency
    how: How
    received_at: datetime
    settled: bool = False


@dataclass(frozen=True)
class Route:
    """Who is told, why, and whether it was business time at the moment of handling."""

    audience: Audience
    why: Why
    business_time: bool


def rules_of(policy: Policy) -> Rules:
    """The rules in the city's policy file."""
    return Rules(
        hours=hours_of(policy),
        late_after=timedelta(hours=policy.alerts.late_after_hours),
        bundle=timedelta(minutes=policy.alerts.bundle_minutes),
        escalate_after=timedelta(minutes=policy.alerts.escalate_after_minutes),
    )


def route(facts: Facts, moment: datetime, rules: Rules, holidays: Collection[date]) -> Route:
    """
    Say who must be told of ``facts`` at ``moment``, the time of handling.

    The first rule that applies decides, in the order of `Why`.

    Policy: A.14.
    """
    working = is_business_time(moment, rules.hours, holidays)
    return Route(*_audience(facts, moment, rules, working), working)


def _audience(facts: Facts, moment: datetime, rules: Rules, working: bool) -> tuple[Audience, Why]:
    if facts.settled:
        return Audience.NOBODY, Why.SETTLED
    if facts.how is How.BACKFILL:
        return Audience.NOBODY, Why.BACKFILL
    if moment - facts.received_at > rules.late_after:
        return Audience.PAGE, Why.LATE
    if facts.kind is Kind.HIDE_FAILED:
        return Audience.PAGE, Why.HIDE_FAILED
    if facts.urgency is Urgency.URGENT:
        return Audience.PAGE, Why.URGENT
    return (Audience.TEAM, Why.BUSINESS_HOURS) if working else (Audience.PAGE, Why.OUTSIDE_HOURS)


def settles(event: CommentDecided) -> frozenset[Kind]:
    """
    The kinds of incident that a decision closes.

    A person's decision closes the finding and the report. What is shown or gone closes a failed hide as well; a
    confirmed hide does not, since the comment may still be visible.
    """
    if event.standing in SHOWN:
        return frozenset(Kind)
    if event.standing in SETTLED or event.actor.startswith("person:"):
        return frozenset({Kind.FINDING, Kind.REPORT})
    return frozenset()
