"""
What the model is meant to reach on settings never seen, and whether it does.

Precision and average precision are those of model and detectors together; what 8 bits lose is the model's alone.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from services.classify.training.judged import Judged
from services.classify.training.measures import average_precision, macro
from services.classify.training.thresholds import Crossed
from shared.categories import CATEGORIES, Category
from shared.events import Action

MACRO = 0.92
OFF_TOPIC = 0.75
OTHER_CATEGORY = 0.87
VIOLATING_TOUCHED = 90.0
PROTECTED_HIDDEN = 0.5
PROTECTED_TOUCHED = 5.0
HARMLESS_HIDDEN = 1.5
PRECISION_HIDDEN = 0.95
EIGHT_BITS_LOSE = 0.5
"""Points of macro average precision, in the mean over the folds."""

HIDDEN = frozenset({Action.HIDE})
TOUCHED = frozenset({Action.HIDE, Action.PROPOSE})


@dataclass(frozen=True)
class Target:
    """``limit`` is the least that ``measured`` may be, or the most. None: there is nothing to measure."""

    name: str
    measured: float | None
    limit: float
    least: bool
    unit: str = ""

    @property
    def line(self) -> str:
        """The target's row in the table."""
        digits = 2 if self.unit else 3
        wanted = f"{'at least' if self.least else 'at most'} {self.limit:g}{self.unit}"
        if self.measured is None:
            return f"| {self.name} | {wanted} | never hides | not applicable |"
        met = self.measured >= self.limit if self.least else self.measured <= self.limit
        return f"| {self.name} | {wanted} | {self.measured:.{digits}f}{self.unit} | {'met' if met else '**not met**'} |"


def targets(folds: Sequence[Judged], crossed: Crossed) -> list[Target]:
    """Each target with what was measured on the folds."""
    found = [Target("macro average precision", macro(crossed.rows, crossed.scores), MACRO, least=True)]
    for category in CATEGORIES:
        limit = OFF_TOPIC if category is Category.OFF_TOPIC else OTHER_CATEGORY
        value = average_precision(crossed.rows, crossed.scores, category)
        found.append(Target(f"average precision, {category.value}", value, limit, least=True))
    found += _actions(crossed)
    for category in CATEGORIES:
        _, hide = crossed.measured(category)
        precision = hide.precision if hide else None
        found.append(Target(f"precision where hidden, {category.value}", precision, PRECISION_HIDDEN, least=True))
    both = [fold.in_32_bits() for fold in folds]
    lost = [100 * (macro(fold.rows, fold.plain) - macro(fold.rows, fold.served)) for fold in both]
    name = f"8 bits lose (worst fold {max(lost):.2f})"
    return [*found, Target(name, sum(lost) / len(lost), EIGHT_BITS_LOSE, least=False, unit=" points")]


def _actions(crossed: Crossed) -> list[Target]:
    violating = [1 in row.labels for row in crossed.rows]
    harmless = [1 not in row.labels for row in crossed.rows]
    protected = [row.protected for row in crossed.rows]
    allowed = [row.is_allowed_criticism for row in crossed.rows]
    touched = "protected speech, hidden or proposed"

    def share(chosen: Sequence[bool], wanted: Collection[Action]) -> float:
        actions = [action for action, is_one in zip(crossed.actions, chosen, strict=True) if is_one]
        return 100 * sum(action in wanted for action in actions) / max(1, len(actions))

    return [
        Target("violating, hidden or proposed", share(violating, TOUCHED), VIOLATING_TOUCHED, least=True, unit=" %"),
        Target("protected speech, hidden", share(protected, HIDDEN), PROTECTED_HIDDEN, least=False, unit=" %"),
        Target(touched, share(protected, TOUCHED), PROTECTED_TOUCHED, least=False, unit=" %"),
        Target(
            f"{touched}, less what is labelled off topic too",
            share(allowed, TOUCHED),
            PROTECTED_TOUCHED,
            least=False,
            unit=" %",
        ),
        Target("harmless, hidden", share(harmless, HIDDEN), HARMLESS_HIDDEN, least=False, unit=" %"),
    ]


def table(found: Sequence[Target]) -> list[str]:
    """The targets as a section."""
    return [
        "## Targets, on settings never seen",
        "",
        "| of | target | measured | |",
        "|---|---:|---:|---|",
        *(target.line for target in found),
        "",
    ]
