"""
Calibration and thresholds, found on comments of settings that the judging model never saw.

The rule for thresholds in words:

* hide: the lowest score at which at least `HIDE_PRECISION` of what is found is right. A category that never gets
  there, or on fewer than `FEWEST_FOUND` comments, only proposes.
* propose: from thresholds that find next to nothing, step by step the one category is lowered that finds most further
  comments of its own for each further harmless one, where protected speech counts `PROTECTED_COUNTS` times. At most
  `PROTECTED_TOUCHED` of protected speech and `HARMLESS_TOUCHED` of harmless comments may be hidden or proposed, and at
  least `PROPOSE_PRECISION` of what a category finds must be right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.classify.training.data import UNKNOWN, Row
from services.classify.training.judged import Judged
from shared.categories import CATEGORIES, Category
from shared.policy import MODES, Mode, Policy

HIDE_PRECISION = 0.97
FEWEST_FOUND = 20
PROPOSE_PRECISION = 0.5
PROTECTED_TOUCHED = 0.03
"""5 % is the most that is wanted on settings never seen; those have up to two points more than where it was chosen."""
HARMLESS_TOUCHED = 0.05
PROTECTED_COUNTS = 3
NEVER_HIDDEN = (Category.OFF_TOPIC, Category.IP_VIOLATION)
"""Cannot be settled by text alone; `shared.policy` refuses to hide them."""

Calibration = dict[str, list[float]]


@dataclass(frozen=True)
class Thresholds:
    """Of one category; ``hide`` is None where it only proposes."""

    propose: float
    hide: float | None


def fit(parts: Sequence[Judged]) -> Calibration:
    """Slope and shift for each category (Platt): ``p = sigmoid(slope * logit + shift)``."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    logits = np.concatenate([part.served for part in parts])
    labels = np.array([row.labels for part in parts for row in part.rows])
    found = {}
    for column, category in enumerate(CATEGORIES):
        known = labels[:, column] != UNKNOWN
        fitted = LogisticRegression().fit(logits[known, column : column + 1], labels[known, column])
        found[category.value] = [round(float(fitted.coef_[0, 0]), 5), round(float(fitted.intercept_[0]), 5)]
    return found


def probabilities(logits: Any, calibration: Calibration) -> Any:
    """``(n, 9)`` logits as probabilities."""
    import numpy as np

    numbers = np.array([calibration[category.value] for category in CATEGORIES])
    return 1 / (1 + np.exp(-(numbers[:, 0] * logits + numbers[:, 1])))


def choose(rows: Sequence[Row], scores: Any, hiding: Any) -> dict[Category, Thresholds]:
    """
    Thresholds by the rule of this module.

    Args:
        rows: comments that the judging models never saw.
        scores: ``(n, 9)``, the stronger of model and detectors.
        hiding: the same without what may only be proposed.
    """
    import numpy as np

    labels = np.array([row.labels for row in rows])
    harmless = np.array([1 not in row.labels for row in rows])
    proposing = _propose(labels, scores, harmless, np.array([row.is_allowed_criticism for row in rows]))
    found = {}
    for column, category in enumerate(CATEGORIES):
        propose, known = proposing[column], labels[:, column] != UNKNOWN
        hide = None if category in NEVER_HIDDEN else _hide(labels[known, column], hiding[known, column], propose)
        found[category] = Thresholds(propose, hide)
    return found


def _propose(labels: Any, scores: Any, harmless: Any, protected: Any) -> list[float]:
    import numpy as np

    grid = np.round(np.arange(0.15, 0.97, 0.01), 2)
    above = (scores.T[:, None, :] >= grid[None, :, None]).astype(np.float32)
    right, known = (labels == 1).T.astype(np.float32), (labels != UNKNOWN).T.astype(np.float32)
    hits = np.einsum("ctn,cn->ct", above, right)
    allowed = hits >= PROPOSE_PRECISION * np.einsum("ctn,cn->ct", above, known)
    chosen = [len(grid) - 1] * len(labels[0])
    touched, found = above[:, -1].any(axis=0), (above[:, -1] * right).any(axis=0)
    while True:
        of_harmless, of_protected = (above @ (group & ~touched).astype(np.float32) for group in (harmless, protected))
        gain = np.einsum("ctn,cn->ct", above, right * ~found)
        fits = allowed & (gain > 0)
        fits &= of_harmless + (harmless & touched).sum() <= HARMLESS_TOUCHED * harmless.sum()
        fits &= of_protected + (protected & touched).sum() <= PROTECTED_TOUCHED * protected.sum()
        if not fits.any():
            return [float(grid[place]) for place in chosen]
        cost = of_harmless + (PROTECTED_COUNTS - 1) * of_protected
        worth = np.where(fits, gain / (cost + 1) + grid / 1e6, -1.0)
        column, place = (int(value) for value in np.unravel_index(worth.argmax(), worth.shape))
        chosen[column] = min(chosen[column], place)
        touched |= above[column, place] > 0
        found |= (above[column, place] * right[column]) > 0


def _hide(truth: Any, score: Any, least: float) -> float | None:
    import numpy as np

    for threshold in np.arange(max(0.5, least), 0.991, 0.01):
        found = score >= round(float(threshold), 2)
        if found.sum() >= FEWEST_FOUND and truth[found].mean() >= HIDE_PRECISION:
            return round(float(threshold), 2)
    return None


def mode_of(mode: Mode, limits: Thresholds) -> Mode:
    """The mode that people chose, or a more cautious one: numbers alone never let a category hide."""
    return mode if limits.hide else min(mode, Mode.PROPOSE, key=MODES.index)


def with_thresholds(policy: Policy, chosen: Mapping[Category, Thresholds]) -> Policy:
    """The policy with other thresholds; `mode_of` says what becomes of its modes."""
    rules = {}
    for category, rule in policy.categories.items():
        limits = chosen[category]
        change = {
            "propose_threshold": limits.propose,
            "hide_threshold": limits.hide or 1.0,
            "mode": mode_of(rule.mode, limits),
        }
        rules[category] = rule.model_copy(update=change)
    return policy.model_copy(update={"categories": rules})
