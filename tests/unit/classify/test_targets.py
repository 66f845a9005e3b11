"""What the evaluation states: the targets, what a missing post costs, and text of other origins."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from services.classify.model import Pair
from services.classify.training.data import Row
from services.classify.training.evaluate import other_origins, without_post
from services.classify.training.judged import Judged
from services.classify.training.measures import rates
from services.classify.training.plots import plot
from services.classify.training.targets import Target, table, targets
from services.classify.training.thresholds import Crossed
from shared.categories import CATEGORIES, Category
from shared.events import Action
from shared.policy import load_policy

pytest.importorskip("sklearn", reason="scikit-learn is for training only (requirements/train.lock)")

CLEAN = (0,) * 9


def only(category: Category) -> tuple[int, ...]:
    return tuple(int(item is category) for item in CATEGORIES)


def row(number: int, labels: tuple[int, ...] = CLEAN, *, protected: bool = False) -> Row:
    return Row(f"r{number}", f"words {number}", "A post.", "words", "A post.", labels, protected, "here", "test")


def crossed(wrong: Category | None = None) -> Crossed:
    """Two comments of each category and twenty harmless ones, half of them protected; all found but ``wrong``'s."""
    rows = [row(number, only(category)) for number, category in enumerate((*CATEGORIES, *CATEGORIES))]
    rows += [row(number, protected=number % 2 == 0) for number in range(20)]
    scores = np.array([[0.9 if label else 0.1 for label in item.labels] for item in rows])
    if wrong:
        scores[:, CATEGORIES.index(wrong)] = 1 - scores[:, CATEGORIES.index(wrong)]
    actions = [Action.PROPOSE if 1 in item.labels else Action.ALLOW for item in rows]
    hidden = scores > 0.5
    hidden[:, CATEGORIES.index(Category.OFF_TOPIC)] = False
    return Crossed(rows, scores, scores > 0.5, hidden, actions, np.zeros(len(rows)))


def lines_of(given: Crossed, plain: np.ndarray | None = None) -> dict[str, str]:
    fold = Judged(tuple(given.rows), given.scores, given.scores if plain is None else plain)
    return {target.name: target.line for target in targets([fold], given)}


def test_each_target_says_whether_it_is_met_with_the_number() -> None:
    found = lines_of(crossed())
    assert len(found) == 1 + 9 + 5 + 9 + 1
    assert found["macro average precision"] == "| macro average precision | at least 0.92 | 1.000 | met |"
    assert found["average precision, off_topic"].split(" | ")[1:] == ["at least 0.75", "1.000", "met |"]
    assert found["average precision, vulgar"].split(" | ")[1:] == ["at least 0.87", "1.000", "met |"]
    assert found["violating, hidden or proposed"].split(" | ")[1:] == ["at least 90 %", "100.00 %", "met |"]
    assert found["protected speech, hidden"].split(" | ")[1:] == ["at most 0.5 %", "0.00 %", "met |"]
    assert found["precision where hidden, off_topic"].endswith("| never hides | not applicable |")


def test_a_target_that_is_missed_says_so() -> None:
    given = crossed(Category.SEXUAL)
    given.actions[18] = Action.HIDE  # type: ignore[index]
    found = lines_of(given, crossed().scores)
    for name in ("average precision, sexual", "precision where hidden, sexual", "macro average precision",
                 "protected speech, hidden", "protected speech, hidden or proposed", "harmless, hidden"):  # fmt: skip
        assert found[name].endswith("| **not met** |"), name
    assert found["average precision, vulgar"].endswith("| met |")
    assert next(line for name, line in found.items() if name.startswith("8 bits")).endswith("| **not met** |")


def test_a_limit_itself_is_enough() -> None:
    assert Target("x", 0.75, 0.75, least=True).line.endswith("| met |")
    assert Target("x", 0.5, 0.5, least=False, unit=" %").line.endswith("| met |")
    assert table([Target("x", 0.5, 0.5, least=False)])[4].startswith("| x | at most 0.5 |")


def test_what_a_missing_post_costs_is_stated_for_the_eight_other_categories() -> None:
    given = crossed()
    text = without_post(given.rows, given.scores, crossed(Category.IP_VIOLATION).scores)
    assert not any(line.startswith("| off_topic") for line in text)
    assert sum(line.startswith(f"| {category.value} |") for line in text for category in CATEGORIES) == 8
    assert "| vulgar | 1.000 | 1.000 | 0.000 |" in text
    assert next(line for line in text if line.startswith("| ip_violation")).split(" | ")[1] == "1.000"
    assert not next(line for line in text if line.startswith("| ip_violation")).endswith(" 0.000 |")


class Fixed:
    """A model that gives each text the score in its words."""

    version = "fixed"

    async def score(self, pairs: Sequence[Pair]) -> np.ndarray:
        return np.array([[float(pair.comment)] * 9 for pair in pairs])

    async def close(self) -> None: ...


def test_text_of_other_origins_has_found_and_false_alarms_at_both_thresholds() -> None:
    policy = load_policy()
    rule = policy.categories[Category.SPAM_LINKS]
    yes, no = [0.999] * 20 + [rule.propose_threshold] * 15 + [0.0] * 5, [0.0] * 36 + [rule.propose_threshold] * 4
    rows = [Row(f"r{n}", str(score), "", str(score), "", labels, False, "public", "train")
            for labels, scores in ((only(Category.SPAM_LINKS), yes), (CLEAN, no))
            for n, score in enumerate(scores)]  # fmt: skip
    text = other_origins(Fixed(), {"elsewhere": rows}, policy)
    [line] = [line for line in text if line.startswith("| elsewhere")]
    cells = line.strip("| ").split(" | ")
    assert cells[:4] == ["elsewhere", "spam_links", "40", "40"]
    assert cells[5:8] == [f"{rule.propose_threshold:.2f}", "87.5 %", "10.0 %"]
    assert cells[8:] == [f"{rule.hide_threshold:.2f}", "50.0 %", "0.0 %"]
    assert rates(np.array([True, False]), np.array([0.5, 0.4]), 0.5) == (1.0, 0.0)


def test_a_plot_is_named_by_its_split(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is for training only (requirements/train.lock)")
    given = crossed()
    names = plot(given.rows, given.scores, tmp_path, "folds")
    assert names == ("precision-recall-folds", "calibration-folds")
    assert {file.stem for file in tmp_path.iterdir()} == set(names)
