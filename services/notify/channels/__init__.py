"""
A way to reach somebody: the protocol that every channel keeps, and the message that travels.

A message goes through third parties. It holds neither the comment's text nor its author.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


@dataclass(frozen=True)
class Message:
    """A title of at most 160 characters, and a body of plain text."""

    title: str
    body: str


class Outcome(StrEnum):
    """
    What became of one attempt.

    ``timed_out`` may have arrived: it is not tried again on the same channel, since a page must not come twice.
    """

    DELIVERED = "delivered"
    REFUSED = "refused"
    TIMED_OUT = "timed_out"
    BUSY = "busy"


class Channel(Protocol):
    """One address of one recipient. ``name`` is safe to show: it never holds the address."""

    @property
    def name(self) -> str:
        """Such as ``mailto-1``: the scheme, and the place in the recipient's list."""
        ...

    async def send(self, message: Message) -> Outcome:
        """Hand the message over, within a deadline. Never raises for what the other side does."""
        ...
