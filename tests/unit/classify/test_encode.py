"""What the model reads: a comment under its post, and a long comment in windows that overlap."""

from __future__ import annotations

from itertools import pairwise

import pytest

from services.classify.encode import COMMENT_TOKENS, MAX_TOKENS, OVERLAP, Marks, encode, windows
from services.classify.model import SHIPPED, OnnxModel, Pair
from shared.categories import CATEGORIES, Category

BERT = Marks((101,), (102,), (102,))
MPNET = Marks((0,), (2, 2), (2,))
VULGAR = CATEGORIES.index(Category.VULGAR)


@pytest.mark.parametrize("length", [0, 1, COMMENT_TOKENS])
def test_a_comment_that_fits_is_one_window(length: int) -> None:
    assert windows(range(length)) == [range(length)]


@pytest.mark.parametrize("length", [COMMENT_TOKENS + 1, 2 * COMMENT_TOKENS, 1000])
def test_windows_cover_a_long_comment_and_overlap(length: int) -> None:
    found = windows(range(length))
    assert {token for window in found for token in window} == set(range(length))
    assert all(len(window) <= COMMENT_TOKENS for window in found)
    assert all(first[-OVERLAP:] == second[:OVERLAP] for first, second in pairwise(found))


@pytest.mark.parametrize("marks", [BERT, MPNET], ids=["bert", "mpnet"])
def test_the_comment_has_the_right_of_way_over_its_post(marks: Marks) -> None:
    comment = tuple(range(1000, 1000 + COMMENT_TOKENS))
    encoded = encode(comment, range(5000, 5200), marks)
    assert len(encoded.ids) == len(encoded.segments) == MAX_TOKENS
    assert encoded.ids[encoded.comment_at :] == (*comment, *marks.last)
    assert encoded.ids[encoded.comment_at - len(marks.between) : encoded.comment_at] == marks.between
    assert encoded.ids[: len(marks.first) + 1] == (*marks.first, 5000)
    assert sum(encoded.segments) == COMMENT_TOKENS + len(marks.last)


@pytest.mark.parametrize("marks", [BERT, MPNET], ids=["bert", "mpnet"])
def test_without_a_post_there_is_nothing_before_the_comment_but_the_first_mark(marks: Marks) -> None:
    encoded = encode([7, 8], None, marks)
    assert encoded.ids == (*marks.first, 7, 8, *marks.last)
    assert encoded.comment_at == len(marks.first)
    assert set(encoded.segments) == {0}


@pytest.mark.asyncio
@pytest.mark.policy("A.11.b")
async def test_a11b_nothing_hides_at_the_end_of_a_long_comment() -> None:
    model = OnnxModel(SHIPPED, workers=1)
    long = "The officers closed the street and the neighbors walked home along the river. " * 20
    rows = await model.score([Pair(long), Pair(f"{long} You fucking assholes.")])
    await model.close()
    assert rows[0, VULGAR] < 0.1
    assert rows[1, VULGAR] > 0.9
