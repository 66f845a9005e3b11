"""How well scores tell one category from the rest, over the rows whose label is known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.classify.training.data import UNKNOWN, Row
from shared.categories import CATEGORIES, Category


def average_precision(rows: Sequence[Row], scores: Any, category: Category) -> float:
    """Of one category, 0 to 1. Needs scikit-learn."""
    from sklearn.metrics import average_precision_score

    truth, score = known(rows, scores, category)
    return float(average_precision_score(truth, score))


def macro(rows: Sequence[Row], scores: Any, categories: Sequence[Category] = CATEGORIES) -> float:
    """The mean average precision of the categories."""
    return sum(average_precision(rows, scores, category) for category in categories) / len(categories)


def known(rows: Sequence[Row], scores: Any, category: Category) -> tuple[Any, Any]:
    """Labels (bool) and scores of the rows whose label is known."""
    import numpy as np

    column = CATEGORIES.index(category)
    labels = np.array([row.labels[column] for row in rows])
    return labels[labels != UNKNOWN] == 1, scores[labels != UNKNOWN, column]


def rates(truth: Any, score: Any, threshold: float) -> tuple[float, float]:
    """The shares of what is true, and of what is not, that score at least ``threshold``: found, and false alarms."""
    found = score >= threshold
    return float(found[truth].mean()), float(found[~truth].mean())
