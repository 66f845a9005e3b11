"""
The words that moved the model: leave them out, score again, and see how far the score falls.

Only flagged comments are explained, and of a long comment only the window that decided. Its pieces are left out one by
one, at most `MOST_PIECES`, and then the words of the piece that moves it most. An offence that stands there twice moves
nothing when one of the two is left out: then each is scored by itself. So a finding costs at most `MOST_CALLS` further
scores of a window, however long the comment is; findings of one comment share those that are the same.

Policy: A.10 (a description of the reason).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from services.classify.detectors import LONGEST, Sample
from services.classify.model import Model, Pair, Scores
from shared.categories import CATEGORIES, Category
from shared.events import Span

MOST_PIECES = 12
MOST_CALLS = 1 + 4 * MOST_PIECES
"""For each finding: its window, all but each piece and each piece by itself, and so for the words of one piece."""
MOST_SPANS = 4
LEAST_FALL = 0.05
"""A fall of the probability below this says nothing."""

WORD = re.compile(r"\S+")


async def moving_words(
    model: Model, sample: Sample, found: Mapping[Category, float], stretches: Sequence[Span] | None = None
) -> dict[Category, tuple[Span, ...]]:
    """
    For each category of ``found`` (category to the score of the whole text): up to `MOST_SPANS` stretches of the
    original text without which the score falls most, in text order.

    The window that decided where none of its pieces stands out, and for off topic then the whole text. Deterministic;
    raises what the model raises.

    Args:
        stretches: for each category in the order of A.11 the window that decided; when not given, the whole text.
    """
    text, rows = sample.text[:LONGEST], dict[str, Scores]()
    whole = Span(start=0, end=len(sample.text))
    words = {}
    for category, score in found.items():
        column = CATEGORIES.index(category)
        stretch = stretches[column] if stretches else whole
        # Off topic is said of the whole comment: no piece is so by itself.
        alone, otherwise = (False, whole) if category is Category.OFF_TOPIC else (True, stretch)
        moving = await _moving(_Scores(model, sample.post, column, rows), text, stretch, score, alone=alone)
        words[category] = moving or ((otherwise,) if text.strip() else ())
    return words


class _Scores:
    """The scores of texts in one category. ``rows`` holds those known: no text is scored twice."""

    def __init__(self, model: Model, post: str | None, column: int, rows: dict[str, Scores]) -> None:
        self._model, self._post, self._column, self._rows = model, post, column, rows

    async def __call__(self, texts: Sequence[str]) -> list[float]:
        new = [text for text in dict.fromkeys(texts) if text not in self._rows]
        if new:
            rows = await self._model.score([Pair(text, self._post) for text in new])
            self._rows.update(zip(new, rows, strict=True))
        return [float(self._rows[text][self._column]) for text in texts]


async def _moving(scores: _Scores, text: str, stretch: Span, score: float, *, alone: bool) -> tuple[Span, ...]:
    """The spans of one category, or none; ``alone``: whether a piece may be judged by itself."""
    words = _words(text, stretch)
    if len(words) < 2:
        return ()
    around = Span(start=0, end=len(text))
    if stretch.start > 0 or stretch.end < len(text):
        around = Span(start=words[0].start, end=words[-1].end)
        [score] = await scores([text[around.start : around.end]])
    moving, by_itself = await _outstanding(scores, text, around, _pieces(words), score, alone=alone)
    if not moving:
        return ()
    best, *others = moving
    inner = _pieces([word for word in words if best.start <= word.start and word.end <= best.end])
    if len(inner) > 1:
        if by_itself:
            around, [score] = best, await scores([text[best.start : best.end]])
        finer, _ = await _outstanding(scores, text, around, inner, score, alone=alone)
        moving = [*(finer or [best]), *others]
    return tuple(sorted(moving[:MOST_SPANS], key=lambda span: span.start))


async def _outstanding(
    scores: _Scores, text: str, around: Span, pieces: Sequence[Span], score: float, *, alone: bool
) -> tuple[list[Span], bool]:
    """
    The pieces without which ``score``, that of ``around``, falls most; where there are none, those that by themselves
    score most above the others, and then true.
    """
    shorter = [text[around.start : piece.start] + text[piece.end : around.end] for piece in pieces]
    moving = _strongest([score - value for value in await scores(shorter)], pieces)
    if moving or not alone:
        return moving, False
    each = await scores([text[piece.start : piece.end] for piece in pieces])
    return _strongest([value - min(each) for value in each], pieces), True


def _strongest(falls: Sequence[float], pieces: Sequence[Span]) -> list[Span]:
    """The strongest first, at most `MOST_SPANS`."""
    ranked = sorted(zip(falls, pieces, strict=True), key=lambda item: (-item[0], item[1].start))
    least = max(LEAST_FALL, ranked[0][0] / 4)
    return [piece for fall, piece in ranked[:MOST_SPANS] if fall >= least]


def _words(text: str, stretch: Span) -> list[Span]:
    """The words that lie in the stretch as a whole; where none does, its parts of words."""
    words = [Span(start=found.start(), end=found.end()) for found in WORD.finditer(text)]
    inside = [word for word in words if stretch.start <= word.start and word.end <= stretch.end]
    parts = WORD.finditer(text, stretch.start, stretch.end)
    return inside or [Span(start=found.start(), end=found.end()) for found in parts]


def _pieces(words: Sequence[Span]) -> list[Span]:
    """The words, several together where there are too many."""
    size = -(-len(words) // MOST_PIECES)
    chunks = [words[begin : begin + size] for begin in range(0, len(words), size)]
    return [Span(start=chunk[0].start, end=chunk[-1].end) for chunk in chunks]
