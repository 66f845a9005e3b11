"""
Evaluate the served model: a table for each category and part, what would happen to comments, and plots.

It judges what is served: the int8 model, one comment at a time, with the detectors and the policy's thresholds. The
test posts were not seen in training.
"""

from __future__ import annotations

import argparse
import asyncio
import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from services.classify.detectors import Sample
from services.classify.judge import Judge
from services.classify.model import SHIPPED
from services.classify.models import open_model
from services.classify.service import open_judge
from services.classify.training.data import UNKNOWN, Row, authored
from shared.categories import CATEGORIES
from shared.decision import decide
from shared.events import Action
from shared.policy import Policy, load_policy


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command line takes."""
    parser.add_argument("--model", type=Path, default=SHIPPED)
    parser.add_argument("--hold-out", nargs="*", default=[], help="settings that the model was not trained on")
    parser.add_argument("--output", type=Path, help="folder for results.md and plots, such as docs/model")


def main(options: argparse.Namespace) -> int:
    """Print the tables, and write them with plots where a folder is named; gives back the exit code."""
    policy = load_policy()
    judge = open_judge(open_model(options.model, workers=2), policy)
    lines = [f"Model {judge.model.version}, policy {policy.version}.", ""]
    for part in ("calibration", "test"):
        rows = [row for row in authored(options.hold_out) if row.part == part]
        scores, actions = asyncio.run(_judged(judge, rows, policy))
        lines += [f"## {part.capitalize()} posts: {len(rows)} comments", "", *_table(rows, scores, policy), ""]
        lines += [*_consequences(rows, actions), ""]
        if options.output and part == "test":
            options.output.mkdir(parents=True, exist_ok=True)
            _plots(rows, scores, options.output)
    text = "\n".join(lines)
    print(text)
    if options.output:
        head = "# Results\n\nWritten by `python -m services.classify evaluate --output docs/model`.\n\n"
        plots = "![precision and recall](precision-recall.png)\n\n![calibration](calibration.png)\n"
        (options.output / "results.md").write_text(head + text + "\n" + plots)
    return 0


async def _judged(judge: Judge, rows: Sequence[Row], policy: Policy) -> tuple[Any, list[Action]]:
    """The strongest score of model and detectors for each category, and the action without an account's mode."""
    import numpy as np

    scores = np.zeros((len(rows), len(CATEGORIES)))
    actions: list[Action] = []
    for begin in range(0, len(rows), 64):
        chunk = rows[begin : begin + 64]
        verdicts = await judge.without_reasons([Sample(row.comment, row.post) for row in chunk])
        for number, verdict in enumerate(verdicts, start=begin):
            scores[number] = verdict.scores
            for finding in verdict.findings:
                column = CATEGORIES.index(finding.category)
                scores[number, column] = max(scores[number, column], finding.score)
            actions.append(decide(verdict.findings, policy).action)
    return scores, actions


def _table(rows: Sequence[Row], scores: Any, policy: Policy) -> list[str]:
    import numpy as np
    from sklearn.metrics import average_precision_score

    labels = np.array([row.labels for row in rows])
    lines = [
        "| category | yes | average precision | propose at | precision | recall | hide at | precision | recall |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    averages = []
    for column, category in enumerate(CATEGORIES):
        known = labels[:, column] != UNKNOWN
        truth, score, rule = labels[known, column], scores[known, column], policy.categories[category]
        averages.append(average_precision_score(truth, score))
        cells = [f"{category.value} | {truth.sum()} | {averages[-1]:.3f}"]
        for threshold in (rule.propose_threshold, rule.hide_threshold):
            found = score >= threshold
            precision = f"{truth[found].mean():.3f}" if found.any() else "none"
            cells.append(f"{threshold:.2f} | {precision} | {truth[found].sum() / truth.sum():.3f}")
        lines.append(f"| {' | '.join(cells)} |")
    return [*lines, "", f"Macro average precision: {np.mean(averages):.3f}."]


def _consequences(rows: Sequence[Row], actions: Sequence[Action]) -> list[str]:
    """What would happen to comments, with 95 % intervals."""
    violating = [action for row, action in zip(rows, actions, strict=True) if 1 in row.labels]
    harmless = [action for row, action in zip(rows, actions, strict=True) if 1 not in row.labels]
    protected = [action for row, action in zip(rows, actions, strict=True) if row.protected]
    groups = (("violating comments", violating), ("harmless comments", harmless), ("protected speech", protected))
    lines = ["| of | hidden | hidden or proposed |", "|---|---:|---:|"]
    for name, group in groups:
        hidden, touched = _share(group, {Action.HIDE}), _share(group, {Action.HIDE, Action.PROPOSE})
        lines.append(f"| {name} ({len(group)}) | {hidden} | {touched} |")
    return lines


def _share(actions: Sequence[Action], wanted: set[Action]) -> str:
    count, total = sum(action in wanted for action in actions), len(actions)
    low, high = wilson(count, total)
    return f"{count}: {100 * count / max(1, total):.1f} % ({100 * low:.1f} to {100 * high:.1f})"


def wilson(count: int, total: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson)."""
    if not total:
        return 0.0, 1.0
    z, share = 1.96, count / total
    middle = share + z * z / (2 * total)
    spread = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    return (middle - spread) / (1 + z * z / total), (middle + spread) / (1 + z * z / total)


def _plots(rows: Sequence[Row], scores: Any, folder: Path) -> None:
    """Precision against recall, and what a score means, for each category."""
    import matplotlib

    matplotlib.use("Agg")
    import numpy as np
    from matplotlib import pyplot
    from sklearn.metrics import precision_recall_curve

    labels = np.array([row.labels for row in rows])
    for name, draw in (("precision-recall", _draw_curve), ("calibration", _draw_calibration)):
        figure, axes = pyplot.subplots(3, 3, figsize=(9, 9), layout="constrained")
        for column, (category, axis) in enumerate(zip(CATEGORIES, axes.flat, strict=True)):
            known = labels[:, column] != UNKNOWN
            draw(axis, labels[known, column], scores[known, column], precision_recall_curve)
            axis.set_title(f"{category.clause} {category.value}", fontsize=10)
            axis.set_xlim(0, 1)
            axis.set_ylim(0, 1.02)
            axis.grid(alpha=0.3)
        figure.savefig(folder / f"{name}.png", dpi=70)
        pyplot.close(figure)


def _draw_curve(axis: Any, truth: Any, score: Any, curve: Any) -> None:
    precision, recall, _ = curve(truth, score)
    axis.plot(recall, precision)
    axis.set_xlabel("recall")
    axis.set_ylabel("precision")


def _draw_calibration(axis: Any, truth: Any, score: Any, _: Any) -> None:
    for low, high in pairwise(number / 10 for number in range(11)):
        inside = (score >= low) & (score < high + (high == 1.0))
        if inside.sum() >= 3:
            axis.plot(score[inside].mean(), truth[inside].mean(), "o", color="tab:blue")
    axis.plot([0, 1], [0, 1], color="gray", linewidth=0.8)
    axis.set_xlabel("score")
    axis.set_ylabel("share that is true")
