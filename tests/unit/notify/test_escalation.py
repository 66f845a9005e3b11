"""Whose turn it is when nobody answers."""

from __future__ import annotations

import pytest

from services.notify.escalation import Move, Step, backoff_seconds, next_step


@pytest.mark.policy("A.14")
@pytest.mark.parametrize(
    ("stands", "recipients", "expected"),
    [
        ((1, -1, False), 2, Step(Move.TELL, 1, 0, False)),
        ((1, 0, True), 2, Step(Move.TELL, 1, 1, False)),
        ((1, 0, False), 2, Step(Move.TELL, 1, 1, False)),
        ((1, 1, True), 2, Step(Move.TELL, 2, 0, True)),
        ((1, 1, False), 2, Step(Move.PAUSE, 2, -1, True)),
        ((2, -1, False), 2, Step(Move.TELL, 2, 0, False)),
        ((3, 1, True), 2, Step(Move.STOP, 3, 1, True)),
        ((1, -1, False), 0, Step(Move.PAUSE, 2, -1, True)),
        ((3, -1, False), 0, Step(Move.STOP, 3, -1, True)),
        ((1, 4, True), 0, Step(Move.PAUSE, 2, -1, True)),
    ],
)
def test_a14_an_unanswered_page_goes_round(stands: tuple[int, int, bool], recipients: int, expected: Step) -> None:
    number, level, reached = stands
    step = next_step(round_number=number, level=level, reached=reached, recipients=recipients, rounds=3)
    assert step == expected


def test_every_alert_comes_to_an_end() -> None:
    for recipients in range(4):
        step, told = Step(Move.PAUSE, 1, -1, False), 0
        for _ in range(50):
            step = next_step(round_number=step.round, level=step.level, reached=False, recipients=recipients, rounds=3)
            told += step.move is Move.TELL
            if step.move is Move.STOP:
                break
        assert step.move is Move.STOP
        assert told == 3 * recipients


def test_the_wait_doubles() -> None:
    assert [backoff_seconds(attempts, 5) for attempts in (1, 2, 3)] == [5, 10, 20]
