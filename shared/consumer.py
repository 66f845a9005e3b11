"""
The one consume loop: fetch, decode, handle, publish, and only then commit.

* `Transient`: the batch is given back and tried again, with backoff and jitter, as long as it takes.
* Anything else that a handler raises: the batch is tried one by one. The event at fault becomes a dead letter,
  published before the commit; its neighbours go on.
* Several dead letters in a row pause this consumer, uncommitted, and nothing else: a bad deploy must not drain a
  topic. It looks again now and then, so that the next good release resumes it.
* A stop lets the batch under way finish, publish and commit.

No handler is called with an event after a later one of the same key was committed.
"""

from __future__ import annotations

import asyncio
import logging
import random
import traceback
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

from shared import metrics
from shared.bus import Bus, Record, Subscription
from shared.bus.cloudevents import from_message, publish_events
from shared.bus.replay import packed
from shared.errors import Rejected, Transient
from shared.events import Event, MessageDeadLettered

log = logging.getLogger(__name__)

E = TypeVar("E", bound=Event)
Handler = Callable[[Sequence[E]], Awaitable[Sequence[Event]]]


@dataclass
class _Outcome:
    """What became of a batch: events to publish, dead letters among them, and whether the loop must pause."""

    events: list[Event] = field(default_factory=list)
    handled: list[Event] = field(default_factory=list)
    letters: list[MessageDeadLettered] = field(default_factory=list)
    pause: bool = False


