"""
Notify on real databases and a real HTTP channel: told once, escalated until answered, whatever fails.

Time is the injected clock; a step of the worker is called by hand, so nothing waits.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from fastapi import FastAPI
from sqlalchemy import select, update

from services.notify.channels import Message, Outcome
from services.notify.channels.apprise import AppriseChannels
from services.notify.delivery_store import DeliveryStore
from services.notify.handlers import Desk, HearDecisions, HearFailedHides, HearReports
from services.notify.invariants import invariants
from services.notify.links import Links
from services.notify.policy import rules_of
from services.notify.rota import TEAM, Contacts, ListedRota, Recipient
from services.notify.routes import HEADERS, AlertPage, page_router
from services.notify.service import build
from services.notify.settings import NotifySettings
from services.notify.store import IncidentStore
from services.notify.tables import alerts, attempts, deliveries, incidents
from services.notify.worker import Announce, CountOpen, Escalate, Tell
from shared.bus import open_bus
from shared.bus.cloudevents import publish_events
from shared.calendar import ClosedDays
from shared.categories import Category
from shared.db import Database
from shared.directory import Directory
from shared.errors import BusUnavailable, SettingsInvalid
from shared.events import (
    TOPICS,
    AlertAcknowledged,
    AlertEscalated,
    AlertExhausted,
    AlertRaised,
    Event,
    How,
    Standing,
    Urgency,
)
from shared.http import build_app
from shared.invariants import count_violations
from shared.policy import Policy
from shared.service import Resources
from shared.settings import SystemSettings
from tests.conftest import Clock
from tests.fakes.channel import SimulatedChannel
from tests.unit.notify.matters import NIGHT, NOON, decided, hide_failed, reported

pytestmark = [
    pytest.mark.asyncio,
    # Apprise's own import, on Python before 3.13.
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),
]

PEOPLE = {"rivera": "R. Rivera", "okafor": "C. Okafor"}


class Notify:
    """Notify without its consumers and loops: the test hands in events and turns the worker."""

    def __init__(self, db: Database, policy: Policy, clock: Clock, channel: SimulatedChannel, **settings: Any) -> None:
        self.db, self.clock, self.channel = db, clock, channel
        self.published: list[Event] = []
        self.bus_down = False
        self.settings = NotifySettings(**{"channel_seconds": 5.0, **settings})
        self.channels = AppriseChannels(seconds=self.settings.channel_seconds)
        people = [
            Recipient(person, name, self.open(f"{person}-first", f"{person}-second"))
            for person, name in settings.get("people", PEOPLE).items()
        ]
        team = Recipient(TEAM, "the team", self.open("team")) if settings.get("with_team", True) else None
        self.contacts = Contacts(ListedRota(people), team)
        self.links = Links("a key of the tests", "https://notify.example", clock)
        self.incidents, self.rules = IncidentStore(db), rules_of(policy)
        desk = Desk(self.incidents, self.rules, ClosedDays(policy.holidays, policy.zone), clock)
        self.hear, self.hear_failed = HearDecisions(desk), HearFailedHides(desk)
        self.hear_reports = HearReports(desk, self._name)
        self.store = DeliveryStore(db, link_lasts=timedelta(hours=self.settings.link_hours))
        self.escalate = Escalate(
            self.store, self.contacts, clock, answer_within=self.rules.escalate_after, rounds=self.settings.rounds
        )
        self.tell = Tell(self.store, self.contacts, self.links, policy, self.settings, clock)
        self.announce = Announce(self.store, self._publish, clock)
        self.page = AlertPage(self.incidents, self.links, policy, clock, console_url="https://console.example")

    def open(self, *inboxes: str) -> Any:
        return self.channels.open([self.channel.address(inbox) for inbox in inboxes], "TEST")

    async def turn(self) -> None:
        """Let the worker do everything that is due now."""
        while await self.escalate() + await self.tell() + (0 if self.bus_down else await self.announce()):
            pass

    def of(self, kind: type[Event]) -> list[Any]:
        return [event for event in self.published if type(event) is kind]

    async def rows(self, table: Any) -> Sequence[Any]:
        async with self.db.read() as connection:
            return (await connection.execute(select(table))).mappings().all()

    async def violations(self) -> dict[str, int]:
        found = await count_violations(self.db, invariants(self.rules), self.clock())
        return {name: count for name, count in found.items() if count}

    async def _publish(self, events: Sequence[Event]) -> None:
        if self.bus_down:
            raise BusUnavailable("the bus is away")
        self.published += events

    async def _name(self, platform: str, account: str) -> str:
        return "Riverbend Police"


@pytest.fixture
def channel() -> Iterator[SimulatedChannel]:
    with SimulatedChannel() as server:
        yield server


@pytest_asyncio.fixture
async def notify(database: Database, policy: Policy, clock: Clock, channel: SimulatedChannel) -> AsyncIterator[Notify]:
    clock.moment = NIGHT
    one = Notify(database, policy, clock, channel)
    yield one
    await one.channels.close()


def inboxes(channel: SimulatedChannel) -> list[str]:
    return [one.inbox for one in channel.messages()]


@pytest.mark.policy("A.14")
async def test_a14_a_finding_on_the_weekend_pages_the_first_administrator(
    notify: Notify, channel: SimulatedChannel
) -> None:
    await notify.hear([decided()])
    await notify.turn()
    [message] = channel.messages()
    assert message.inbox == "rivera-first"
    assert message.title.startswith("Hidden, please confirm: Vulgar language (A.11.b)")
    assert "https://notify.example/page/" in message.body
    [raised] = notify.of(AlertRaised)
    assert (raised.route, raised.recipient, raised.channel) == ("page", "rivera", "json-1")
    assert raised.comment == "facebook:1029:1"
    assert len(await notify.rows(attempts)) == 1
    assert await notify.violations() == {}


@pytest.mark.policy("A.5", "A.13")
async def test_a5_in_business_hours_the_team_is_told_and_nobody_is_paged(
    notify: Notify, channel: SimulatedChannel, clock: Clock
) -> None:
    clock.moment = NOON
    await notify.hear([decided(time=NOON)])
    await notify.turn()
    clock.advance(hours=1)
    await notify.turn()
    assert inboxes(channel) == ["team"]
    assert notify.of(AlertEscalated) == []


async def test_the_hour_of_handling_counts(notify: Notify, channel: SimulatedChannel, clock: Clock) -> None:
    clock.moment = NOON.replace(hour=22)
    await notify.hear([decided(time=NOON.replace(hour=21, minute=59), received_at=NOON.replace(hour=21))])
    await notify.turn()
    assert inboxes(channel) == ["rivera-first"], "received before the office closed, handled after"


async def test_an_urgent_finding_pages_at_noon(notify: Notify, channel: SimulatedChannel, clock: Clock) -> None:
    clock.moment = NOON
    await notify.hear([decided(time=NOON, urgency=Urgency.URGENT, category=Category.PUBLIC_SAFETY)])
    await notify.turn()
    assert inboxes(channel) == ["rivera-first"]
    assert channel.messages()[0].title.startswith("URGENT. ")


async def test_a_failed_hide_pages_at_noon_beside_the_finding(
    notify: Notify, channel: SimulatedChannel, clock: Clock
) -> None:
    clock.moment = NOON
    await notify.hear([decided(time=NOON)])
    await notify.hear_failed([hide_failed(time=NOON)])
    await notify.turn()
    assert sorted(inboxes(channel)) == ["rivera-first", "team"]
    page = channel.messages("rivera-first")[0]
    assert "offers no way to hide" in page.body
    assert "https://social.example/riverbend/posts/7?comment=1" in page.body, "a person must act there"
    assert "Vulgar language (A.11.b)" in page.title


async def test_a_backfill_tells_nobody(notify: Notify, channel: SimulatedChannel, clock: Clock) -> None:
    await notify.hear([decided(how=How.BACKFILL, urgency=Urgency.URGENT)])
    await notify.turn()
    clock.advance(hours=1)
    assert channel.messages() == []
    assert [row["audience"] for row in await notify.rows(incidents)] == ["nobody"]
    assert await notify.violations() == {}


async def test_repeats_replays_and_second_decisions_tell_nobody_again(
    notify: Notify, channel: SimulatedChannel, clock: Clock
) -> None:
    first = decided()
    await notify.hear([first, first])
    await notify.turn()
    await notify.hear([first, decided(time=NIGHT + timedelta(minutes=1))])
    await notify.hear_reports([reported()])
    clock.advance(minutes=6)
    await notify.turn()
    assert len(channel.messages()) == 1
    assert len(await notify.rows(incidents)) == 1


async def test_a_replay_after_the_end_changes_nothing(notify: Notify, channel: SimulatedChannel, clock: Clock) -> None:
    history = [decided(), decided(standing=Standing.RESTORED, actor="person:rivera", time=NIGHT + timedelta(minutes=2))]
    await notify.hear(history)
    clock.advance(days=2)
    await notify.hear(history)
    await notify.turn()
    assert channel.messages() == []
    assert [row["state"] for row in await notify.rows(incidents)] == ["closed"]


async def test_a_replayed_end_does_not_close_what_came_after_it(notify: Notify, channel: SimulatedChannel) -> None:
    end = decided(standing=Standing.RESTORED, actor="person:rivera", time=NIGHT + timedelta(minutes=2))
    history = [decided(), end, decided(revision="r2", time=NIGHT + timedelta(minutes=4))]
    await notify.hear(history)
    await notify.hear(history)
    await notify.turn()
    assert len(channel.messages()) == 1
    assert sorted(row["state"] for row in await notify.rows(incidents)) == ["closed", "open"]


async def test_a_changed_text_after_the_answer_is_a_new_matter(
    notify: Notify, channel: SimulatedChannel, clock: Clock
) -> None:
    await notify.hear([decided()])
    await notify.turn()
    [row] = await notify.rows(alerts)
    await notify.incidents.answer(row["id"], "person:rivera", clock())
    clock.advance(minutes=20)
    await notify.hear([decided(time=clock()), decided(revision="r2", time=clock())])
    await notify.turn()
    assert len(channel.messages()) == 2
    assert sorted(one["generation"] for one in await notify.rows(incidents)) == [0, 1]


async def test_what_becomes_urgent_after_the_team_heard_of_it_is_paged(
    notify: Notify, channel: SimulatedChannel, clock: Clock
) -> None:
    clock.moment = NOON
    await notify.hear([decided(time=NOON)])
    await notify.turn()
    await notify.hear([decided(time=NOON + timedelta(minutes=1), urgency=Urgency.URGENT)])
    await notify.turn()
    assert inboxes(channel) == ["team", "rivera-first"]


async def test_a_storm_is_one_message_at_once_and_one_follow_up(
    notify: Notify, channel: SimulatedChannel, clock: Clock
) -> None:
    await notify.hear([decided(1)])
    await notify.turn()
    for number in range(2, 42):
        clock.advance(seconds=1)
        await notify.hear([decided(number, time=clock())])
        await notify.turn()
    assert len(channel.messages()) == 1
    clock.moment = NIGHT + timedelta(minutes=5)
    await notify.turn()
    assert [one.title.split(":")[0] for one in channel.messages()[1:]] == ["40 comments more need you"]
    assert len(notify.of(AlertRaised)) == 41, "each incident has its own event"
    clock.advance(minutes=5)
    await notify.hear([decided(50, time=clock())])
    await notify.turn()
    assert channel.messages()[-1].title.startswith("Hidden"), "the storm is over: told at once"


async def test_an_urgent_one_does_not_wait_for_the_storm(
    notify: Notify, channel: SimulatedChannel, clock: Clock
) -> None:
    await notify.hear([decided(1), decided(2)])
    await notify.hear([decided(3, urgency=Urgency.URGENT)])
    await notify.turn()
    assert [one.title.split(".")[0] for one in channel.messages()].count("URGENT") == 1
    assert len(channel.messages()) == 2


async def test_late_events_are_one_page_that_says_how_many_and_since_when(
    notify: Notify, channel: SimulatedChannel, clock: Clock
) -> None:
    clock.moment = NOON + timedelta(days=2)
    await notify.hear([decided(number, time=NOON, account=str(number % 3)) for number in range(12)])
    await notify.turn()
    assert channel.messages() == []
    clock.advance(minutes=5)
    await notify.turn()
    [message] = channel.messages()
    assert message.title.startswith(
        "Late: 12 comments judged only now, waiting since Wednesday 4 March 2026, 12:00 EST"
    )
    await notify.hear([decided(99, time=NOON)])
    clock.advance(minutes=5)
    await notify.turn()
    assert len(channel.messages()) == 1, "one page for one outage; the link shows the new one too"


@pytest.mark.policy("A.14")
async def test_a14_an_unanswered_page_escalates_until_somebody_answers(
    notify: Notify, channel: SimulatedChannel, clock: Clock
) -> None:
    await notify.hear([decided()])
    await notify.turn()
    clock.advance(minutes=9, seconds=59)
    await notify.turn()
    assert inboxes(channel) == ["rivera-first"]
    clock.advance(seconds=1)
    await notify.turn()
    assert inboxes(channel) == ["rivera-first", "okafor-first"]
    [escalated] = notify.of(AlertEscalated)
    assert (escalated.level, escalated.recipient) == (1, "okafor")
    for _ in range(10):
        clock.advance(minutes=10)
        await notify.turn()
    assert inboxes(channel) == ["rivera-first", "okafor-first"] * 3, "three rounds, then an end"
    assert len(notify.of(AlertExhausted)) == 1
    assert [row["state"] for row in await notify.rows(alerts)] == ["exhausted"]


async def test_a_failing_channel_is_tried_again_then_the_next_then_the_next_person(
    notify: Notify, channel: SimulatedChannel, clock: Clock
) -> None:
    channel.behave("rivera-first", "fail")
    channel.behave("rivera-second", "fail")
    await notify.hear([decided()])
    await notify.turn()
    for _ in range(8):
        clock.advance(seconds=20)
        await notify.turn()
    assert channel.calls("rivera-first") == 3
    assert channel.calls("rivera-second") == 3
    assert inboxes(channel) == ["okafor-first"]
    failed = [row for row in await notify.rows(deliveries) if row["state"] == "failed"]
    assert [row["last_error"] for row in failed] == ["refused", "refused"]
    assert len(await notify.rows(attempts)) == 7
    assert clock() - NIGHT < timedelta(minutes=10), "no wait for an answer from somebody who was not reached"


async def test_a_slow_channel_is_not_tried_again(
    database: Database, policy: Policy, clock: Clock, channel: SimulatedChannel
) -> None:
    clock.moment = NIGHT
    notify = Notify(database, policy, clock, channel, channel_seconds=0.2)
    channel.behave("rivera-first", "slow", 30)
    await notify.hear([decided()])
    await notify.turn()
    assert channel.calls("rivera-first") == 1
    assert inboxes(channel) == ["rivera-second"]
    await notify.channels.close()


async def test_a_channel_that_drops_what_it_took_is_mended_by_escalation(
    notify: Notify, channel: SimulatedChannel, clock: Clock
) -> None:
    channel.behave("rivera-first", "drop")
    await notify.hear([decided()])
    await notify.turn()
    assert channel.messages() == []
    clock.advance(minutes=10)
    await notify.turn()
    assert inboxes(channel) == ["okafor-first"]


async def test_without_any_channel_the_incident_is_kept_and_an_alarm_is_raised(
    database: Database, policy: Policy, clock: Clock, channel: SimulatedChannel
) -> None:
    clock.moment = NIGHT
    notify = Notify(database, policy, clock, channel, people={}, with_team=False)
    await notify.hear([decided()])
    await notify.turn()
    [exhausted] = notify.of(AlertExhausted)
    assert exhausted.attempts == 0
    assert [row["state"] for row in await notify.rows(incidents)] == ["open"]
    assert "nobody can be told" in notify.contacts.gaps(clock())
    clock.advance(hours=2)
    assert await notify.violations() == {"notify_no_forgotten_alert": 1}, "the worker stands still in this line"
    await notify.turn()
    assert await notify.violations() == {}
    await notify.channels.close()


async def test_the_administrators_are_told_when_the_team_cannot_be(
    notify: Notify, channel: SimulatedChannel, clock: Clock
) -> None:
    clock.moment = NOON
    channel.behave("team", "fail")
    await notify.hear([decided(time=NOON)])
    for _ in range(4):
        await notify.turn()
        clock.advance(seconds=20)
    assert inboxes(channel) == ["rivera-first"]


async def test_a_restart_loses_no_timer(
    notify: Notify, database: Database, policy: Policy, channel: SimulatedChannel, clock: Clock
) -> None:
    await notify.hear([decided()])
    await notify.turn()
    again = Notify(database, policy, clock, channel)
    clock.advance(minutes=10)
    await again.turn()
    assert inboxes(channel) == ["rivera-first", "okafor-first"]
    await again.channels.close()


async def test_two_copies_send_each_message_once(
    notify: Notify, database: Database, policy: Policy, channel: SimulatedChannel, clock: Clock
) -> None:
    other = Notify(database, policy, clock, channel)
    await asyncio.gather(
        notify.hear([decided(n, account=str(n), subject=f"facebook:{n}:1") for n in range(0, 24)]),
        other.hear([decided(n, account=str(n), subject=f"facebook:{n}:1") for n in range(23, -1, -1)]),
    )
    await asyncio.gather(notify.turn(), other.turn(), notify.turn(), other.turn())
    assert len(await notify.rows(incidents)) == 24
    assert len({one.body for one in channel.messages()}) == 24
    assert channel.calls("rivera-first") == 24
    await other.channels.close()


async def test_two_copies_open_one_bundle_for_one_storm(
    notify: Notify, database: Database, policy: Policy, channel: SimulatedChannel, clock: Clock
) -> None:
    other = Notify(database, policy, clock, channel)
    for night in range(4):
        clock.advance(hours=1)
        await asyncio.gather(
            *(
                copy.hear([decided(100 * night + n, time=clock())])
                for n, copy in enumerate((notify, other, notify, other))
            )
        )
    assert len(await notify.rows(alerts)) == 8, "each time the first, and the follow-up"
    await other.channels.close()


async def test_a_crash_between_send_and_mark_repeats_the_same_message_once(
    notify: Notify, database: Database, policy: Policy, channel: SimulatedChannel, clock: Clock
) -> None:
    await notify.hear([decided()])
    await notify.escalate()
    dying = Notify(database, policy, clock, channel)
    dying.store.mark_delivered = _die  # type: ignore[method-assign]
    with pytest.raises(asyncio.CancelledError):
        await dying.tell()
    await notify.turn()
    assert len(channel.messages()) == 1, "the lease of the dead copy still holds"
    async with database.write() as connection:
        await connection.execute(update(deliveries).values(claimed_until=NIGHT - timedelta(days=9999)))
    await notify.turn()
    await notify.turn()
    one, two = channel.messages()
    assert (one.title, one.body) == (two.title, two.body), "a person sees that it is the same"
    outcomes = sorted(str(row["outcome"]) for row in await notify.rows(attempts))
    assert outcomes == ["None", "delivered"], "the attempt that died is a row as well"
    await dying.channels.close()


async def _die(*_: object) -> None:
    raise asyncio.CancelledError


async def test_paging_goes_on_while_the_bus_is_away_and_the_events_follow(
    notify: Notify, channel: SimulatedChannel, clock: Clock
) -> None:
    notify.bus_down = True
    await notify.hear([decided()])
    await notify.turn()
    with pytest.raises(BusUnavailable):
        await notify.announce()
    clock.advance(minutes=10)
    await notify.turn()
    assert inboxes(channel) == ["rivera-first", "okafor-first"]
    notify.bus_down = False
    await notify.turn()
    assert [type(event) for event in notify.published].count(AlertRaised) == 2
    assert len(notify.of(AlertEscalated)) == 1
    assert len({event.id for event in notify.published}) == 3


@pytest.mark.policy("A.10")
async def test_a10_a_persons_decision_stops_the_escalation(
    notify: Notify, channel: SimulatedChannel, clock: Clock
) -> None:
    await notify.hear([decided()])
    await notify.turn()
    clock.advance(minutes=5)
    await notify.hear([decided(standing=Standing.HIDDEN_CONFIRMED, actor="person:okafor", time=clock())])
    clock.advance(hours=1)
    await notify.turn()
    assert len(channel.messages()) == 1
    [row] = await notify.rows(incidents)
    assert (row["state"], row["settled_by"]) == ("closed", "person:okafor")


async def test_what_is_settled_before_its_bundle_is_due_is_not_told(
    notify: Notify, channel: SimulatedChannel, clock: Clock
) -> None:
    await notify.hear([decided(1), decided(2)])
    await notify.hear([decided(2, standing=Standing.GONE, actor="service:ingest", time=NIGHT + timedelta(seconds=9))])
    clock.advance(minutes=5)
    await notify.turn()
    assert len(channel.messages()) == 1


async def test_a_failed_hide_that_comes_after_the_comment_has_gone_tells_nobody(
    notify: Notify, channel: SimulatedChannel
) -> None:
    await notify.hear([decided(standing=Standing.GONE, actor="service:ingest", time=NIGHT + timedelta(seconds=9))])
    await notify.hear_failed([hide_failed()])
    await notify.turn()
    assert channel.messages() == []


@pytest.mark.policy("A.14")
async def test_a14_a_members_report_at_night_pages_and_never_quotes(notify: Notify, channel: SimulatedChannel) -> None:
    await notify.hear_reports([reported()])
    await notify.turn()
    [message] = channel.messages()
    assert message.title == "Reported by a member: Riverbend Police on Facebook"
    assert "rascals" not in message.body


async def test_the_gauge_counts_what_was_told_and_is_open(notify: Notify, clock: Clock) -> None:
    await notify.hear([decided()])
    assert await notify.store.count_open() == {}
    await notify.turn()
    assert await notify.store.count_open() == {"page": 1}
    await CountOpen(notify.store)()


async def test_the_invariants_see_a_worker_that_stands_still(notify: Notify, clock: Clock) -> None:
    await notify.hear([decided()])
    await notify.escalate()
    clock.advance(minutes=16)
    assert await notify.violations() == {
        "notify_flagged_outside_hours_has_alert": 1,
        "notify_no_overdue_delivery": 1,
    }
    await notify.turn()
    assert await notify.violations() == {}


# --- the page behind the link -------------------------------------------------------------------------------------


@pytest_asyncio.fixture
async def browser(notify: Notify) -> AsyncIterator[httpx2.AsyncClient]:
    app = FastAPI()
    app.include_router(page_router(notify.page))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="https://notify.example") as client:
        yield client


def link_in(message: Any) -> str:
    return str(next(word for word in message.body.split() if "/page/" in word))


async def paged(notify: Notify, channel: SimulatedChannel) -> str:
    await notify.hear([decided()])
    await notify.turn()
    return link_in(channel.messages()[-1])


async def test_a_link_preview_never_acts(
    notify: Notify, channel: SimulatedChannel, browser: httpx2.AsyncClient
) -> None:
    link = await paged(notify, channel)
    for method in ("GET", "HEAD", "GET"):
        answer = await browser.request(method, link)
        assert answer.status_code == 200
    page = await browser.get(link)
    assert "A comment needs you" in page.text
    assert "I have it" in page.text
    assert "<script" not in page.text
    for name, value in HEADERS.items():
        assert page.headers[name] == value
    assert [row["state"] for row in await notify.rows(alerts)] == ["open"]


@pytest.mark.policy("A.4")
async def test_a4_an_answer_carries_its_actor_and_stops_the_escalation(
    notify: Notify, channel: SimulatedChannel, browser: httpx2.AsyncClient, clock: Clock
) -> None:
    link = await paged(notify, channel)
    answer = await browser.post(link)
    assert answer.status_code == 200
    assert "Thank you, R. Rivera" in answer.text
    clock.advance(hours=2)
    await notify.turn()
    assert len(channel.messages()) == 1
    [event] = notify.of(AlertAcknowledged)
    assert (event.actor, event.comment) == ("person:rivera", "facebook:1029:1")


async def test_the_second_is_told_who_was_first_and_when(
    notify: Notify, channel: SimulatedChannel, browser: httpx2.AsyncClient, clock: Clock
) -> None:
    first = await paged(notify, channel)
    clock.advance(minutes=10)
    await notify.turn()
    second = link_in(channel.messages("okafor-first")[0])
    assert (await browser.post(second)).status_code == 200
    clock.advance(minutes=1)
    late = await browser.post(first)
    assert late.status_code == 409
    assert "C. Okafor</b> answered first, on Saturday 7 March 2026, 22:24 EST" in late.text
    assert (await browser.post(second)).status_code == 409, "a link works once"
    await notify.turn()
    assert len(notify.of(AlertAcknowledged)) == 1


async def test_a_settled_alert_asks_for_nothing(
    notify: Notify, channel: SimulatedChannel, browser: httpx2.AsyncClient
) -> None:
    link = await paged(notify, channel)
    await notify.hear([decided(standing=Standing.RESTORED, actor="person:okafor", time=NIGHT + timedelta(minutes=1))])
    page = await browser.get(link)
    assert "This is settled" in page.text
    assert "I have it" not in page.text
    assert (await browser.post(link)).status_code == 409


async def test_an_expired_a_changed_and_an_unknown_link_have_a_friendly_page(
    notify: Notify, channel: SimulatedChannel, browser: httpx2.AsyncClient, clock: Clock
) -> None:
    link = await paged(notify, channel)
    unknown = notify.links.url(notify.links.read(link.rpartition("/")[2]).__class__(int=7), clock() + timedelta(days=1))
    for address in (link[:-3] + "abc", unknown, "https://notify.example/page/nonsense"):
        for method in ("GET", "POST"):
            answer = await browser.request(method, address)
            assert answer.status_code == 404
            assert "not valid" in answer.text
            assert answer.headers["content-security-policy"] == HEADERS["Content-Security-Policy"]
    clock.advance(hours=73)
    assert (await browser.get(link)).status_code == 410
    assert (await browser.post(link)).status_code == 410
    assert [row["answered_at"] for row in await notify.rows(alerts)] == [None]


async def test_the_style_is_served_beside_the_page(browser: httpx2.AsyncClient) -> None:
    answer = await browser.get("/page/static/page.css")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/css")


# --- Apprise ------------------------------------------------------------------------------------------------------


async def test_an_address_never_reaches_the_log(channel: SimulatedChannel, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    channels = AppriseChannels(seconds=5)
    channel.behave("s3cret-inbox", "fail")
    [one] = channels.open([channel.address("s3cret-inbox")], "NOTIFY_TEAM")
    assert await one.send(Message("title", "body")) is Outcome.REFUSED
    [gone] = channels.open(["json://127.0.0.1:1/s3cret-inbox"], "NOTIFY_TEAM")
    assert await gone.send(Message("title", "body")) is Outcome.REFUSED
    assert "s3cret" not in caplog.text
    assert one.name == "json-1"
    await channels.close()


async def test_an_address_that_is_none_is_refused_by_its_place() -> None:
    channels = AppriseChannels(seconds=5)
    with pytest.raises(SettingsInvalid, match="NOTIFY_TEAM: address 2 is not an Apprise URL") as refused:
        channels.open(["json://a.example", "nonsense-s3cret"], "NOTIFY_TEAM")
    assert "s3cret" not in str(refused.value)
    await channels.close()


# --- the service as it is wired -----------------------------------------------------------------------------------


async def test_the_service_as_wired_pages_from_the_bus_and_takes_the_answer(
    tmp_path: Path,
    sqlite_database: Database,
    policy: Policy,
    clock: Clock,
    channel: SimulatedChannel,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock.moment = NIGHT
    person = {"person": "rivera", "name": "R. Rivera", "channels": [channel.address("rivera")]}
    monkeypatch.setenv("NOTIFY_ONCALL", json.dumps([person]))
    bus = await open_bus(f"sqlite:///{tmp_path / 'bus.db'}", topics=list(TOPICS), now=clock)
    async with httpx2.AsyncClient() as http:
        settings = SystemSettings(data_dir=tmp_path / "data", public_url="https://notify.example")
        directory = Directory(sqlite_database, clock)
        service = await build(Resources(bus, sqlite_database, directory, policy, http, clock, settings))
    assert "NOTIFY_TEAM is empty" in service.notices["contacts"]
    stop = asyncio.Event()
    loops = [asyncio.create_task(loop.run(stop)) for loop in service.loops]
    await publish_events(bus, "retention", [decided(), decided()])
    await _until(lambda: channel.messages("rivera"))
    app = build_app([service])
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="https://notify.example") as client:
        assert "Thank you, R. Rivera" in (await client.post(link_in(channel.messages()[0]))).text
        assert (await client.get("/readyz")).json()["notices"] == {"notify.contacts": service.notices["contacts"]}
    async with bus.subscribe(AlertAcknowledged.topic, "test.reads", member="0") as subscription:
        [record] = await subscription.fetch(max_records=10, wait_seconds=20)
    assert b"person:rivera" in record.message.value
    stop.set()
    await asyncio.gather(*loops)
    assert len(channel.messages()) == 1
    assert service.close is not None
    await service.close()
    await bus.close()


async def _until(check: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not check():  # noqa: ASYNC110 - polling with a deadline
            await asyncio.sleep(0.02)
