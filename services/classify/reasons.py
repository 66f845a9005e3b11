"""
The words that moved the model: leave each out, score again, and see how far the score falls.

Only flagged comments are explained, with at most `MOST_CALLS` further scores; longer texts are left out in groups of
words.

Policy: A.10 (a description of the reason).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from services.classify.detectors import Sample
from services.classify.model import Model, Pair
from shared.categories import CATEGORIES, Category
from shared.events import Span

MOST_CALLS = 24
MOST_SPANS = 4
LEAST_FALL = 0.05
"""A fall of the probability below this says nothing."""

WORD = re.compile(r"\S+")


async def moving_words(model: Model, sample: Sample, category: Category) -> tuple[Span, ...]:
    """
    Up to `MOST_SPANS` stretches of the original text without which the category's score falls most, in text order.

    The whole text when no single stretch moves it. Deterministic.
    """
    groups = _groups(sample.text)
    if len(groups) < 2:
        return (Span(start=0, end=len(sample.text)),) if groups else ()
    shortened = [sample.text[: span.start] + sample.text[span.end :] for span in groups]
    rows = await model.score([Pair(text, sample.post) for text in [sample.text, *shortened]])
    column = rows[:, CATEGORIES.index(category)]
    falls = sorted(
        ((float(column[0] - score), span) for score, span in zip(column[1:], groups, strict=True)),
        key=lambda item: (-item[0], item[1].start),
    )
    strongest = falls[0][0]
    moving = [span for fall, span in falls[:MOST_SPANS] if fall >= LEAST_FALL and fall >= strongest / 4]
    return tuple(sorted(moving, key=lambda span: span.start)) or (Span(start=0, end=len(sample.text)),)


def _groups(text: str) -> Sequence[Span]:
    """The words of the text, several together where there are too many."""
    words = [Span(start=found.start(), end=found.end()) for found in WORD.finditer(text)]
    size = -(-len(words) // MOST_CALLS) or 1
    chunks = [words[begin : begin + size] for begin in range(0, len(words), size)]
    return [Span(start=chunk[0].start, end=chunk[-1].end) for chunk in chunks]
