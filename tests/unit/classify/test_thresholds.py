"""Calibration and thresholds: their rule, the policy that is rewritten, and what follows for comments."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from services.classify.training.calibration import (
    FEWEST_FOUND,
    PROTECTED_TOUCHED,
    Thresholds,
    choose,
    mode_of,
    with_thresholds,
)
from services.classify.training.consequences import actions_of, consequences, strongest, wilson
from services.classify.training.data import Row
from services.classify.training.judged import Judged, without_test_posts
from services.classify.training.thresholds import promised, rewritten
from shared.categories import CATEGORIES, Category
from shared.events import Action
from shared.policy import MODES, SHIPPED, Measured, Mode, load_policy
from tests.unit.classify.rows import CLEAN, only, row


def scored(*groups: tuple[int, tuple[int, ...], float, Category]) -> tuple[list[Row], np.ndarray]:
    rows, scores = [], []
    for count, labels, score, category in groups:
        for _number in range(count):
            rows.append(row(len(rows), labels, protected=labels == CLEAN))
            scores.append([score if item is category else 0.01 for item in CATEGORIES])
    return rows, np.array(scores)


def test_a_category_hides_from_the_lowest_score_at_which_it_is_right_often_enough() -> None:
    yes = only(Category.VULGAR)
    rows, scores = scored((60, yes, 0.95, Category.VULGAR), (40, yes, 0.8, Category.VULGAR),
                          (5, CLEAN, 0.7, Category.VULGAR), (400, CLEAN, 0.02, Category.VULGAR))  # fmt: skip
    hide = choose(rows, scores, scores)[Category.VULGAR].hide
    assert hide is not None
    assert 0.7 < hide <= 0.8


def test_a_category_that_is_wrong_too_often_or_rare_only_proposes() -> None:
    yes = only(Category.VULGAR)
    often, of_often = scored((60, yes, 0.95, Category.VULGAR), (10, CLEAN, 0.99, Category.VULGAR),
                             (900, CLEAN, 0.02, Category.VULGAR))  # fmt: skip
    assert choose(often, of_often, of_often)[Category.VULGAR].hide is None
    rare, of_rare = scored((FEWEST_FOUND - 1, yes, 0.95, Category.VULGAR), (900, CLEAN, 0.02, Category.VULGAR))
    assert choose(rare, of_rare, of_rare)[Category.VULGAR].hide is None


def test_what_may_only_be_proposed_does_not_make_a_hide_threshold() -> None:
    yes = only(Category.SPAM_LINKS)
    rows, scores = scored((60, yes, 0.95, Category.SPAM_LINKS), (900, CLEAN, 0.02, Category.VULGAR))
    chosen = choose(rows, scores, np.minimum(scores, 0.3))
    assert chosen[Category.SPAM_LINKS].hide is None
    assert chosen[Category.SPAM_LINKS].propose <= 0.95


def test_off_topic_and_ownership_never_hide_however_sure() -> None:
    rows, scores = scored((60, only(Category.OFF_TOPIC), 0.99, Category.OFF_TOPIC),
                          (60, only(Category.IP_VIOLATION), 0.99, Category.IP_VIOLATION),
                          (900, CLEAN, 0.02, Category.VULGAR))  # fmt: skip
    chosen = choose(rows, scores, scores)
    assert chosen[Category.OFF_TOPIC].hide is None
    assert chosen[Category.IP_VIOLATION].hide is None


def test_no_more_of_protected_speech_is_touched_than_the_rule_says() -> None:
    rows, scores = scored((100, only(Category.SEXUAL), 0.5, Category.SEXUAL), (60, CLEAN, 0.6, Category.SEXUAL),
                          (940, CLEAN, 0.02, Category.SEXUAL))  # fmt: skip
    chosen = choose(rows, scores, scores)
    touched = np.mean([score[3] >= chosen[Category.SEXUAL].propose for item, score in zip(rows, scores, strict=True)
                       if item.protected])  # fmt: skip
    assert touched <= PROTECTED_TOUCHED
    assert chosen[Category.SEXUAL].propose > 0.6


def test_each_category_proposes_from_where_it_costs_least_of_protected_speech() -> None:
    vulgar, sexual = only(Category.VULGAR), only(Category.SEXUAL)
    rows, scores = scored((50, vulgar, 0.4, Category.VULGAR), (50, sexual, 0.4, Category.SEXUAL),
                          (30, CLEAN, 0.5, Category.SEXUAL), (470, CLEAN, 0.02, Category.SEXUAL))  # fmt: skip
    chosen = choose(rows, scores, scores)
    assert chosen[Category.VULGAR].propose == 0.4
    assert chosen[Category.SEXUAL].propose > 0.5


def test_no_more_of_what_is_harmless_is_touched_than_the_rule_says() -> None:
    for harmless, expected in ((30, True), (60, False)):
        yes = only(Category.VULGAR)
        rows, scores = scored((100, yes, 0.4, Category.VULGAR), (harmless, CLEAN, 0.5, Category.VULGAR),
                              (1000 - harmless, CLEAN, 0.02, Category.VULGAR))  # fmt: skip
        calm = [replace(item, protected=False) for item in rows]
        assert (choose(calm, scores, scores)[Category.VULGAR].propose == 0.4) is expected


def test_a_category_proposes_nothing_where_it_is_mostly_wrong() -> None:
    harmless = [replace(item, protected=False) for item in scored((60, CLEAN, 0.4, Category.VULGAR))[0]]
    yes = only(Category.VULGAR)
    rows, scores = scored((50, yes, 0.4, Category.VULGAR), (50, yes, 0.8, Category.VULGAR),
                          (5000, CLEAN, 0.02, Category.VULGAR))  # fmt: skip
    assert choose(rows, scores, scores)[Category.VULGAR].propose == 0.4
    crowded = np.vstack([scores, *[scores[:1]] * 60])
    assert choose([*rows, *harmless], crowded, crowded)[Category.VULGAR].propose == 0.4
    crowded = np.vstack([scores, *[scores[:1]] * 120])
    assert choose([*rows, *harmless, *harmless], crowded, crowded)[Category.VULGAR].propose == 0.8


def test_what_is_shipped_is_not_chosen_on_the_posts_that_test_it() -> None:
    rows = (row(0), replace(row(1), part="train"), row(2), replace(row(3), part="train"))
    logits = np.arange(36.0).reshape(4, 9)
    (kept,) = without_test_posts([Judged(rows, logits, -logits)])
    assert [item.id for item in kept.rows] == ["r1", "r3"]
    assert kept.served.tolist() == logits[[1, 3]].tolist()
    assert kept.plain.tolist() == (-logits[[1, 3]]).tolist()


def test_what_8_bits_lose_is_asked_of_the_rows_that_were_judged_in_32_bits_too() -> None:
    served = np.arange(36.0).reshape(4, 9)
    plain = np.full_like(served, np.nan)
    plain[[0, 3]] = -served[[0, 3]]
    both = Judged(tuple(row(number) for number in range(4)), served, plain).in_32_bits()
    assert [item.id for item in both.rows] == ["r0", "r3"]
    assert both.served.tolist() == served[[0, 3]].tolist()
    assert both.plain.tolist() == (-served[[0, 3]]).tolist()


def test_the_policy_keeps_its_words_and_takes_the_new_numbers(tmp_path: Path) -> None:
    chosen = {category: Thresholds(0.31, 0.87) for category in CATEGORIES}
    chosen[Category.OFF_TOPIC] = chosen[Category.IP_VIOLATION] = Thresholds(0.42, None)
    measured = {category: (Measured(precision=0.9, recall=0.8), Measured(precision=0.97, recall=0.5))
                for category in CATEGORIES}  # fmt: skip
    before = SHIPPED.read_text()
    after = rewritten(before, chosen, measured)
    (tmp_path / "policy.toml").write_text(after)
    policy = load_policy(tmp_path / "policy.toml")
    assert policy.categories[Category.SEXUAL].hide_threshold == 0.87
    assert policy.categories[Category.SPAM_LINKS].mode is Mode.HIDE
    assert policy.categories[Category.SEXUAL].measured_at_hide == Measured(precision=0.97, recall=0.5)
    assert policy.categories[Category.OFF_TOPIC].mode is Mode.PROPOSE
    assert policy.categories[Category.OFF_TOPIC].measured_at_hide is None
    numbers = re.compile(r"^(mode|propose_threshold|hide_threshold|measured_at_\w+) = .*\n", re.MULTILINE)
    assert numbers.sub("", after) == numbers.sub("", before)
    assert rewritten(after, chosen, measured) == after


def test_numbers_make_a_mode_more_cautious_and_never_less() -> None:
    sure, unsure = Thresholds(0.4, 0.8), Thresholds(0.4, None)
    assert [mode_of(mode, sure) for mode in MODES] == list(MODES)
    assert [mode_of(mode, unsure) for mode in MODES] == [Mode.OBSERVE, Mode.PROPOSE, Mode.PROPOSE]
    policy = load_policy()
    hides = policy.model_copy(update={"categories": {
        name: rule.model_copy(update={"mode": Mode.HIDE}) for name, rule in policy.categories.items()}})  # fmt: skip
    after = with_thresholds(hides, dict.fromkeys(CATEGORIES, unsure))
    assert {rule.mode for rule in after.categories.values()} == {Mode.PROPOSE}


def test_a_category_hides_only_with_the_precision_that_is_promised() -> None:
    limits = Thresholds(0.4, 0.8)
    assert promised(limits, Measured(precision=0.95, recall=0.1)) == limits
    assert promised(limits, Measured(precision=0.949, recall=0.9)) == Thresholds(0.4, None)
    assert promised(limits, None) == Thresholds(0.4, None)


def test_a_policy_without_a_category_is_not_rewritten() -> None:
    measured = {category: (Measured(precision=0.9, recall=0.8), None) for category in CATEGORIES}
    with pytest.raises(ValueError, match="off_topic"):
        rewritten("schema = 1\n", {category: Thresholds(0.3, None) for category in CATEGORIES}, measured)


def test_actions_follow_the_shared_rule() -> None:
    chosen = {category: Thresholds(0.4, None) for category in CATEGORIES}
    chosen[Category.VULGAR] = Thresholds(0.4, 0.8)
    policy = load_policy()
    hides = {name: rule.model_copy(update={"mode": Mode.HIDE}) for name, rule in policy.categories.items()}
    policy = with_thresholds(policy.model_copy(update={"categories": hides}), chosen)
    rows = [row(1), row(2), row(3, protected=True)]
    chances = np.full((3, 9), 0.01)
    chances[0, 1], chances[1, 1] = 0.9, 0.5
    actions = actions_of(rows, chances, [[], [], []], policy)
    assert actions == [Action.HIDE, Action.PROPOSE, Action.ALLOW]
    table = "\n".join(consequences(rows, actions))
    assert "| harmless comments (3) | 1: 33.3 %" in table
    assert "| protected speech (1) | 0: 0.0 %" in table


def test_the_stronger_of_model_and_detector_counts_and_the_models_own_numbers_stay() -> None:
    from services.classify.detectors import Evidence

    chances = np.full((2, 9), 0.3)
    seen = [[Evidence(Category.VULGAR, 0.9, "masked_profanity", (), "x")],
            [Evidence(Category.VULGAR, 0.1, "masked_profanity", (), "x")]]  # fmt: skip
    assert strongest(chances, seen)[:, 1].tolist() == [0.9, 0.3]
    assert strongest(chances, seen, hiding=True)[:, 1].tolist() == [0.9, 0.3]
    unsure = [[replace(item, source="likely_profanity") for item in items] for items in seen]
    assert strongest(chances, unsure)[:, 1].tolist() == [0.9, 0.3]
    assert strongest(chances, unsure, hiding=True)[:, 1].tolist() == [0.3, 0.3]
    assert chances[0, 1] == 0.3


def test_an_interval_holds_its_share_and_narrows() -> None:
    few, many = wilson(1, 10), wilson(100, 1000)
    assert few[0] < 0.1 < few[1]
    assert many[1] - many[0] < few[1] - few[0]
    assert wilson(0, 0) == (0.0, 1.0)
