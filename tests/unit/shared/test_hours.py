"""Business hours and the confirmation clock: weekends, holidays, the end of a day, and the clock change."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.calendar import ClosedDays
from shared.errors import SettingsInvalid
from shared.hours import after_business_hours, hours_of, is_business_time
from shared.policy import Holidays, load_policy

POLICY = load_policy()
HOURS = hours_of(POLICY)
CLOSED = ClosedDays(POLICY.holidays, POLICY.zone)
CITY = ZoneInfo("America/New_York")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=CITY).astimezone(UTC)


@pytest.mark.policy("A.5")
@pytest.mark.parametrize(
    ("begin", "hours", "end"),
    [
        ("2026-03-04T08:00", 9, "2026-03-04T17:00"),
        ("2026-03-04T12:00", 9, "2026-03-05T12:00"),
        ("2026-03-04T16:59", 1, "2026-03-05T08:59"),
        ("2026-03-04T03:00", 1, "2026-03-04T09:00"),
        ("2026-03-04T20:00", 1, "2026-03-05T09:00"),
        ("2026-03-06T16:00", 2, "2026-03-09T09:00"),  # over a weekend, on which the clocks change
        ("2026-10-30T16:00", 2, "2026-11-02T09:00"),  # and back
        ("2026-07-02T16:00", 2, "2026-07-06T09:00"),  # the 4th is a Saturday: Friday the 3rd is observed
        ("2026-12-24T16:00", 2, "2026-12-28T09:00"),
        ("2026-03-07T12:00", 27, "2026-03-11T17:00"),
    ],
)
def test_a5_the_clock_runs_in_business_hours_only(begin: str, hours: float, end: str) -> None:
    found = after_business_hours(at(begin), timedelta(hours=hours), HOURS, CLOSED.around)
    assert found == at(end)


@given(
    st.integers(0, 545 * 24 * 60).map(lambda minutes: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)),
    st.floats(0.25, 60),
)
def test_the_end_is_in_business_time_and_later_for_more(moment: datetime, amount: float) -> None:
    end = after_business_hours(moment, timedelta(hours=amount), HOURS, CLOSED.around)
    just_before = end - timedelta(seconds=1)
    assert end > moment
    assert is_business_time(just_before, HOURS, CLOSED.around(just_before))
    assert after_business_hours(moment, timedelta(hours=amount + 1), HOURS, CLOSED.around) > end


def test_a_policy_without_business_days_is_refused() -> None:
    with pytest.raises(ValueError, match="too few business hours"):
        after_business_hours(at("2026-03-04T12:00"), timedelta(hours=1), HOURS, lambda _: {*_days()})


def _days() -> list[date]:
    return [date(2026, 1, 1) + timedelta(days=shift) for shift in range(900)]


def test_the_citys_own_days_are_added_and_taken_away() -> None:
    rule = Holidays(country="US", subdivision="VA", extra=(date(2026, 5, 4),), worked=(date(2026, 12, 25),))
    days = ClosedDays(rule, CITY).around(at("2026-05-04T12:00"))
    assert date(2026, 5, 4) in days
    assert date(2026, 12, 25) not in days


def test_a_calendar_that_does_not_exist_is_named() -> None:
    with pytest.raises(SettingsInvalid, match="no calendar for ZZ"):
        ClosedDays(Holidays(country="ZZ"), CITY).around(at("2026-05-04T12:00"))
