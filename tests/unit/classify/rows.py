"""Rows made up for the tests of training."""

from __future__ import annotations

from services.classify.training.data import Row
from shared.categories import CATEGORIES, Category

CLEAN = (0,) * 9


def row(number: int, labels: tuple[int, ...] = CLEAN, *, protected: bool = False, text: str = "words") -> Row:
    """A comment of a test post."""
    return Row(f"r{number}", text, "A post.", text, "A post.", labels, protected, "here", "test")


def only(category: Category) -> tuple[int, ...]:
    """The labels of a comment that breaks one rule."""
    return tuple(int(item is category) for item in CATEGORIES)
