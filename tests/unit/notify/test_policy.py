"""Business time and routing, by tables and against an oracle that works another way."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.notify.policy import (
    Audience,
    Facts,
    Hours,
    Kind,
    Route,
    Rules,
    Why,
    is_business_time,
    route,
    rules_of,
    settles,
)
from shared.calendar import ClosedDays
from shared.errors import SettingsInvalid
from shared.events import How, Standing, Urgency
from shared.policy import Holidays, Policy, load_policy
from tests.unit.notify.matters import decided

ZONE = ZoneInfo("America/New_York")
HOURS = Hours(ZONE, time(8), time(17), frozenset(range(5)))
RULES = Rules(HOURS, timedelta(hours=6), timedelta(minutes=5), timedelta(minutes=10))
CLOSED = ClosedDays(Holidays(country="US", subdivision="VA"), ZONE)


def local(text: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE, fold=fold)


@pytest.mark.policy("A.5")
@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-03-04 07:59:59", False),
        ("2026-03-04 08:00", True),
        ("2026-03-04 16:59:59", True),
        ("2026-03-04 17:00", False),
        ("2026-03-07 12:00", False),  # Saturday
        ("2026-03-08 12:00", False),  # Sunday, the clocks go forward
        ("2026-03-09 08:00", True),  # the Monday after
        ("2026-11-01 12:00", False),  # Sunday, the clocks go back
        ("2026-11-02 08:00", True),
        ("2026-05-25 12:00", False),  # Memorial Day
        ("2026-06-19 12:00", False),  # Juneteenth
        ("2026-07-03 12:00", False),  # Independence Day, observed
        ("2026-11-26 12:00", False),  # Thanksgiving
        ("2026-11-27 12:00", False),  # the day after: Virginia
        ("2027-12-31 12:00", False),  # New Year's Day of 2028, observed
        ("2028-02-29 12:00", True),  # a leap day, a Tuesday
    ],
)
def test_a5_business_time_is_the_citys_own(moment: str, expected: bool) -> None:
    when = local(moment)
    assert is_business_time(when, HOURS, CLOSED.around(when)) is expected
    assert is_business_time(when.astimezone(UTC), HOURS, CLOSED.around(when)) is expected


@pytest.mark.policy("A.14")
def test_a14_the_same_utc_minute_is_business_time_in_one_season_only() -> None:
    winter, summer = datetime(2026, 3, 6, 12, 30, tzinfo=UTC), datetime(2026, 3, 9, 12, 30, tzinfo=UTC)
    assert not is_business_time(winter, HOURS, ()), "07:30 EST"
    assert is_business_time(summer, HOURS, ()), "08:30 EDT"


def test_both_passes_of_the_repeated_hour_are_alike() -> None:
    night = Hours(ZONE, time(1), time(2), frozenset(range(7)))
    first, second = local("2026-11-01 01:30"), local("2026-11-01 01:30", fold=1)
    assert second.astimezone(UTC) - first.astimezone(UTC) == timedelta(hours=1)
    assert is_business_time(first.astimezone(UTC), night, ())
    assert is_business_time(second.astimezone(UTC), night, ())


def test_the_hour_that_does_not_exist_is_nobodys_business() -> None:
    night = Hours(ZONE, time(2), time(3), frozenset(range(7)))
    before = datetime(2026, 3, 8, 6, 59, tzinfo=UTC)
    assert not any(is_business_time(before + timedelta(minutes=shift), night, ()) for shift in range(5))


def test_the_city_may_close_on_its_own_days_and_work_on_holidays() -> None:
    rule = Holidays(country="US", subdivision="VA", extra=(date(2026, 3, 4),), worked=(date(2026, 6, 19),))
    closed = ClosedDays(rule, ZONE)
    own, worked = local("2026-03-04 12:00"), local("2026-06-19 12:00")
    assert not is_business_time(own, HOURS, closed.around(own))
    assert is_business_time(worked, HOURS, closed.around(worked))


def test_the_calendar_is_that_of_the_local_year() -> None:
    moment = datetime(2027, 1, 1, 2, 0, tzinfo=UTC)  # 31 December 2026, 21:00 in Riverbend
    assert {day.year for day in CLOSED.around(moment)} == {2026}


def test_a_country_without_a_calendar_is_refused_by_name() -> None:
    with pytest.raises(SettingsInvalid, match="ZZ"):
        ClosedDays(Holidays(country="ZZ"), ZONE).around(datetime(2026, 1, 1, tzinfo=UTC))


def nth_weekday(year: int, month: int, weekday: int, nth: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (nth - 1))


def observed(day: date) -> list[date]:
    return [day, day - timedelta(days=1)] if day.weekday() == 5 else [day, day + timedelta(days=day.weekday() == 6)]


def oracle_closed(year: int) -> set[date]:
    """Virginia's state holidays, written down from the code of Virginia, section 2.2-3300."""
    last_monday_of_may = max(date(year, 5, day) for day in range(25, 32) if date(year, 5, day).weekday() == 0)
    thanksgiving = nth_weekday(year, 11, 3, 4)
    days = {
        nth_weekday(year, 1, 0, 3),
        nth_weekday(year, 2, 0, 3),
        last_monday_of_may,
        nth_weekday(year, 9, 0, 1),
        nth_weekday(year, 10, 0, 2),
        nth_weekday(year, 11, 0, 1) + timedelta(days=1),
        thanksgiving,
        thanksgiving + timedelta(days=1),
    }
    for fixed in (date(year, 1, 1), date(year, 6, 19), date(year, 7, 4), date(year, 11, 11), date(year, 12, 25)):
        days.update(observed(fixed))
    days.update(observed(date(year + 1, 1, 1)))
    return {day for day in days if day.year == year}


