"""
The consume loop on both buses: a poisoned event goes to the dead letters while its neighbours go on; several in a row
pause this consumer and nothing else; what fails for now is tried again; nothing is committed before it was published.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from uuid import uuid4

import pytest

from shared.bus import DEAD_LETTERS, Bus, Message
from shared.bus.cloudevents import from_message, publish_events
from shared.bus.replay import original, packed, replay
from shared.consumer import Consumer
from shared.errors import Rejected, Transient
from shared.events import CommentRemoved, Event, MessageDeadLettered
from shared.runtime import utc_now
from tests.contract.conftest import OpenBus

pytestmark = pytest.mark.asyncio


@pytest.fixture
def kind(topic: str) -> type[CommentRemoved]:
    """A type of event with a topic of this test alone: what others poison is not met here."""
    return type("CommentRemovedHere", (CommentRemoved,), {"topic": topic})


def events(kind: type[CommentRemoved], count: int, mark: str, *, key: str = "") -> list[CommentRemoved]:
    return [
        kind.caused_by(
            f"{mark}/{number}",
            subject=f"facebook:1:{key or f'{mark}-{number}'}",
            time=utc_now(),
            platform="facebook",
            account="1",
            comment_id=f"{mark}-{number}",
        )
        for number in range(count)
    ]


class Handler:
    """Remembers what it handled of its own test, and fails as it is told."""

    def __init__(self, mark: str, fail: dict[str, Exception] | None = None) -> None:
        self.mark, self.fail = mark, fail or {}
        self.handled: list[str] = []

    async def __call__(self, batch: Sequence[CommentRemoved]) -> Sequence[Event]:
        own = [event for event in batch if event.comment_id.startswith(self.mark)]
        for event in own:
            if error := self.fail.get(event.comment_id):
                raise error
        self.handled += [event.comment_id for event in own]
        return []


def consumer(bus: Bus, kind: type[CommentRemoved], handler: Handler, **options: object) -> Consumer[CommentRemoved]:
    return Consumer(
        bus,
        kind,
        group=f"test.{handler.mark}",
        handle=handler,
        source="test",
        member="0",
        now=utc_now,
        **options,  # type: ignore[arg-type]
    )


async def until(done: Callable[[], object], *, seconds: float = 60) -> None:
    """Poll until ``done()`` is true."""
    async with asyncio.timeout(seconds):
        while not done():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.02)


async def run_until(loop: Consumer[CommentRemoved], done: Callable[[], object]) -> None:
    """Run the consumer until ``done()`` is true, then stop it."""
    stop = asyncio.Event()
    task = asyncio.create_task(loop.run(stop))
    await until(done)
    stop.set()
    await task


async def letters(bus: Bus, mark: str, count: int) -> list[MessageDeadLettered]:
    found: list[MessageDeadLettered] = []
    async with bus.subscribe(DEAD_LETTERS, f"test.letters-{uuid4().hex}", member="0") as subscription:
        async with asyncio.timeout(40):
            while len(found) < count:
                for record in await subscription.fetch(max_records=100, wait_seconds=0.5):
                    letter = from_message(MessageDeadLettered, record.message)
                    found += [letter] if letter.group == f"test.{mark}" else []
    return found


async def test_a_poisoned_event_becomes_a_dead_letter_and_its_neighbours_go_on(
    open_one: OpenBus, kind: type[CommentRemoved]
) -> None:
    bus, mark = await open_one(), uuid4().hex
    await publish_events(bus, "test", events(kind, 6, mark))
    handler = Handler(mark, {f"{mark}-2": Rejected("strange"), f"{mark}-4": ZeroDivisionError("secret words")})
    await run_until(consumer(bus, kind, handler), lambda: len(set(handler.handled)) == 4)
    found = {letter.reason: letter for letter in await letters(bus, mark, 2)}
    assert set(found) == {"rejected", "bug"}
    assert "ZeroDivisionError" in found["bug"].detail
    assert "secret words" not in found["bug"].model_dump_json(exclude={"value"})
    handler.fail.clear()
    for letter in found.values():
        await replay(bus, letter)
    again = Handler(mark)
    again.handled = handler.handled
    await run_until(consumer(bus, kind, again), lambda: {f"{mark}-2", f"{mark}-4"} <= set(again.handled))


async def test_an_unreadable_record_is_a_dead_letter_that_keeps_its_bytes(
    open_one: OpenBus, kind: type[CommentRemoved]
) -> None:
    bus, mark = await open_one(), uuid4().hex
    bad = [b"\xff\xfe not JSON", b'{"half":', b"[" * 5000]
    await bus.publish([Message(kind.topic, mark, value) for value in bad])
    await publish_events(bus, "test", events(kind, 1, mark))
    handler = Handler(mark)
    loop = consumer(bus, kind, handler, letters_in_a_row=100)
    await run_until(loop, lambda: handler.handled)
    found = await letters(bus, mark, 3)
    assert {letter.reason for letter in found} == {"unreadable"}
    assert {original(letter) for letter in found} >= set(bad)


async def test_several_dead_letters_in_a_row_pause_this_consumer_and_nothing_else(
    open_one: OpenBus, kind: type[CommentRemoved]
) -> None:
    bus, mark = await open_one(), uuid4().hex
    sent = events(kind, 8, mark, key=mark)
    await publish_events(bus, "test", sent)
    broken = {event.comment_id: ZeroDivisionError() for event in sent[2:]}
    handler = Handler(mark, broken)  # type: ignore[arg-type]
    other = Handler(f"other-{mark}")
    paused = consumer(bus, kind, handler, letters_in_a_row=3, pause_seconds=0.3)
    neighbour = Consumer(bus, kind, group=f"test.{other.mark}", handle=other, source="test", member="0", now=utc_now)
    stop = asyncio.Event()
    tasks = [asyncio.create_task(paused.run(stop)), asyncio.create_task(neighbour.run(stop))]
    await until(lambda: paused.problem() is not None)
    assert "paused" in (paused.problem() or "")
    assert neighbour.problem() is None
    await publish_events(bus, "test", events(kind, 1, other.mark))
    await until(lambda: other.handled)
    [lag] = await bus.lag({f"test.{mark}": kind.topic})
    assert lag.records > 0, "nothing of the paused batch is committed"
    handler.fail.clear()
    await until(lambda: len(set(handler.handled)) == 8 and paused.problem() is None)
    stop.set()
    await asyncio.gather(*tasks)


async def test_what_fails_for_now_is_tried_again_in_order_and_makes_no_letter(
    open_one: OpenBus, kind: type[CommentRemoved]
) -> None:
    bus, mark = await open_one(), uuid4().hex
    sent = events(kind, 5, mark, key=mark)
    await publish_events(bus, "test", sent)
    handler = Handler(mark, {f"{mark}-3": Transient("away")})
    loop = consumer(bus, kind, handler)
    stop = asyncio.Event()
    task = asyncio.create_task(loop.run(stop))
    await until(lambda: loop.problem() is not None)
    assert "has failed" in (loop.problem() or "")
    handler.fail.clear()
    await until(lambda: len(set(handler.handled)) == 5)
    stop.set()
    await task
    assert list(dict.fromkeys(handler.handled)) == [event.comment_id for event in sent]


async def test_what_a_handler_returns_is_published_before_the_commit(
    open_one: OpenBus, kind: type[CommentRemoved]
) -> None:
    bus, mark = await open_one(), uuid4().hex
    await publish_events(bus, "test", events(kind, 3, mark))
    wishes: list[str] = []

    async def handle(batch: Sequence[CommentRemoved]) -> Sequence[Event]:
        own = [event for event in batch if event.comment_id.startswith(mark)]
        wishes.extend(event.comment_id for event in own)
        return [
            MessageDeadLettered.caused_by(
                event, subject=mark, time=event.time, reason="bug", origin="x/0/0", group=f"test.{mark}", value="v"
            )
            for event in own
        ]

    loop = Consumer(bus, kind, group=f"test.{mark}", handle=handle, source="test", member="0", now=utc_now)
    await run_until(loop, lambda: len(set(wishes)) == 3)
    found = await letters(bus, mark, 3)
    expected = {MessageDeadLettered.caused_by(event, subject=mark, time=event.time, reason="bug", origin="x/0/0",
                                              group="g", value="v").id for event in events(kind, 3, mark)}  # fmt: skip
    assert {letter.id for letter in found} == expected


@pytest.mark.parametrize("value", [b"plain", "ñ 🚒".encode(), b"\xff\x00", b""])
async def test_a_letter_gives_back_its_bytes(value: bytes) -> None:
    letter = MessageDeadLettered.caused_by(
        "x", subject="x", time=utc_now(), reason="bug", origin="a/0/0", group="g", **packed(value)
    )
    assert original(letter) == value


async def test_a_delivery_is_not_replayed_as_an_event(open_one: OpenBus, kind: type[CommentRemoved]) -> None:
    letter = MessageDeadLettered.caused_by(
        "x", subject="x", time=utc_now(), reason="unreadable", origin="webhook/facebook", group="ingest", value="{}"
    )
    with pytest.raises(Rejected, match="adapter"):
        await replay(await open_one(), letter)
