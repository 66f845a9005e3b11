"""
What an alert does next when nobody has answered: a pure function, so that it can be tested as a table.

The list of recipients is gone through level by level. At its end nobody could be reached, or nobody answered: that is
said once, and the list starts over, as many rounds as the settings allow.

Policy: A.14.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Move(StrEnum):
    """What to do: tell somebody, wait before the list starts over, or stop."""

    TELL = "tell"
    PAUSE = "pause"
    STOP = "stop"


@dataclass(frozen=True)
class Step:
    """The move, and where the alert stands after it. ``end_of_list``: everybody had their turn."""

    move: Move
    round: int
    level: int
    end_of_list: bool


def next_step(*, round_number: int, level: int, reached: bool, recipients: int, rounds: int) -> Step:
    """
    The step after ``level`` of ``round_number``.

    Args:
        round_number: from 1.
        level: the recipient who had a turn, from 0; -1 before the first.
        reached: whether this recipient's channels took the message.
        recipients: how many there are now.
        rounds: how often the list may be gone through.

    When the last one was reached, the time to answer has passed and the list starts over at once; when not, there is a
    pause, so that a broken provider is not called in circles.
    """
    if level + 1 < recipients:
        return Step(Move.TELL, round_number, level + 1, False)
    if round_number >= rounds:
        return Step(Move.STOP, round_number, level, True)
    if reached and recipients:
        return Step(Move.TELL, round_number + 1, 0, True)
    return Step(Move.PAUSE, round_number + 1, -1, True)


def backoff_seconds(attempts: int, first_seconds: float) -> float:
    """How long to wait after ``attempts`` failed tries of one channel: it doubles."""
    return float(first_seconds * 2 ** (attempts - 1))
