"""
Evaluate: a table for each category and data set, what would happen to comments, and plots.

Three kinds of comments, none of which the judging model was trained on: those of settings left out whole (the folds),
those of posts left out (the served model), and text of other origins (the served model).
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.classify.model import SHIPPED, Model, Pair
from services.classify.models import open_model
from services.classify.training.consequences import actions_of, consequences, evidence_of, strongest
from services.classify.training.data import FOLDS, UNKNOWN, Row, authored, not_trained_on
from services.classify.training.judged import Judged, read_folds
from services.classify.training.plots import plot
from services.classify.training.thresholds import Crossed, cross
from shared.categories import CATEGORIES, Category
from shared.policy import Policy, load_policy


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command line takes."""
    parser.add_argument("--model", type=Path, default=SHIPPED)
    parser.add_argument("--folds", type=Path, help="folder that folds wrote: adds settings never seen")
    parser.add_argument("--data", type=Path, help="folder of the public rows: adds text of other origins")
    parser.add_argument("--output", type=Path, help="folder for results.md and plots, such as docs/model")


def main(options: argparse.Namespace) -> int:
    """Print the tables, and write them with plots where a folder is named; gives back the exit code."""
    policy, model = load_policy(), open_model(options.model, workers=2)
    lines = [f"Model {model.version}, policy {policy.version}.", ""]
    plotted: tuple[Sequence[Row], Any] | None = None
    if options.folds:
        folds = read_folds(options.folds)
        crossed = cross(folds, policy)
        lines += _settings(folds, crossed)
        plotted = crossed.rows, crossed.scores
    rows = [row for row in authored() if row.part == "test"]
    told = _served(model, rows, policy)
    lines += _posts(rows, told, policy)
    if options.data:
        lines += _other_origins(model, not_trained_on(options.data))
    text = "\n".join(lines)
    print(text)
    if options.output:
        options.output.mkdir(parents=True, exist_ok=True)
        names = plot(*(plotted or (rows, told.scores)), options.output)
        command = "python -m services.classify evaluate --folds FOLDS --data DATA --output docs/model"
        images = "\n\n".join(f"![{name}]({name}.png)" for name in names)
        (options.output / "results.md").write_text(f"# Results\n\nWritten by `{command}`.\n\n{text}\n{images}\n")
    return 0


@dataclass(frozen=True)
class _Told:
    """What the served model and the detectors said of rows, and what would follow."""

    scores: Any
    actions: Any


def _served(model: Model, rows: Sequence[Row], policy: Policy) -> _Told:
    chances = asyncio.run(model.score([Pair(row.text, row.about or None) for row in rows]))
    seen = evidence_of(rows, policy)
    return _Told(strongest(chances, seen), actions_of(rows, chances, seen, policy))


def _settings(folds: Sequence[Judged], crossed: Crossed) -> list[str]:
    """Settings never seen: each fold judged with calibration and thresholds of the other four."""
    import numpy as np

    heads = "| category | yes | average precision | precision, proposed | recall | precision, hidden | recall |"
    lines = ["## Settings never seen", "", heads, "|---|---:|---:|---:|---:|---:|---:|"]
    for category in CATEGORIES:
        propose, hide = crossed.measured(category)
        column = CATEGORIES.index(category)
        yes = sum(row.labels[column] == 1 for row in crossed.rows)
        hidden = f"{hide.precision:.3f} | {hide.recall:.3f}" if hide else "never | never"
        average = average_precision(crossed.rows, crossed.scores, category)
        lines.append(
            f"| {category.value} | {yes} | {average:.3f} | {propose.precision:.3f} | {propose.recall:.3f} | {hidden} |"
        )
    lines += ["", f"Macro average precision over all {len(crossed.rows)} comments: "
              f"{macro(crossed.rows, crossed.scores):.3f}, with the detectors.", ""]  # fmt: skip
    lines += [*consequences(crossed.rows, crossed.actions), ""]
    lines += [
        "| left out | comments | macro average precision | model alone, 8 bits | 32 bits |",
        "|---|---:|---:|---:|---:|",
    ]
    for number, (held_out, fold) in enumerate(zip(FOLDS, folds, strict=True)):
        scores = crossed.scores[np.flatnonzero(crossed.fold == number)]
        three = (macro(fold.rows, values) for values in (scores, fold.served, fold.plain))
        cells = " | ".join(f"{value:.3f}" for value in three)
        lines.append(f"| {', '.join(held_out)} | {len(fold.rows)} | {cells} |")
    return [*lines, ""]


def _posts(rows: Sequence[Row], told: _Told, policy: Policy) -> list[str]:
    """Posts never seen: the model as it is served, with the policy's thresholds."""
    import numpy as np

    labels = np.array([row.labels for row in rows])
    lines = [
        f"## Posts never seen: {len(rows)} comments",
        "",
        "| category | yes | average precision | propose at | precision | recall | hide at | precision | recall |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for column, category in enumerate(CATEGORIES):
        known = labels[:, column] != UNKNOWN
        truth, score, rule = labels[known, column], told.scores[known, column], policy.categories[category]
        cells = [f"{category.value} | {truth.sum()} | {average_precision(rows, told.scores, category):.3f}"]
        for threshold in (rule.propose_threshold, rule.hide_threshold):
            found = score >= threshold
            precision = f"{truth[found].mean():.3f}" if found.any() else "none"
            cells.append(f"{threshold:.2f} | {precision} | {truth[found].sum() / truth.sum():.3f}")
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", f"Macro average precision: {macro(rows, told.scores):.3f}.", ""]
    return [*lines, *consequences(rows, told.actions), ""]


def _other_origins(model: Model, sources: dict[str, list[Row]]) -> list[str]:
    """Public text that no stage saw: how well each labelled category is told apart."""
    import numpy as np

    lines = [
        "## Text of other origins",
        "",
        "| source | category | yes | no | average precision |",
        "|---|---|---:|---:|---:|",
    ]
    for source, rows in sources.items():
        scores = asyncio.run(model.score([Pair(row.text, row.about or None) for row in rows]))
        labels = np.array([row.labels for row in rows])
        for column, category in enumerate(CATEGORIES):
            yes, no = (labels[:, column] == 1).sum(), (labels[:, column] == 0).sum()
            if min(yes, no) >= 30:
                value = average_precision(rows, scores, category)
                lines.append(f"| {source} | {category.value} | {yes} | {no} | {value:.3f} |")
    return [*lines, ""]


def average_precision(rows: Sequence[Row], scores: Any, category: Category) -> float:
    """Of one category, over the rows whose label is known."""
    import numpy as np
    from sklearn.metrics import average_precision_score

    column = CATEGORIES.index(category)
    labels = np.array([row.labels[column] for row in rows])
    known = labels != UNKNOWN
    return float(average_precision_score(labels[known], scores[known, column]))


def macro(rows: Sequence[Row], scores: Any) -> float:
    """The mean over the nine categories."""
    return sum(average_precision(rows, scores, category) for category in CATEGORIES) / len(CATEGORIES)
