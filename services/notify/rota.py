"""
Who is on call, and by which channels: for now a list in the settings, in the order in which people are paged.

The protocol is narrow on purpose: a rota of rows, rotations and overrides answers the same question.

Policy: A.4 (site administrators are authorized), A.14 (they are alerted).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.notify.channels import Channel

TEAM = "team"
"""The identifier of the team as a recipient."""


@dataclass(frozen=True)
class Recipient:
    """Somebody to tell. ``channels`` are tried in order."""

    person: str
    name: str
    channels: tuple[Channel, ...]

    def channel(self, name: str) -> Channel | None:
        """The channel of that name; None when the settings no longer have it."""
        return next((channel for channel in self.channels if channel.name == name), None)


def actor_of(person: str) -> str:
    """The actor of an act done through a link sent to ``person``."""
    return "team:members" if person == TEAM else f"person:{person}"


class Rota(Protocol):
    """Tells who is on call."""

    def on_call(self, moment: datetime) -> Sequence[Recipient]:
        """Those to page at ``moment`` (aware), in order; empty when nobody is."""
        ...


class ListedRota:
    """The same people at every hour."""

    def __init__(self, people: Sequence[Recipient]) -> None:
        self._people = tuple(people)

    def on_call(self, moment: datetime) -> Sequence[Recipient]:
        """All of them, in the order of the settings."""
        return self._people


class Contacts:
    """Everybody who may be told: the rota for pages, the team for the rest, and the rota where the team fails."""

    def __init__(self, rota: Rota, team: Recipient | None) -> None:
        self._rota, self._team = rota, team

    def recipients(self, audience: str, moment: datetime) -> Sequence[Recipient]:
        """Whom to tell, in order, for ``page`` or ``team``."""
        people = tuple(self._rota.on_call(moment))
        return (self._team, *people) if audience == TEAM and self._team else people

    def gaps(self, moment: datetime) -> str:
        """A sentence that says who cannot be told; empty when nothing is missing."""
        if not self._rota.on_call(moment):
            told = "pages reach nobody" if self._team else "nobody can be told of anything"
            return f"NOTIFY_ONCALL names nobody: {told}; incidents are kept and end as alert.exhausted"
        return (
            "" if self._team else "NOTIFY_TEAM is empty: in business hours the on-call administrators are told instead"
        )
