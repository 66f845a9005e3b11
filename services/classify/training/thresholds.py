"""
Choose the thresholds, and write them into the policy with the precision and recall that they have.

They are chosen on all folds, less the posts on which the served model is tested. What stands beside them is measured
so that no fold judges thresholds that it helped to choose: each with the calibration and thresholds of the other four.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from services.classify.detectors import Evidence
from services.classify.training.calibration import Thresholds, choose, fit, mode_of, probabilities, with_thresholds
from services.classify.training.consequences import actions_of, evidence_of, strongest
from services.classify.training.data import UNKNOWN, Row
from services.classify.training.judged import Judged, read_folds, without_test_posts
from shared.categories import CATEGORIES, Category
from shared.events import Action
from shared.policy import Measured, Mode, Policy, load_policy

PROMISED = 0.95
"""The precision that a category must have where it hides, on settings never seen."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command line takes."""
    parser.add_argument("--folds", type=Path, required=True, help="folder that folds wrote")
    parser.add_argument("--policy", type=Path, help="a policy file whose numbers are rewritten; without it, print only")


def main(options: argparse.Namespace) -> int:
    """Print the thresholds with what was measured; gives back the exit code."""
    policy, folds = load_policy(options.policy), read_folds(options.folds)
    crossed = cross(folds, policy)
    chosen = choose_on(without_test_posts(folds), policy)
    measured = {category: crossed.measured(category) for category in CATEGORIES}
    chosen = {category: promised(chosen[category], measured[category][1]) for category in CATEGORIES}
    for category in CATEGORIES:
        propose, hide = measured[category]
        print(f"{category.value}: propose at {chosen[category].propose} {_words(propose)}; ", end="")
        print(f"hide at {chosen[category].hide} {_words(hide)}" if chosen[category].hide else "never hides")
    if options.policy:
        options.policy.write_text(rewritten(options.policy.read_text(), chosen, measured))
        load_policy(options.policy)
    return 0


@dataclass(frozen=True)
class Crossed:
    """The folds together, each judged with the calibration and thresholds of the others."""

    rows: Sequence[Row]
    scores: Any
    proposed: Any
    hidden: Any
    actions: Sequence[Action]
    fold: Any

    def measured(self, category: Category) -> tuple[Measured, Measured | None]:
        """Precision and recall at the propose and at the hide thresholds."""
        import numpy as np

        column = CATEGORIES.index(category)
        labels = np.array([row.labels[column] for row in self.rows])
        known = labels != UNKNOWN
        truth = labels[known] == 1
        proposed, hidden = self.proposed[known, column], self.hidden[known, column]
        return _measured(truth, proposed), _measured(truth, hidden) if hidden.any() else None


def cross(folds: Sequence[Judged], policy: Policy) -> Crossed:
    """Judge each fold with what the other folds taught."""
    import numpy as np

    rows: list[Row] = []
    actions: list[Action] = []
    parts: dict[str, list[Any]] = {"scores": [], "proposed": [], "hidden": [], "fold": []}
    for number, fold in enumerate(folds):
        others = [other for other in folds if other is not fold]
        chosen, own = choose_on(others, policy), evidence_of(fold.rows, policy)
        chances = probabilities(fold.served, fit(others))
        scores, hiding = strongest(chances, own), strongest(chances, own, hiding=True)
        rows += fold.rows
        actions += actions_of(fold.rows, chances, own, with_thresholds(policy, chosen))
        parts["scores"].append(scores)
        parts["proposed"].append(scores >= np.array([chosen[category].propose for category in CATEGORIES]))
        parts["hidden"].append(hiding >= np.array([chosen[category].hide or 9.0 for category in CATEGORIES]))
        parts["fold"].append(np.full(len(fold.rows), number))
    return Crossed(rows, actions=actions, **{name: np.concatenate(values) for name, values in parts.items()})


def choose_on(folds: Sequence[Judged], policy: Policy) -> dict[Category, Thresholds]:
    """
    Thresholds on the folds together.

    Each fold is calibrated by the others (by itself where there is only one), as a new city would be.
    """
    import numpy as np

    rows: list[Row] = []
    scores: list[Any] = []
    hiding: list[Any] = []
    for fold in folds:
        others = [other for other in folds if other is not fold] or [fold]
        seen: list[list[Evidence]] = evidence_of(fold.rows, policy)
        chances = probabilities(fold.served, fit(others))
        scores.append(strongest(chances, seen))
        hiding.append(strongest(chances, seen, hiding=True))
        rows += fold.rows
    return choose(rows, np.concatenate(scores), np.concatenate(hiding))


def promised(limits: Thresholds, measured: Measured | None) -> Thresholds:
    """The thresholds, without hiding where what was measured crosswise is less than `PROMISED`."""
    return limits if measured and measured.precision >= PROMISED else replace(limits, hide=None)


def _measured(truth: Any, found: Any) -> Measured:
    precision = float(truth[found].mean()) if found.any() else 0.0
    return Measured(precision=round(precision, 3), recall=round(float(found[truth].mean()), 3))


def _words(measured: Measured | None) -> str:
    return f"(precision {measured.precision}, recall {measured.recall})" if measured else "(found nothing)"


def rewritten(
    text: str,
    chosen: Mapping[Category, Thresholds],
    measured: Mapping[Category, tuple[Measured, Measured | None]],
) -> str:
    """The policy file with other numbers; its words, its comments and, where it may hide at all, its modes stay."""
    for category in CATEGORIES:
        pattern = rf'(\[categories\.{category.value}\]\n.*?)mode = "(\w+)"\n.*?(?=urgency = )'
        found = re.search(pattern, text, flags=re.DOTALL)
        if not found:
            raise ValueError(f"the policy has no table [categories.{category.value}] with mode before urgency")
        propose, hide = measured[category]
        limits = chosen[category]
        lines = [
            f'mode = "{mode_of(Mode(found[2]), limits)}"',
            f"propose_threshold = {limits.propose}",
            f"measured_at_propose = {_table(propose)}",
            f"hide_threshold = {limits.hide or 1.0}",
            *([f"measured_at_hide = {_table(hide)}"] if limits.hide and hide else []),
        ]
        text = text[: found.start()] + found[1] + "".join(f"{line}\n" for line in lines) + text[found.end() :]
    return text


def _table(measured: Measured) -> str:
    return f"{{ precision = {measured.precision}, recall = {measured.recall} }}"
