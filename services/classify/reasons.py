"""
The words that moved the model: leave each out, score again, and see how far the score falls.

Only flagged comments are explained. All findings of a comment share the same further scores, at most `MOST_CALLS` of
them, so an explanation costs about ten times a score; longer texts are left out in groups of words.

Policy: A.10 (a description of the reason).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from services.classify.detectors import LONGEST, Sample
from services.classify.model import Model, Pair
from shared.categories import CATEGORIES, Category
from shared.events import Span

MOST_CALLS = 12
MOST_SPANS = 4
LEAST_FALL = 0.05
"""A fall of the probability below this says nothing."""

WORD = re.compile(r"\S+")


async def moving_words(
    model: Model, sample: Sample, found: Mapping[Category, float]
) -> dict[Category, tuple[Span, ...]]:
    """
    For each category of ``found`` (category to the score of the whole text): up to `MOST_SPANS` stretches of the
    original text without which the score falls most, in text order.

    The whole text when no single stretch moves it. Deterministic; raises what the model raises.
    """
    whole = (Span(start=0, end=len(sample.text)),)
    groups = _groups(sample.text[:LONGEST]) if found else ()
    if len(groups) < 2:
        return {category: whole if groups else () for category in found}
    shortened = [sample.text[: span.start] + sample.text[span.end :] for span in groups]
    rows = await model.score([Pair(text, sample.post) for text in shortened])
    return {
        category: _strongest([score - float(row[CATEGORIES.index(category)]) for row in rows], groups) or whole
        for category, score in found.items()
    }


def _strongest(falls: Sequence[float], groups: Sequence[Span]) -> tuple[Span, ...]:
    ranked = sorted(zip(falls, groups, strict=True), key=lambda item: (-item[0], item[1].start))
    least = max(LEAST_FALL, ranked[0][0] / 4)
    return tuple(sorted((span for fall, span in ranked[:MOST_SPANS] if fall >= least), key=lambda span: span.start))


def _groups(text: str) -> Sequence[Span]:
    """The words of the text, several together where there are too many."""
    words = [Span(start=found.start(), end=found.end()) for found in WORD.finditer(text)]
    size = -(-len(words) // MOST_CALLS) or 1
    chunks = [words[begin : begin + size] for begin in range(0, len(words), size)]
    return [Span(start=chunk[0].start, end=chunk[-1].end) for chunk in chunks]
