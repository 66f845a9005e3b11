"""
The hide worker, the doubts about a text, and the clocks that run out: against a platform that does as it is told.

Both databases; the bus is the embedded one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import select, update

from services.retention.settle import LapseHides, PublishDecisions, SettleRevisions
from services.retention.store.work import WorkStore
from services.retention.tables import decisions, visibility
from services.retention.worker import HideWorker
from shared.bus import Bus
from shared.bus.sqlite import SqliteBus
from shared.categories import Category
from shared.directory import Account
from shared.errors import CredentialRefused, PlatformRefused, PlatformUnavailable
from shared.events import TOPICS, CommentReceived, Event
from shared.policy import Mode, Policy, load_policy
from tests.contract.test_retention import BAD, Retention, classified, received, retention, reviewed
from tests.fakes.platform import FakePlatform

pytestmark = pytest.mark.asyncio
__all__ = ["retention"]

LEASE = timedelta(seconds=60)


@dataclass
class Works:
    """The worker and what it meets."""

    retention: Retention
    bus: Bus
    platform: FakePlatform
    policy: Policy
    hide: HideWorker
    settle: SettleRevisions
    lapse: LapseHides
    publish: PublishDecisions

    async def flagged(self, number: int = 1, account: str = "1029") -> CommentReceived:
        """A comment that must be hidden."""
        official = Account("facebook", account, f"Page {account}", Mode.HIDE)
        await self.retention.keeper.directory.add_account(official, actor="person:rivera")
        subject = f"facebook:{account}:884_{number}"
        comment = received("r1", self.retention.clock(), subject=subject, comment_id=f"884_{number}", account=account)
        await self.retention.take(comment, classified(comment, BAD))
        return comment

    async def row(self, subject: str = "facebook:1029:884_1") -> dict[str, Any]:
        """Its visibility row."""
        async with self.retention.db.read() as connection:
            query = select(visibility).where(visibility.c.subject == subject)
            return dict((await connection.execute(query)).mappings().one())

    async def published(self, topic: str) -> list[Event]:
        """What was published to a topic."""
        async with self.bus.subscribe(topic, f"test.{topic}", member="0") as subscription:
            records = await subscription.fetch(max_records=100, wait_seconds=0.05)
            await subscription.rewind()
        return [TOPICS[topic].model_validate_json(record.message.value) for record in records]


@pytest.fixture
def policy() -> Policy:
    """A policy under which a machine may hide more than under the one that is shipped."""
    shipped = load_policy()
    mode = {Category.PUBLIC_SAFETY: Mode.HIDE}
    rules = {
        name: rule.model_copy(update={"mode": mode.get(name, rule.mode)}) for name, rule in shipped.categories.items()
    }
    return shipped.model_copy(update={"categories": rules})


@pytest_asyncio.fixture
async def works(retention: Retention, policy: Policy, tmp_path: Path) -> AsyncIterator[Works]:
    clock, platform = retention.clock, FakePlatform()
    bus = await SqliteBus.open(f"sqlite:///{tmp_path / 'bus.db'}", topics=list(TOPICS), now=clock)
    store = WorkStore(retention.db)
    yield Works(
        retention,
        bus,
        platform,
        policy,
        worker(retention, platform, bus, "one"),
        SettleRevisions(retention.keeper, store, {"facebook": platform}, bus),
        LapseHides(retention.keeper, store, policy),
        PublishDecisions(store, bus, clock),
    )
    await bus.close()


def worker(retention: Retention, platform: FakePlatform, bus: Bus, name: str) -> HideWorker:
    return HideWorker(
        retention.acts,
        {"facebook": platform},
        bus,
        retention.keeper.directory,
        retention.clock,
        worker=name,
        lease=LEASE,
    )


@pytest.mark.policy("A.10")
async def test_a10_a_comment_is_hidden_once_read_back_and_told(works: Works) -> None:
    await works.flagged()
    assert await works.hide() == 1
    assert await works.hide() == 0
    assert works.platform.calls == {"884_1": 1}
    row = await works.row()
    assert (row["state"], row["answer"], row["next_attempt_at"]) == ("verified", "changed", None)
    [event] = await works.published("comment.hidden.v1")
    assert event.model_dump()["record_id"] == row["record_id"]


async def test_what_is_hidden_already_is_not_called_again(works: Works) -> None:
    await works.flagged()
    works.platform.hidden.add("884_1")
    await works.hide()
    assert works.platform.calls == {}
    assert (await works.row())["answer"] == "already so"


async def test_a_call_that_timed_out_is_looked_at_and_looked_at_again(works: Works) -> None:
    await works.flagged()
    works.platform.fail_after.append(PlatformUnavailable("timeout"))
    await works.hide()
    assert (await works.row())["state"] == "failed_retryable"
    works.retention.clock.advance(seconds=10)
    await works.hide()
    row = await works.row()
    assert (row["state"], works.platform.calls) == ("verified", {"884_1": 1})
    works.platform.hidden.clear()  # what had timed out lands late, and undoes it
    works.retention.clock.advance(minutes=2)
    await works.hide()
    assert works.platform.hidden == {"884_1"}


async def test_a_rate_limit_holds_its_account_and_no_other(works: Works) -> None:
    await works.flagged(1)
    works.platform.failures.append(PlatformUnavailable("slow down", retry_after_seconds=600))
    await works.hide()
    assert (await works.row())["attempts"] == 0, "it is no failure of the comment"
    await works.flagged(2, account="2000")
    await works.hide()
    assert works.platform.hidden == {"884_2"}
    works.retention.clock.advance(minutes=11)
    await works.hide()
    assert works.platform.hidden == {"884_1", "884_2"}


async def test_a_refused_credential_tells_a_person_once_for_the_account(works: Works) -> None:
    await works.flagged(1)
    await works.flagged(2)
    for _ in range(3):
        works.platform.failures.append(CredentialRefused("token"))
        await works.hide()
        works.retention.clock.advance(minutes=6)
    told = await works.published("comment.hide.failed.v1")
    assert [event.model_dump()["reason"] for event in told] == ["credential"]
    works.platform.failures.clear()
    await works.hide()
    await works.hide()
    assert works.platform.hidden == {"884_1", "884_2"}


@pytest.mark.parametrize(
    ("prepare", "state", "told"),
    [
        (lambda platform: platform.gone.add("884_1"), "gone", []),
        (lambda platform: platform.fixed.add("884_1"), "not_supported", ["not_supported"]),
        (lambda platform: platform.failures.append(PlatformRefused("no")), "failed_final", ["refused"]),
        (
            lambda platform: setattr(platform, "capabilities", replace(platform.capabilities, can_hide=False)),
            "not_supported",
            ["not_supported"],
        ),
    ],
)
async def test_what_cannot_be_hidden_is_a_state_and_tells_a_person(
    works: Works, prepare: Any, state: str, told: list[str]
) -> None:
    await works.flagged()
    prepare(works.platform)
    await works.hide()
    row = await works.row()
    assert (row["state"], row["next_attempt_at"]) == (state, None)
    failed = await works.published("comment.hide.failed.v1")
    assert [event.model_dump()["reason"] for event in failed] == told


async def test_a_failure_that_lasts_tells_a_person_and_goes_on(works: Works) -> None:
    await works.flagged()
    for _ in range(40):
        works.platform.failures = [PlatformUnavailable("away")]
        await works.hide()
        works.retention.clock.advance(minutes=20)
    told = await works.published("comment.hide.failed.v1")
    assert [event.model_dump()["reason"] for event in told] == ["gave_up"]
    works.platform.failures.clear()
    works.retention.clock.advance(hours=2)
    await works.hide()
    assert works.platform.hidden == {"884_1"}


@pytest.mark.policy("A.4")
async def test_a4_a_restore_during_the_call_wins(works: Works) -> None:
    await works.flagged()
    [row] = await works.retention.acts.claim_due("slow", works.retention.clock(), LEASE, 8)
    await works.retention.take(reviewed("restore", "r1", "rivera", works.retention.clock()))
    assert not await works.retention.acts.mark(row, state="verified"), "the generation is no longer its own"
    works.platform.hidden.add("884_1")
    await works.hide()
    assert works.platform.hidden == set()
    assert (await works.row())["wanted"] == "shown"


async def test_two_workers_at_once_call_each_comment_once(works: Works) -> None:
    for number in range(1, 9):
        await works.flagged(number, account=f"10{number}")
    other = worker(works.retention, works.platform, works.bus, "two")
    await asyncio.gather(works.hide(), other(), works.hide(), other())
    assert set(works.platform.calls.values()) == {1}
    assert len(works.platform.hidden) == 8


async def test_a_dead_workers_lease_ends_and_the_next_one_goes_on(works: Works) -> None:
    await works.flagged()
    assert len(await works.retention.acts.claim_due("dead", works.retention.clock(), LEASE, 8)) == 1
    assert await works.hide() == 0
    async with works.retention.db.write() as connection:
        await connection.execute(
            update(visibility).values(claimed_until=works.retention.clock() - timedelta(days=3650))
        )
    assert await works.hide() == 1


async def test_a_doubt_is_settled_by_what_the_platform_shows(works: Works) -> None:
    clock = works.retention.clock
    first, second = received("r1", clock()), received("r2", clock() + timedelta(minutes=1), edited=True)
    await works.retention.take(first, classified(first, BAD), second, classified(second))
    again = received("r1", clock() + timedelta(minutes=2), edited=True)
    await works.retention.take(again)
    works.platform.texts["884_1"] = first
    assert await works.settle() == 1
    assert await works.settle() == 0
    row = await works.retention.comment()
    assert (row["revision"], row["standing"], row["unsettled_at"]) == ("r1", "hidden_provisionally", None)
    assert await works.publish() == 1
    assert await works.publish() == 0
    [event] = await works.published("comment.decided.v1")
    assert event.model_dump()["revision"] == "r1"


async def test_a_text_that_never_came_is_fetched_and_kept(works: Works) -> None:
    clock = works.retention.clock
    first, second = received("r1", clock()), received("r2", clock() + timedelta(minutes=1), edited=True)
    await works.retention.take(first, second, received("r1", clock() + timedelta(minutes=2), edited=True))
    unseen = received("r3", clock() + timedelta(minutes=3))
    works.platform.texts["884_1"] = unseen
    assert await works.settle() == 0
    [event] = await works.published("comment.received.v1")
    await works.retention.take(event)
    assert await works.settle() == 1
    assert (await works.retention.comment())["revision"] == "r3"


@pytest.mark.policy("A.10")
@pytest.mark.parametrize(
    ("category", "standing", "wanted"),
    [(Category.SPAM_LINKS, "lapsed", "shown"), (Category.PUBLIC_SAFETY, "hidden_provisionally", "hidden")],
)
async def test_a10_a_hide_that_nobody_confirms_lapses_or_escalates(
    works: Works, category: Category, standing: str, wanted: str
) -> None:
    comment = received("r1", works.retention.clock())
    await works.retention.take(comment, classified(comment, (category, 1.0)))
    works.retention.clock.advance(hours=8)
    assert await works.lapse() == 0, "it has nine business hours"
    works.retention.clock.advance(days=2)
    assert await works.lapse() == 1
    assert await works.lapse() == 0
    assert ((await works.retention.comment())["standing"], await works.retention.wanted()) == (standing, wanted)
    await works.publish()
    [event] = await works.published("comment.decided.v1")
    assert event.model_dump()["urgency"] == ("urgent" if wanted == "hidden" else event.model_dump()["urgency"])


async def test_a_confirmed_hide_never_lapses(works: Works) -> None:
    comment = await works.flagged()
    await works.retention.take(reviewed("confirm", comment.revision, "rivera", works.retention.clock()))
    works.retention.clock.advance(days=30)
    assert await works.lapse() == 0


async def test_a_decision_that_a_crash_left_unpublished_is_published(works: Works) -> None:
    comment = received("r1", works.retention.clock())
    await works.retention.take(comment, classified(comment))
    async with works.retention.db.write() as connection:
        await connection.execute(update(decisions).values(published_at=None))
    assert await works.publish() == 1
    assert len(await works.published("comment.decided.v1")) == 1


async def test_the_backlog_counts_what_waits(works: Works) -> None:
    await works.flagged(1)
    await works.flagged(2)
    found = await WorkStore(works.retention.db).backlog()
    assert (found.acts, found.standings["hidden_provisionally"]) == ({"hidden": 2}, 2)
    assert found.oldest_act == works.retention.clock()
