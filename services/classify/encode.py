"""
From a comment and its post to the numbers that the model reads. Training and serving share this file.

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
CLS, SEP = 101, 102
"""Ids of the two marks in the encoder's vocabulary."""


@dataclass(frozen=True)
class Encoded:
    """Token ids and segment ids, of equal length. ``comment_at`` is where the comment's tokens begin."""

    ids: tuple[int, ...]
    segments: tuple[int, ...]
    comment_at: int


def encode(comment: Sequence[int], post: Sequence[int] | None) -> Encoded:
    """Put the token ids of a comment and of its post together; both without marks."""
    comment = comment[:COMMENT_TOKENS]
    if not post:
        return Encoded((CLS, *comment, SEP), (0,) * (len(comment) + 2), 1)
    post = post[: MAX_TOKENS - 3 - len(comment)]
    ids = (CLS, *post, SEP, *comment, SEP)
    return Encoded(ids, (0,) * (len(post) + 2) + (1,) * (len(comment) + 1), len(post) + 2)


def windows(comment: Sequence[int]) -> list[Sequence[int]]:
    """The stretches of a comment that are read one by one; a comment of up to `COMMENT_TOKENS` is one."""
    step = COMMENT_TOKENS - OVERLAP
    return [comment[start : start + COMMENT_TOKENS] for start in range(0, max(1, len(comment) - OVERLAP), step)]
