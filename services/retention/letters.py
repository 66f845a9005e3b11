"""
Replaying dead letters: an event goes to its topic again, a delivery is read again by its platform's adapter.

A letter ends only after what it holds was published. A repeat is safe: the ids are the same.

Policy: A.1 (quarantined deliveries of an account, once it is registered), A.9 (nothing is lost).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.retention.store.letters import LetterStore, letter_of
from shared.bus.cloudevents import publish_events
from shared.bus.replay import original, replay
from shared.errors import Rejected
from shared.events import Event, MessageDeadLettered
from shared.platforms.registry import READERS
from shared.service import Resources

Row = Mapping[Any, Any]


@dataclass
class Report:
    """What came of a replay: how many went, and which still wait and why."""

    replayed: int = 0
    kept: list[tuple[int, str]] = field(default_factory=list)


async def replay_letters(resources: Resources, store: LetterStore, rows: Sequence[Row], actor: str) -> Report:
    """Replay each; the parts of a delivery that was cut go together. Raises `BusUnavailable`, `DatabaseUnavailable`."""
    report = Report()
    for group in _together(rows):
        numbers = [row["number"] for row in group]
        try:
            await _replay_one(resources, [letter_of(row) for row in group])
        except Rejected as error:
            report.kept += [(number, str(error)) for number in numbers]
            continue
        for number in numbers:
            report.replayed += await store.end(number, actor, "replayed", resources.now())
    return report


def _together(rows: Sequence[Row]) -> list[list[Row]]:
    """Letters in their order; the numbered parts of one delivery in one list."""
    groups: dict[object, list[Row]] = {}
    for row in rows:
        cut = "parts" in row["headers"]
        groups.setdefault((row["key"], row["reason"]) if cut else row["number"], []).append(row)
    return list(groups.values())


async def _replay_one(resources: Resources, letters: Sequence[MessageDeadLettered]) -> None:
    first = letters[0]
    if not first.origin.startswith("webhook/"):
        await replay(resources.bus, first)
        return
    events = await _read_again(resources, letters)
    await publish_events(resources.bus, "retention", events)


async def _read_again(resources: Resources, letters: Sequence[MessageDeadLettered]) -> list[Event]:
    """The events of a delivery, read by the adapter of today. Raises `Rejected` while it cannot be read or placed."""
    first, platform = letters[0], letters[0].origin.removeprefix("webhook/")
    wanted = int(first.headers.get("parts", "1"))
    if len(letters) != wanted:
        raise Rejected("incomplete", f"{len(letters)} of {wanted} parts are here")
    parts = sorted(letters, key=lambda letter: int(letter.headers.get("part", "1")))
    if platform not in READERS:
        raise Rejected("unknown_platform", f"there is no platform {platform}")
    found = READERS[platform]().read(b"".join(map(original, parts)), first.time)
    unreadable = [item.why for item in found if item.kind == "unreadable"]
    events = [item.event for item in found if item.event is not None]
    if unreadable or not events:
        raise Rejected("unreadable", f"it cannot be read: {unreadable[0] if unreadable else 'nothing in it'}")
    for event in events:
        place = (getattr(event, "platform", ""), getattr(event, "account", ""))
        if await resources.directory.account(*place) is None:
            raise Rejected("unknown_account", f"the account {place[0]} {place[1]} is not registered")
    return events