class Consumer(Generic[E]):
    """One group on one topic, driving one handler."""

    def __init__(
        self,
        bus: Bus,
        kind: type[E],
        *,
        group: str,
        handle: Handler[E],
        source: str,
        member: str,
        now: Callable[[], datetime],
        max_batch: int = 100,
        letters_in_a_row: int = 5,
        pause_seconds: float = 30.0,
    ) -> None:
        self.name = group
        self._bus, self._kind, self._handle = bus, kind, handle
        self._source, self._member, self._now = source, member, now
        self._max_batch, self._limit, self._pause_seconds = max_batch, letters_in_a_row, pause_seconds
        self._in_a_row = 0
        self._failures = 0
        self._paused = False
        self._subscription: Subscription | None = None

    def problem(self) -> str | None:
        """Not ready while paused, while its faults last, or when the client has died inside."""
        if self._paused:
            return f"{self.name} is paused: {self._limit} dead letters in a row"
        if self._failures >= 5:
            return f"{self.name} has failed {self._failures} times in a row"
        if self._subscription and self._subscription.stuck():
            return f"{self.name} gets no records although some wait"
        return None

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until ``stop`` is set. An error that no retry can mend ends the loop."""
        while not stop.is_set():
            try:
                async with self._bus.subscribe(self._kind.topic, self.name, member=self._member) as subscription:
                    self._subscription = subscription
                    await self._consume(subscription, stop)
            except Transient as error:
                self._failed(error)
                await _sleep(stop, self._backoff())
            finally:
                self._subscription = None

    async def _consume(self, subscription: Subscription, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                records = await subscription.fetch(max_records=self._max_batch, wait_seconds=0.5)
                if records:
                    await self._one_batch(subscription, records, stop)
                self._failures = 0
            except Transient as error:
                self._failed(error)
                await _sleep(stop, self._backoff())
                await subscription.rewind()

    async def _one_batch(self, subscription: Subscription, records: Sequence[Record], stop: asyncio.Event) -> None:
        began = asyncio.get_running_loop().time()
        outcome = await self._work(records)
        metrics.HANDLE_SECONDS.labels(self.name).observe(asyncio.get_running_loop().time() - began)
        if outcome.pause:
            await self._pause(subscription, stop)
            return
        await publish_events(self._bus, self._source, [*outcome.events, *outcome.letters])
        self._set_paused(False)
        lost = await subscription.commit(records)
        self._count(outcome, len(lost))

    async def _work(self, records: Sequence[Record]) -> _Outcome:
        """Handle the batch at once; where that fails, one by one."""
        try:
            events = [from_message(self._kind, record.message) for record in records]
            published = await self._handle(events)
        except Transient:
            raise
        except Exception:  # noqa: BLE001 - whatever it is, it is isolated below
            return await self._isolate(records)
        self._in_a_row = 0
        return _Outcome(events=list(published), handled=list(events))

    async def _isolate(self, records: Sequence[Record]) -> _Outcome:
        outcome = _Outcome()
        in_a_row = self._in_a_row
        for record in records:
            try:
                event = from_message(self._kind, record.message)
                outcome.events += await self._handle([event])
            except Transient:
                raise
            except Exception as error:  # noqa: BLE001 - the one place where a bug becomes a dead letter
                outcome.letters.append(self._letter(record, error))
                in_a_row += 1
            else:
                outcome.handled.append(event)
                in_a_row = 0
            if in_a_row >= self._limit:
                outcome.pause = True
                return outcome
        self._in_a_row = in_a_row
        return outcome

    def _letter(self, record: Record, error: Exception) -> MessageDeadLettered:
        reason = error.reason if isinstance(error, Rejected) else "bug"
        log.error(
            "event became a dead letter",
            extra={"group": self.name, "place": record.place, "reason": reason, "error": _where(error)},
        )
        return MessageDeadLettered.caused_by(
            f"{self.name}/{record.place}",
            subject=record.message.key or record.place,
            time=self._now(),
            reason=reason if reason == "unreadable" else ("rejected" if isinstance(error, Rejected) else "bug"),
            detail=_where(error),
            origin=record.place,
            group=self.name,
            key=record.message.key,
            headers={name: value.decode(errors="replace") for name, value in record.message.headers},
            **packed(record.message.value),
        )

    async def _pause(self, subscription: Subscription, stop: asyncio.Event) -> None:
        """Stand still, uncommitted, and look again after a while."""
        log.error("consumer paused by dead letters in a row", extra={"group": self.name, "limit": self._limit})
        self._set_paused(True)
        await subscription.rewind()
        await _sleep(stop, self._pause_seconds)

    def _set_paused(self, paused: bool) -> None:
        self._paused = paused
        metrics.CONSUMER_PAUSED.labels(self.name).set(int(paused))

    def _count(self, outcome: _Outcome, lost: int) -> None:
        metrics.EVENTS.labels(self.name, "handled").inc(len(outcome.handled))
        if lost:
            metrics.EVENTS.labels(self.name, "given_up").inc(lost)
        for letter in outcome.letters:
            metrics.EVENTS.labels(self.name, "dead_letter").inc()
            metrics.DEAD_LETTERS.labels(self.name, letter.reason).inc()
        now = self._now()
        for event in outcome.handled:
            metrics.EVENT_AGE.labels(self.name).observe(max(0.0, (now - event.time).total_seconds()))

    def _failed(self, error: Transient) -> None:
        self._failures += 1
        metrics.EVENTS.labels(self.name, "retried").inc()
        if self._failures in (1, 5) or self._failures % 50 == 0:
            log.warning("batch given back", extra={"group": self.name, "error": str(error), "failures": self._failures})

    def _backoff(self) -> float:
        ceiling: float = min(10.0, 0.1 * 2 ** min(self._failures, 8))
        return ceiling * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret


def consumer(
    bus: Bus,
    kind: type[E],
    *,
    group: str,
    handle: Handler[E],
    source: str,
    member: str,
    now: Callable[[], datetime],
    max_batch: int = 100,
) -> Consumer[E]:
    """The loop that feeds ``handle`` with the events of one topic; ``group`` is ``service.handler``."""
    return Consumer(bus, kind, group=group, handle=handle, source=source, member=member, now=now, max_batch=max_batch)


def _where(error: Exception) -> str:
    """The error's class and the place in our code; never its text, which may hold a comment's words."""
    if isinstance(error, Rejected):
        return str(error)
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "site-packages" not in frame.filename]
    place = f" at {'/'.join(frames[-1].filename.split('/')[-3:])}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"


async def _sleep(stop: asyncio.Event, seconds: float) -> None:
    """Sleep, or return at once when stopped."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
