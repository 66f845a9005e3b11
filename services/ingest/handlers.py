"""
What becomes of one verified delivery: its events and its dead letters are published together, then it is answered.

* Everything that a delivery says ends as an event, as a dead letter, or as something ignored and counted.
* An account that is not registered is quarantined: its events are held back in dead letters (A.1).
* Ids are functions of what happened, so the platform's retry publishes the same again and changes nothing.
* The post's text is added where it is known. It is not part of the id, and nobody waits for it.

Policy: A.1 (official accounts), A.8, A.9 (comments are public records).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from services.ingest import dead_letters
from services.ingest.posts import PostTexts
from shared.bus import Bus, Message
from shared.bus.cloudevents import to_message
from shared.directory import Directory
from shared.events import (
    CommentReceived,
    CommentRemoved,
    CommentVisibilityChanged,
    Event,
    MessageDeadLettered,
    PostReceived,
)
from shared.platforms import Found, Inbound

MOST_MESSAGE_BYTES = 900_000
"""A larger event would not fit into a Kafka message with its headers: it is kept as a dead letter."""

Told = CommentReceived | CommentRemoved | CommentVisibilityChanged | PostReceived


class PostReaders(Protocol):
    """Whether a post's text can be fetched at all."""

    def __call__(self, platform: str, account: str) -> bool:
        """True when somebody can."""
        ...


@dataclass(frozen=True)
class Taken:
    """What a delivery held. ``outcome`` is the metric's label; ``kinds`` counts what was found."""

    outcome: str
    kinds: Counter[str]
    dead_letters: Counter[str]
    events: int


class TakeDelivery:
    """Publish what a delivery says. Safe to repeat: the ids are the same."""

    def __init__(
        self,
        bus: Bus,
        directory: Directory,
        posts: PostTexts,
        now: Callable[[], datetime],
        *,
        can_fetch: PostReaders,
        nudge: Callable[[], None] = lambda: None,
    ) -> None:
        self._bus, self._directory, self._posts, self._now = bus, directory, posts, now
        self._can_fetch, self._nudge = can_fetch, nudge

    async def __call__(self, inbound: Inbound, sender: str, body: bytes) -> Taken:
        """
        Read, sort, publish. Returns when the bus has all of it.

        Raises `BusUnavailable` or `DatabaseUnavailable`: the caller answers 503 and the platform sends again.
        """
        now = self._now()
        found = inbound.read(body, now)
        registered = await self._registered(inbound, sender, found)
        letters: list[MessageDeadLettered] = []
        events: list[Told] = []
        for item in found:
            event = item.event
            if isinstance(event, Told):
                content = item.raw.encode() or body
                if registered[event.platform, event.account]:
                    events.append(event)
                else:
                    letters += dead_letters.held_back(inbound.platform, event, content, now)
            elif item.kind == "unreadable" or item.keep:
                letters += dead_letters.unreadable(
                    inbound.platform, item.raw.encode() or body, item.why or "unreadable", now
                )
        messages = []
        for event in await self._with_posts(events):
            message = to_message(event, "ingest")
            if len(message.value) <= MOST_MESSAGE_BYTES:
                messages.append(message)
            else:
                letters += dead_letters.unreadable(inbound.platform, body, "an event is too large", now)
        letters = _once(letters)
        await self._publish([*messages, *(to_message(letter, "ingest") for letter in letters)])
        self._learn(events)
        kinds = Counter(str(item.kind) for item in found)
        reasons = Counter(letter.reason for letter in letters)
        return Taken(_outcome(kinds, reasons), kinds, reasons, len(messages))

    async def _publish(self, messages: Sequence[Message]) -> None:
        if messages:
            await self._bus.publish(messages)

    async def _registered(self, inbound: Inbound, sender: str, found: Sequence[Found]) -> dict[tuple[str, str], bool]:
        """Which accounts of the delivery are ours and may be spoken for by this sender."""
        pairs = {(item.event.platform, item.event.account) for item in found if isinstance(item.event, Told)}
        return {
            pair: inbound.speaks_for(sender, *pair) and await self._directory.account(*pair) is not None
            for pair in sorted(pairs)
        }

    async def _with_posts(self, events: Sequence[Told]) -> Sequence[Event]:
        """The events, with the text of the post where it is known; one read for the whole delivery."""
        keys = {
            event.id: (event.platform, event.account, event.post_id)
            for event in events
            if isinstance(event, CommentReceived) and event.post_id and event.post_text is None
        }
        if not keys:
            return events
        here = {
            (event.platform, event.account, event.post_id): event.text
            for event in events
            if isinstance(event, PostReceived) and event.text is not None
        }
        known = {**await self._posts.known(set(keys.values())), **here}
        for key in set(keys.values()) - set(known):
            if self._can_fetch(key[0], key[1]):
                self._posts.want(key)
        return [
            event.model_copy(update={"post_text": known[keys[event.id]]}) if keys.get(event.id) in known else event
            for event in events
        ]

    def _learn(self, events: Sequence[Told]) -> None:
        """Remember posts that told their text, and have the worker look at what is new. After the publish only."""
        for event in events:
            if isinstance(event, PostReceived):
                key = (event.platform, event.account, event.post_id)
                if event.text is not None:
                    self._posts.learn(key, event.text)
                elif self._can_fetch(event.platform, event.account):
                    self._posts.want(key)
        if self._posts.learned or self._posts.wanted:
            self._nudge()


def _once(letters: Sequence[MessageDeadLettered]) -> list[MessageDeadLettered]:
    """Each dead letter once: many odd things may point to one and the same body."""
    seen: dict[UUID, MessageDeadLettered] = {}
    for letter in letters:
        seen.setdefault(letter.id, letter)
    return list(seen.values())


def _outcome(kinds: Counter[str], reasons: Counter[str]) -> str:
    for reason in ("unreadable", "unknown_account"):
        if reasons[reason]:
            return reason
    return "ignored" if set(kinds) == {"ignore"} else "accepted"
