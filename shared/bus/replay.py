"""Replaying a dead letter: the original message goes to its topic again."""

from __future__ import annotations

from base64 import b64decode, b64encode

from shared.bus import Bus, Message
from shared.errors import Rejected
from shared.events import MessageDeadLettered


def original(letter: MessageDeadLettered) -> bytes:
    """The original value, byte for byte."""
    return b64decode(letter.value) if letter.encoding == "base64" else letter.value.encode()


def packed(value: bytes) -> dict[str, str]:
    """``value`` and ``encoding`` of a dead letter: readable text where it is UTF-8, else base64."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return {"value": b64encode(value).decode(), "encoding": "base64"}
    return {"value": text, "encoding": "utf-8"}


async def replay(bus: Bus, letter: MessageDeadLettered) -> None:
    """
    Publish the original message again. Every group of the topic reads it; those that had handled it change nothing.

    Raises `Rejected` (``not_an_event``) for a delivery that never became an event, `BusUnavailable`. A repeat is safe.
    """
    topic, _, place = letter.origin.partition("/")
    if topic == "webhook" or "/" not in place:
        raise Rejected("not_an_event", f"{letter.origin} is a delivery: its platform's adapter must read it")
    headers = tuple((name, value.encode()) for name, value in letter.headers.items())
    await bus.publish([Message(topic, letter.key, original(letter), headers)])
