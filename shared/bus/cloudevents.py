"""
An event as a bus message and back: CloudEvents 1.0, Kafka protocol binding, binary mode.

The attributes travel as ``ce_*`` headers, the event's JSON as the value, the subject as the key. The JSON holds the
attributes once more, so that a value alone can be read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from pydantic import ValidationError

from shared.bus import Bus, Message
from shared.errors import Rejected
from shared.events import Event

E = TypeVar("E", bound=Event)

CONTENT_TYPE = b"application/json; charset=utf-8"


def to_message(event: Event, source: str) -> Message:
    """
    The message of ``event``; ``source`` is the publishing service's name.

    The same event gives the same bytes.
    """
    attributes = {
        "specversion": "1.0",
        "id": str(event.id),
        "source": f"/services/{source}",
        "type": event.topic,
        "subject": event.subject,
        "time": event.time.isoformat().replace("+00:00", "Z"),
    }
    headers = tuple((f"ce_{name}", value.encode()) for name, value in attributes.items())
    return Message(
        topic=event.topic,
        key=event.subject,
        value=event.model_dump_json().encode(),
        headers=(*headers, ("content-type", CONTENT_TYPE)),
    )


def from_message(kind: type[E], message: Message) -> E:
    """The event in ``message``. Raises `Rejected` (``unreadable``) naming the fields at fault, never their values."""
    try:
        return kind.model_validate_json(message.value)
    except ValidationError as error:
        fields = sorted({".".join(map(str, fault["loc"])) + ": " + fault["type"] for fault in error.errors()})
        raise Rejected("unreadable", f"{kind.__name__}: {'; '.join(fields)[:300]}") from None


async def publish_events(bus: Bus, source: str, events: Sequence[Event]) -> None:
    """Publish ``events`` in order. Raises `BusUnavailable`; a repeat is safe, since the ids are the same."""
    if events:
        await bus.publish([to_message(event, source) for event in events])
