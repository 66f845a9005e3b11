"""
Evaluate: tables for each category and data set, what would happen to comments, the targets, and plots.

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
from services.classify.training.data import FOLDS, Row, authored, not_trained_on
from services.classify.training.judged import Judged, read_folds
from services.classify.training.measures import average_precision, known, macro, rates
from services.classify.training.plots import plot
from services.classify.training.targets import table, targets
from services.classify.training.thresholds import Crossed, cross
from shared.categories import CATEGORIES, Category
from shared.policy import Policy, load_policy

FEWEST = 30
"""Rows of yes and of no from which on a category of text of other origins has a line."""


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
    plotted: dict[str, tuple[Sequence[Row], Any]] = {}
    if options.folds:
        folds = read_folds(options.folds)
        crossed = cross(folds, policy)
        lines += [*table(targets(folds, crossed)), *_settings(folds, crossed)]
        plotted["folds"] = crossed.rows, crossed.scores
    rows = [row for row in authored() if row.part == "test"]
    told = _served(model, rows, policy)
    plotted["posts"] = rows, told.scores
    lines += _posts(rows, told, policy)
    lines += without_post(rows, told.chances, asyncio.run(model.score([Pair(row.text) for row in rows])))
    if options.data:
        lines += other_origins(model, not_trained_on(options.data), policy)
    text = "\n".join(lines)
    print(text)
    if options.output:
        options.output.mkdir(parents=True, exist_ok=True)
        names = [name for split, given in plotted.items() for name in plot(*given, options.output, split)]
        command = "python -m services.classify evaluate --folds FOLDS --data DATA --output docs/model"
        images = "\n\n".join(f"![{name}]({name}.png)" for name in names)
        (options.output / "results.md").write_text(f"# Results\n\nWritten by `{command}`.\n\n{text}\n{images}\n")
    return 0


@dataclass(frozen=True)
class _Told:
    """
    What the served model said of rows (``chances``), the stronger of it and the detectors, and what would follow.

    ``hiding``: the stronger of the model and of what a detector is certain of; only that may hide.
    """

    chances: Any
    scores: Any
    hiding: Any
    actions: Any


def _served(model: Model, rows: Sequence[Row], policy: Policy) -> _Told:
    chances = asyncio.run(model.score([Pair(row.text, row.about or None) for row in rows]))
    seen = evidence_of(rows, policy)
    scores, hiding = strongest(chances, seen), strongest(chances, seen, hiding=True)
    return _Told(chances, scores, hiding, actions_of(rows, chances, seen, policy))


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
        "| left out | comments | macro average precision | model alone | on comments | 8 bits | 32 bits |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for number, (held_out, fold) in enumerate(zip(FOLDS, folds, strict=True)):
        scores = crossed.scores[np.flatnonzero(crossed.fold == number)]
        both = fold.in_32_bits()
        two = " | ".join(f"{macro(fold.rows, values):.3f}" for values in (scores, fold.served))
        bits = " | ".join(f"{macro(both.rows, values):.3f}" for values in (both.served, both.plain))
        lines.append(f"| {', '.join(held_out)} | {len(fold.rows)} | {two} | {len(both.rows)} | {bits} |")
    return [*lines, ""]


def _posts(rows: Sequence[Row], told: _Told, policy: Policy) -> list[str]:
    """Posts never seen: the model as it is served, with the policy's thresholds."""
    lines = [
        f"## Posts never seen: {len(rows)} comments",
        "",
        "| category | yes | average precision | propose at | precision | recall | hide at | precision | recall |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for category in CATEGORIES:
        (truth, score), (_, hiding) = known(rows, told.scores, category), known(rows, told.hiding, category)
        rule = policy.categories[category]
        cells = [f"{category.value} | {truth.sum()} | {average_precision(rows, told.scores, category):.3f}"]
        for strength, threshold in ((score, rule.propose_threshold), (hiding, rule.hide_threshold)):
            found = strength >= threshold
            precision = f"{truth[found].mean():.3f}" if found.any() else "none"
            cells.append(f"{threshold:.2f} | {precision} | {truth[found].sum() / truth.sum():.3f}")
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", f"Macro average precision: {macro(rows, told.scores):.3f}.", ""]
    return [*lines, *consequences(rows, told.actions), ""]


def without_post(rows: Sequence[Row], chances: Any, bare: Any) -> list[str]:
    """
    What the model alone loses where the post is not known: ``chances`` with it, ``bare`` without, both ``(n, 9)``.

    Off topic is left out: without a post it means nothing.
    """
    lines = [
        "### The model alone, without the post",
        "",
        "| category | average precision with the post | without | loss |",
        "|---|---:|---:|---:|",
    ]
    others = [category for category in CATEGORIES if category is not Category.OFF_TOPIC]
    for category in others:
        both = average_precision(rows, chances, category), average_precision(rows, bare, category)
        lines.append(f"| {category.value} | {both[0]:.3f} | {both[1]:.3f} | {both[0] - both[1]:.3f} |")
    both = macro(rows, chances, others), macro(rows, bare, others)
    return [*lines, f"| macro | {both[0]:.3f} | {both[1]:.3f} | {both[0] - both[1]:.3f} |", ""]


def other_origins(model: Model, sources: dict[str, list[Row]], policy: Policy) -> list[str]:
    """Public text that no stage saw: what the model alone finds of each labelled category, and its false alarms."""
    lines = [
        "## Text of other origins",
        "",
        f"The model alone, on categories with at least {FEWEST} texts that have it and {FEWEST} that do not.",
        "",
        "| source | category | yes | no | average precision "
        "| propose at | found | false alarms | hide at | found | false alarms |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for source, rows in sources.items():
        scores = asyncio.run(model.score([Pair(row.text, row.about or None) for row in rows]))
        for category in CATEGORIES:
            truth, score = known(rows, scores, category)
            if min(truth.sum(), (~truth).sum()) < FEWEST:
                continue
            average, rule = average_precision(rows, scores, category), policy.categories[category]
            cells = [f"{source} | {category.value} | {truth.sum()} | {(~truth).sum()} | {average:.3f}"]
            for threshold in (rule.propose_threshold, rule.hide_threshold):
                found, false = rates(truth, score, threshold)
                cells.append(f"{threshold:.2f} | {100 * found:.1f} % | {100 * false:.1f} %")
            lines.append(f"| {' | '.join(cells)} |")
    return [*lines, ""]