def oracle(moment: datetime) -> bool:
    """Business time worked out by hand: no zone database, no holiday library."""
    year = moment.year
    begins = datetime.combine(nth_weekday(year, 3, 6, 2), time(7), UTC)
    ends = datetime.combine(nth_weekday(year, 11, 6, 1), time(6), UTC)
    wall = moment.replace(tzinfo=None) - timedelta(hours=4 if begins <= moment < ends else 5)
    minutes = wall.hour * 60 + wall.minute
    return wall.weekday() < 5 and wall.date() not in oracle_closed(wall.year) and 480 <= minutes < 1020


@pytest.mark.policy("A.14")
@pytest.mark.parametrize("year", [2026, 2027, 2028])
def test_a14_a_calendar_year_agrees_with_an_independent_oracle(year: int) -> None:
    """Every quarter of an hour of the year, and every minute of the two days on which the clocks change."""
    moment, wrong, working = datetime(year, 1, 1, tzinfo=UTC), [], 0
    changes = {nth_weekday(year, 3, 6, 2), nth_weekday(year, 11, 6, 1)}
    while moment.year == year:
        closed = CLOSED.around(moment)
        got = is_business_time(moment, HOURS, closed)
        working += got
        if got is not oracle(moment):
            wrong.append(moment)
        moment += timedelta(minutes=1 if moment.date() in changes else 15)
    assert wrong == []
    assert working > 240 * 9 * 4


@settings(max_examples=500, deadline=None)
@given(
    second=st.integers(0, 10 * 365 * 86400),
    urgency=st.sampled_from(Urgency),
    kind=st.sampled_from(Kind),
    how=st.sampled_from(How),
    age=st.integers(0, 24 * 3600),
    settled=st.booleans(),
)
def test_a_route_follows_from_the_oracle(
    second: int, urgency: Urgency, kind: Kind, how: How, age: int, settled: bool
) -> None:
    moment = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=second)
    facts = Facts(kind, urgency, how, moment - timedelta(seconds=age), settled)
    found = route(facts, moment, RULES, CLOSED.around(moment))
    nobody = settled or how is How.BACKFILL
    loud = age > 6 * 3600 or kind is Kind.HIDE_FAILED or urgency is Urgency.URGENT or not oracle(moment)
    assert found.audience is (Audience.NOBODY if nobody else Audience.PAGE if loud else Audience.TEAM)
    assert found.business_time is oracle(moment)


NOON, NIGHT = local("2026-03-04 12:00"), local("2026-03-04 23:00")


@pytest.mark.policy("A.14")
@pytest.mark.parametrize(
    ("facts", "moment", "audience", "why"),
    [
        ({}, NOON, Audience.TEAM, Why.BUSINESS_HOURS),
        ({}, NIGHT, Audience.PAGE, Why.OUTSIDE_HOURS),
        ({"urgency": Urgency.URGENT}, NOON, Audience.PAGE, Why.URGENT),
        ({"kind": Kind.HIDE_FAILED}, NOON, Audience.PAGE, Why.HIDE_FAILED),
        ({"kind": Kind.REPORT}, NOON, Audience.TEAM, Why.BUSINESS_HOURS),
        ({"kind": Kind.REPORT}, NIGHT, Audience.PAGE, Why.OUTSIDE_HOURS),
        ({"age": timedelta(hours=6)}, NOON, Audience.TEAM, Why.BUSINESS_HOURS),
        ({"age": timedelta(hours=6, seconds=1)}, NOON, Audience.PAGE, Why.LATE),
        ({"how": How.BACKFILL, "urgency": Urgency.URGENT}, NIGHT, Audience.NOBODY, Why.BACKFILL),
        ({"settled": True, "urgency": Urgency.URGENT}, NIGHT, Audience.NOBODY, Why.SETTLED),
    ],
)
def test_a14_each_rule_has_its_audience(
    facts: dict[str, object], moment: datetime, audience: Audience, why: Why
) -> None:
    values: dict[str, object] = {"kind": Kind.FINDING, "urgency": Urgency.NORMAL, "how": How.WEBHOOK} | facts
    age = values.pop("age", timedelta())
    assert isinstance(age, timedelta)
    found = route(Facts(received_at=moment - age, **values), moment, RULES, ())  # type: ignore[arg-type]
    assert found == Route(audience, why, moment is NOON)


@pytest.mark.parametrize(
    ("standing", "actor", "kinds"),
    [
        (Standing.HIDDEN_PROVISIONALLY, "service:retention", set()),
        (Standing.PROPOSED, "service:retention", set()),
        (Standing.ALLOWED, "service:retention", set(Kind)),
        (Standing.RESTORED, "person:rivera", set(Kind)),
        (Standing.LAPSED, "service:retention", set(Kind)),
        (Standing.GONE, "service:ingest", set(Kind)),
        (Standing.HIDDEN_CONFIRMED, "person:rivera", {Kind.FINDING, Kind.REPORT}),
        (Standing.PROPOSED, "person:rivera", {Kind.FINDING, Kind.REPORT}),
    ],
)
def test_a_decision_closes_what_it_settles(standing: Standing, actor: str, kinds: set[Kind]) -> None:
    assert settles(decided(standing=standing, actor=actor)) == kinds


def test_the_rules_are_those_of_the_policy_file() -> None:
    policy: Policy = load_policy()
    assert rules_of(policy) == RULES
