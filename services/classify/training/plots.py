"""Plots for each category: precision against recall, and what a score means."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from services.classify.training.data import UNKNOWN, Row
from shared.categories import CATEGORIES

FEWEST = 5
"""Comments in a tenth of the scale from which on it has a point."""


def plot(rows: Sequence[Row], scores: Any, folder: Path, split: str) -> tuple[str, ...]:
    """Write the plots of rows and scores ``(n, 9)`` of a split; gives back their names without the ending."""
    import matplotlib

    matplotlib.use("Agg")
    import numpy as np
    from matplotlib import pyplot

    labels = np.array([row.labels for row in rows])
    drawings = {f"precision-recall-{split}": _curve, f"calibration-{split}": _calibration}
    for name, draw in drawings.items():
        figure, axes = pyplot.subplots(3, 3, figsize=(9, 9), layout="constrained")
        for column, (category, axis) in enumerate(zip(CATEGORIES, axes.flat, strict=True)):
            known = labels[:, column] != UNKNOWN
            draw(axis, labels[known, column], scores[known, column])
            axis.set_title(f"{category.clause} {category.value}", fontsize=10)
            axis.set_xlim(0, 1)
            axis.set_ylim(0, 1.02)
            axis.grid(alpha=0.3)
        figure.savefig(folder / f"{name}.png", dpi=70)
        pyplot.close(figure)
    return tuple(drawings)


def _curve(axis: Any, truth: Any, score: Any) -> None:
    from sklearn.metrics import precision_recall_curve

    precision, recall, _ = precision_recall_curve(truth, score)
    axis.plot(recall, precision)
    axis.set_xlabel("recall")
    axis.set_ylabel("precision")


def _calibration(axis: Any, truth: Any, score: Any) -> None:
    for low, high in pairwise(number / 10 for number in range(11)):
        inside = (score >= low) & (score < high + (high == 1.0))
        if inside.sum() >= FEWEST:
            axis.plot(score[inside].mean(), truth[inside].mean(), "o", color="tab:blue")
    axis.plot([0, 1], [0, 1], color="gray", linewidth=0.8)
    axis.set_xlabel("score")
    axis.set_ylabel("share that is true")
