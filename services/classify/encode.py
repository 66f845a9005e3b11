"""
From a comment and its post to the numbers that the model reads. Training and serving share this file.

The post, then the comment, with the encoder's marks before, between and behind them (`Marks`): BERT wants
``[CLS] post [SEP] comment [SEP]``, or ``[CLS] comment [SEP]`` when the post is not known. `MAX_TOKENS` in all. The
comment has the right of way: it gets up to `COMMENT_TOKENS`, the post what is left. A longer comment is read in windows
that overlap, each under its post: nothing can hide at the end of a long text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MAX_TOKENS = 128
COMMENT_TOKENS = 88
OVERLAP = 24
"""Tokens that two windows share."""


@dataclass(frozen=True)
class Marks:
    """Ids of the marks in an encoder's vocabulary: ``first``, between post and comment, and ``last``."""

    first: tuple[int, ...]
    between: tuple[int, ...]
    last: tuple[int, ...]


@dataclass(frozen=True)
class Encoded:
    """Token ids and segment ids, of equal length. ``comment_at`` is where the comment's tokens begin."""

    ids: tuple[int, ...]
    segments: tuple[int, ...]
    comment_at: int


def encode(comment: Sequence[int], post: Sequence[int] | None, marks: Marks) -> Encoded:
    """Put the token ids of a comment and of its post together; both without marks."""
    comment = comment[:COMMENT_TOKENS]
    if not post:
        ids = (*marks.first, *comment, *marks.last)
        return Encoded(ids, (0,) * len(ids), len(marks.first))
    room = MAX_TOKENS - len(marks.first) - len(marks.between) - len(marks.last) - len(comment)
    before = (*marks.first, *post[:room], *marks.between)
    behind = (*comment, *marks.last)
    return Encoded((*before, *behind), (0,) * len(before) + (1,) * len(behind), len(before))


def windows(comment: Sequence[int]) -> list[Sequence[int]]:
    """The stretches of a comment that are read one by one; a comment of up to `COMMENT_TOKENS` is one."""
    step = COMMENT_TOKENS - OVERLAP
    return [comment[start : start + COMMENT_TOKENS] for start in range(0, max(1, len(comment) - OVERLAP), step)]
