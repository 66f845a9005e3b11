"""
Retention's promise, on SQLite and on PostgreSQL: whatever the order, the repeats and the crashes, the same state and
the same events; no hide before its record; a person's decision binds machines.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import insert, select

from services.retention import handlers
from services.retention.store.acts import ActStore, want
from services.retention.store.standing import Judge
from services.retention.tables import comments, decisions, posts, records, reviews, revisions, verdicts, visibility
from shared.calendar import ClosedDays
from shared.categories import CATEGORIES, Category
from shared.db import Database
from shared.directory import Account, Directory
from shared.events import (
    CommentClassified,
    CommentDecided,
    CommentReceived,
    CommentRemoved,
    CommentReviewed,
    CommentVisibilityChanged,
    Event,
    Finding,
    PostReceived,
    Standing,
)
from shared.policy import Mode, Policy
from tests.conftest import Clock

pytestmark = pytest.mark.asyncio

SUBJECT = "facebook:1029:884_1"
TABLES = (comments, revisions, verdicts, records, decisions, reviews, visibility)


@dataclass
class Retention:
    """The handlers over a database, called as the consume loop calls them."""

    db: Database
    clock: Clock
    keeper: handlers.Keeper
    acts: ActStore

    async def take(self, *events: Event) -> list[CommentDecided]:
        """Hand each event to its handler, one by one."""
        table: dict[type[Event], Any] = {
            CommentReceived: handlers.KeepComments,
            CommentClassified: handlers.JudgeComments,
            CommentRemoved: handlers.RemoveComments,
            CommentReviewed: handlers.ReviewComments,
            CommentVisibilityChanged: handlers.SightComments,
        }
        answers: list[CommentDecided] = []
        for event in events:
            answers += await table[type(event)](self.keeper)([event])
        return answers

    async def rows(self) -> dict[str, list[dict[str, Any]]]:
        """All rows, for comparing."""
        async with self.db.read() as connection:
            return {
                table.name: sorted(
                    (dict(row) for row in (await connection.execute(select(table))).mappings()), key=repr
                )
                for table in TABLES
            }

    async def comment(self) -> dict[str, Any]:
        async with self.db.read() as connection:
            row = (await connection.execute(select(comments).where(comments.c.subject == SUBJECT))).mappings().one()
            return dict(row)

    async def wanted(self) -> str | None:
        async with self.db.read() as connection:
            return (await connection.execute(select(visibility.c.wanted))).scalar()


@pytest_asyncio.fixture
async def retention(database: Database, clock: Clock, policy: Policy) -> Retention:
    directory = Directory(database, clock)
    await directory.add_account(Account("facebook", "1029", "Riverbend PD", Mode.HIDE), actor="person:rivera")
    closed = ClosedDays(policy.holidays, policy.zone)
    judge = Judge(policy, closed.around, lambda platform: True)
    return Retention(database, clock, handlers.Keeper(database, directory, judge, clock), ActStore(database))


def received(revision: str, at: datetime, *, edited: bool = False, **more: Any) -> CommentReceived:
    values: dict[str, Any] = {
        "subject": SUBJECT, "time": at, "platform": "facebook", "account": "1029", "comment_id": "884_1",
        "revision": revision, "edited": edited, "text": f"text of {revision}", "created_at": at, "received_at": at,
        "how": "webhook", "raw": "{}",
    }  # fmt: skip
    values |= more
    return CommentReceived.caused_by(f"{values['subject']}/{revision}", **values)


def classified(comment: CommentReceived, *found: tuple[Category, float]) -> CommentClassified:
    return CommentClassified.caused_by(
        comment,
        subject=comment.subject,
        time=comment.time,
        revision=comment.revision,
        scores=[0.0] * len(CATEGORIES),
        findings=[
            Finding(category=category, score=score, source="model", reason=f"A reason ({category.clause}).")
            for category, score in found
        ],
        model_version="m",
        policy_version="p",
    )


def reviewed(act: str, revision: str, who: str, at: datetime, **more: Any) -> CommentReviewed:
    return CommentReviewed.caused_by(
        f"{who}/{act}/{at}", subject=SUBJECT, time=at, revision=revision, act=act, actor=f"person:{who}", **more
    )


BAD = (Category.SPAM_LINKS, 1.0)


def removed(at: datetime) -> CommentRemoved:
    return CommentRemoved.caused_by(
        f"{SUBJECT}/removed", subject=SUBJECT, time=at, platform="facebook", account="1029", comment_id="884_1"
    )


@pytest.mark.policy("A.9", "A.10")
async def test_a10_every_order_of_two_texts_and_their_verdicts_ends_alike(retention: Retention, clock: Clock) -> None:
    for number, order in enumerate(itertools.permutations(range(4))):
        subject = f"facebook:1029:884_{number}"
        first = received("r1", clock(), subject=subject)
        second = received("r2", clock() + timedelta(minutes=1), edited=True, subject=subject)
        facts = [first, classified(first), second, classified(second, BAD)]
        await retention.take(*(facts[place] for place in order), facts[order[0]])
        async with retention.db.read() as connection:
            [row] = (await connection.execute(select(comments).where(comments.c.subject == subject))).mappings()
            [act] = (await connection.execute(select(visibility).where(visibility.c.subject == subject))).mappings()
            kept = (await connection.execute(select(records.c.clause).where(records.c.subject == subject))).scalars()
            assert (row["revision"], row["standing"], act["wanted"]) == ("r2", "hidden_provisionally", "hidden"), order
            assert list(kept) == ["A.11.i"]


async def test_a_repeat_of_everything_changes_no_row_and_gives_the_same_events(
    retention: Retention, clock: Clock
) -> None:
    first = received("r1", clock())
    second = received("r2", clock() + timedelta(minutes=1), edited=True)
    log = [
        first,
        classified(first, BAD),
        second,
        classified(second),
        CommentVisibilityChanged.caused_by(
            "seen", subject=SUBJECT, time=clock(), platform="facebook", account="1029", comment_id="884_1", hidden=True
        ),
        reviewed("hide", "r2", "lee", clock(), category=Category.VULGAR, reason="A slur."),
        reviewed("overturn", "r2", "okafor", clock() + timedelta(minutes=2)),
        removed(clock() + timedelta(minutes=3)),
    ]
    answers = await retention.take(*log)
    before = await retention.rows()
    clock.advance(days=3)
    again = await retention.take(*log)
    assert await retention.rows() == before, "a new group over old tables changes nothing"
    assert {event.id for event in again} == {event.id for event in answers}
    assert {event.id: event for event in again} == {event.id: event for event in answers}


async def test_a_crash_between_commit_and_publish_gives_the_same_events(retention: Retention, clock: Clock) -> None:
    comment = received("r1", clock())
    await retention.take(comment)
    lost = await retention.take(classified(comment, BAD))
    clock.advance(hours=1)
    assert await retention.take(classified(comment, (Category.VULGAR, 1.0))) == lost, "the stored decision wins"
    assert await retention.take(comment) == lost


@pytest.mark.policy("A.9")
async def test_a9_a_removal_before_its_comment_is_a_tombstone(retention: Retention, clock: Clock) -> None:
    comment = received("r1", clock())
    [gone] = await retention.take(removed(clock()))
    assert gone.standing is Standing.GONE
    await retention.take(classified(comment, BAD), comment, received("r2", clock(), edited=True))
    row = await retention.comment()
    assert row["standing"] == "gone"
    assert await retention.wanted() is None
    assert len((await retention.rows())["retention_revisions"]) == 2, "and both texts are kept"


@pytest.mark.policy("A.10")
async def test_a10_no_hide_can_be_asked_for_or_claimed_without_its_record(retention: Retention, clock: Clock) -> None:
    comment = received("r1", clock())
    await retention.take(comment, classified(comment))
    row = await retention.comment()
    async with retention.db.write() as connection:
        with pytest.raises(ValueError, match="record with its reason"):
            await want(connection, row, "hidden", None, clock())
    smuggled = {
        "subject": SUBJECT, "platform": "facebook", "account": "1029", "comment_id": "884_1", "wanted": "hidden",
        "generation": 1, "state": "requested", "attempts": 0, "requested_at": clock(), "next_attempt_at": clock(),
    }  # fmt: skip
    async with retention.db.write() as connection:
        await connection.execute(insert(visibility).values(**smuggled))
    assert await retention.acts.claim_due("w", clock(), timedelta(seconds=60), 8) == []


@pytest.mark.policy("A.10")
async def test_a10_a_persons_decision_binds_machines(retention: Retention, clock: Clock) -> None:
    comment = received("r1", clock())
    await retention.take(comment, classified(comment, BAD))
    [restored] = await retention.take(reviewed("restore", "r1", "rivera", clock()))
    assert (restored.standing, restored.actor) == (Standing.RESTORED, "person:rivera")
    await retention.take(comment, classified(comment, BAD), received("r1", clock() + timedelta(hours=1)))
    assert (await retention.comment())["standing"] == "restored"
    assert await retention.wanted() == "shown"
    changed = received("r2", clock() + timedelta(hours=2), edited=True)
    await retention.take(changed, classified(changed, BAD))
    assert (await retention.comment())["standing"] == "hidden_provisionally", "a changed text is judged afresh"


@pytest.mark.policy("A.4")
async def test_a4_the_first_act_holds_and_the_second_is_told_who_was_first(retention: Retention, clock: Clock) -> None:
    comment = received("r1", clock())
    await retention.take(comment, classified(comment, BAD))
    await retention.take(reviewed("confirm", "r1", "rivera", clock()))
    assert await retention.take(reviewed("restore", "r1", "lee", clock())) == []
    assert await retention.take(reviewed("confirm", "r0", "lee", clock())) == []
    async with retention.db.read() as connection:
        rows = (await connection.execute(select(reviews.c.outcome, reviews.c.first_actor))).all()
    assert sorted(map(tuple, rows), key=str) == [
        ("done", None),
        ("late", "person:rivera"),
        ("stale", None),
    ]
    assert (await retention.comment())["standing"] == "hidden_confirmed"


@pytest.mark.policy("A.10")
async def test_a10_a_clean_text_under_a_provisional_hide_is_shown_and_under_a_confirmed_one_waits(
    retention: Retention, clock: Clock
) -> None:
    comment = received("r1", clock())
    await retention.take(comment, classified(comment, BAD))
    clean = received("r2", clock() + timedelta(minutes=1), edited=True)
    await retention.take(clean, classified(clean))
    assert ((await retention.comment())["standing"], await retention.wanted()) == ("allowed", "shown")
    again = received("r3", clock() + timedelta(minutes=2), edited=True)
    await retention.take(again, classified(again, BAD), reviewed("confirm", "r3", "rivera", clock()))
    last = received("r4", clock() + timedelta(minutes=3), edited=True)
    await retention.take(last, classified(last))
    row = await retention.comment()
    assert (row["standing"], await retention.wanted()) == ("hidden_provisionally", "hidden")
    assert row["confirm_by"] is not None


async def test_a_first_text_that_comes_after_its_edit_does_not_replace_it(retention: Retention, clock: Clock) -> None:
    edit = received("r2", clock(), edited=True)
    first = received("r1", clock() + timedelta(seconds=3))
    await retention.take(edit, first)
    row = await retention.comment()
    assert (row["revision"], row["unsettled_at"]) == ("r2", None)


async def test_a_known_text_that_comes_again_later_must_be_read_back(retention: Retention, clock: Clock) -> None:
    first, second = received("r1", clock()), received("r2", clock() + timedelta(minutes=1), edited=True)
    await retention.take(first, second, first)
    assert (await retention.comment())["unsettled_at"] is None, "an old repeat says nothing new"
    await retention.take(received("r1", clock() + timedelta(minutes=2), edited=True))
    assert (await retention.comment())["unsettled_at"] is not None


@pytest.mark.parametrize(
    ("change", "standing"),
    [
        ({"by_account": True}, "allowed"),
        ({"how": "backfill"}, "proposed"),
    ],
)
async def test_the_pages_own_words_and_old_ones_are_not_hidden(
    retention: Retention, clock: Clock, change: dict[str, Any], standing: str
) -> None:
    comment = received("r1", clock(), **change)
    await retention.take(comment, classified(comment, BAD))
    assert ((await retention.comment())["standing"], await retention.wanted()) == (standing, None)


async def test_a_hide_that_would_take_replies_along_is_proposed(retention: Retention, clock: Clock) -> None:
    comment = received("r1", clock())
    reply = received("x", clock(), subject="facebook:1029:884_2", comment_id="884_2", parent_id="884_1")
    [decided] = await retention.take(reply, comment, classified(comment, BAD))
    assert decided.standing is Standing.PROPOSED
    assert "1 reply" in decided.reason


async def test_an_account_that_only_observes_keeps_and_does_nothing(retention: Retention, clock: Clock) -> None:
    await retention.keeper.directory.add_account(
        Account("facebook", "1029", "Riverbend PD", Mode.OBSERVE), actor="person:rivera"
    )
    comment = received("r1", clock())
    await retention.take(comment, classified(comment, BAD))
    assert ((await retention.comment())["standing"], await retention.wanted()) == ("allowed", None)


async def test_a_hide_by_somebody_else_waits_for_a_reason_and_our_own_echo_does_not(
    retention: Retention, clock: Clock
) -> None:
    def seen(mark: str) -> Sequence[Event]:
        return [
            CommentVisibilityChanged.caused_by(
                mark,
                subject=SUBJECT,
                time=clock(),
                platform="facebook",
                account="1029",
                comment_id="884_1",
                hidden=True,
            )
        ]

    comment = received("r1", clock())
    await retention.take(comment, classified(comment), *seen("one"))
    assert (await retention.comment())["seen_hidden_at"] is not None
    other = received("r2", clock() + timedelta(minutes=1), edited=True)
    await retention.take(other, classified(other, BAD))
    assert (await retention.comment())["seen_hidden_at"] is None
    [row] = await retention.acts.claim_due("w", clock(), timedelta(seconds=60), 8)
    await retention.acts.mark_sent(row, clock())
    await retention.take(*seen("two"))
    assert (await retention.comment())["seen_hidden_at"] is None


@pytest.mark.policy("A.8", "A.9")
async def test_a8_official_posts_and_their_new_texts_are_kept(retention: Retention, clock: Clock) -> None:
    first, second = (
        PostReceived.caused_by(
            f"post/{text}", subject="facebook:1029:1029_884", time=clock(), platform="facebook", account="1029",
            post_id="1029_884", text=text,
        )
        for text in ("The road is closed.", "The road is open.")
    )  # fmt: skip
    for _ in range(2):
        await handlers.KeepPosts(retention.keeper)([first, second])
    async with retention.db.read() as connection:
        kept = (await connection.execute(select(posts.c.text))).scalars().all()
    assert sorted(kept) == ["The road is closed.", "The road is open."]
