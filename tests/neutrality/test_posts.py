"""
The shipped model and detectors under the shipped policy, on page comments of posts that training did not see: protected
speech and harmless comments are hardly ever hidden.
"""

from __future__ import annotations

import asyncio

import pytest

from services.classify.model import SHIPPED, Pair
from services.classify.models import open_model
from services.classify.training.consequences import actions_of, evidence_of
from services.classify.training.data import Row, authored
from shared.events import Action
from shared.policy import load_policy

# Both are gates: never raise them.
MAX_PROTECTED_HIDDEN = 0.005
MAX_HARMLESS_HIDDEN = 0.015

Hidden = dict[str, bool]


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    """What may not be hidden: harmless comments and protected speech, of posts held out."""
    return [row for row in authored() if row.part == "test" and (row.protected or 1 not in row.labels)]


@pytest.fixture(scope="module")
def hidden(rows: list[Row]) -> Hidden:
    """By id, whether a machine would hide it."""
    policy = load_policy()
    held_out = [row for row in authored() if row.part == "test"]
    # The sites that an agency names in any of its posts are its own.
    evidence = dict(zip((row.id for row in held_out), evidence_of(held_out, policy), strict=True))

    async def score() -> list[Action]:
        model = open_model(SHIPPED, workers=2)
        try:
            chances = await model.score([Pair(row.text, row.about or None) for row in rows])
        finally:
            await model.close()
        return actions_of(rows, chances, [evidence[row.id] for row in rows], policy)

    return {row.id: action is Action.HIDE for row, action in zip(rows, asyncio.run(score()), strict=True)}


@pytest.mark.policy("A.10", "A.11")
@pytest.mark.timeout(300)
def test_protected_speech_is_hardly_ever_hidden(rows: list[Row], hidden: Hidden) -> None:
    protected = [row for row in rows if row.protected]
    assert len(protected) >= 300
    bounded(protected, hidden, MAX_PROTECTED_HIDDEN)


@pytest.mark.policy("A.10", "A.11")
@pytest.mark.timeout(300)
def test_a_harmless_comment_is_rarely_hidden(rows: list[Row], hidden: Hidden) -> None:
    harmless = [row for row in rows if 1 not in row.labels]
    assert len(harmless) >= 1000
    bounded(harmless, hidden, MAX_HARMLESS_HIDDEN)


def bounded(rows: list[Row], hidden: Hidden, most: float) -> None:
    """Fails, naming the comments, where a greater share of ``rows`` would be hidden."""
    wrong = [f"{row.id}: {row.text}" for row in rows if hidden[row.id]]
    assert len(wrong) <= most * len(rows), f"{len(wrong)} of {len(rows)}:\n" + "\n".join(wrong)
