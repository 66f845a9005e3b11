"""
Business hours of the city: pure functions. Local time exists only here and in the services' policies, with its zone as
an argument.

Policy: A.5 (business hours), A.10 (a hide must be confirmed in them), A.14 (weekends and outside business hours).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from shared.policy import Policy

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SEARCHED_DAYS = 400
"""How far ahead a business day is looked for; a policy without any in a year would be a mistake."""


@dataclass(frozen=True)
class Hours:
    """When designated members are at work, in the city's zone; ``closes`` is excluded. Monday is 0."""

    zone: ZoneInfo
    opens: time
    closes: time
    weekdays: frozenset[int]


def hours_of(policy: Policy) -> Hours:
    """The hours in the city's policy file."""
    hours = policy.business_hours
    return Hours(policy.zone, hours.opens, hours.closes, frozenset(WEEKDAYS.index(day) for day in hours.days))


def is_business_time(moment: datetime, hours: Hours, holidays: Collection[date]) -> bool:
    """
    Tell whether designated members are at work at ``moment``.

    Args:
        moment: an aware datetime, in any zone.
        hours: opening hours in the city's own zone.
        holidays: the city's closed days, local dates; those of the local year of ``moment`` are enough.

    Policy: A.5 (business hours), A.14 (weekends and outside business hours).
    """
    local = moment.astimezone(hours.zone)
    return (
        local.weekday() in hours.weekdays
        and local.date() not in holidays
        and hours.opens <= local.time() < hours.closes
    )


def after_business_hours(
    moment: datetime, amount: timedelta, hours: Hours, holidays_around: Callable[[datetime], Collection[date]]
) -> datetime:
    """
    The moment at which ``amount`` of business time has passed since ``moment``, aware and in UTC.

    Hours that the clock change skips or repeats count as the clock on the wall shows them. Raises `ValueError` when the
    next year holds too few business hours.

    Policy: A.5, A.10 (designated members have so long to confirm a hide).
    """
    local = moment.astimezone(hours.zone)
    left = amount
    for shift in range(SEARCHED_DAYS):
        day = local.date() + timedelta(days=shift)
        noon = datetime.combine(day, time(12), hours.zone)
        if day.weekday() not in hours.weekdays or day in holidays_around(noon):
            continue
        begins = max(hours.opens, local.time()) if shift == 0 else hours.opens
        open_for = _between(begins, hours.closes)
        if left <= open_for:
            ends = (datetime.combine(day, begins) + left).time()
            return datetime.combine(day, ends, hours.zone).astimezone(moment.tzinfo)
        left -= max(open_for, timedelta(0))
    raise ValueError("the policy leaves too few business hours in a year")


def _between(begin: time, end: time) -> timedelta:
    anchor = date(2000, 1, 1)
    return datetime.combine(anchor, end) - datetime.combine(anchor, begin)
