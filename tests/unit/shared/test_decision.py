"""What findings lead to (A.10, A.11): tables over every mode, score and account, and properties of the rule."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.categories import CATEGORIES, Category
from shared.decision import ACTIONS, ONLY_PROPOSES, decide
from shared.events import Action, Finding, Urgency
from shared.policy import MODES, Mode, Policy, load_policy


def policy_with(mode: Mode, category: Category = Category.VULGAR, urgency: Urgency = Urgency.NORMAL) -> Policy:
    """The shipped policy with round thresholds for ``category``: propose at 0.5, hide at 0.9."""
    shipped = load_policy()
    change = {"mode": mode, "propose_threshold": 0.5, "hide_threshold": 0.9, "urgency": urgency}
    rule = shipped.categories[category].model_copy(update=change)
    return shipped.model_copy(update={"categories": {**shipped.categories, category: rule}})


def finding(score: float, category: Category = Category.VULGAR, reason: str = "Because (A.11).") -> Finding:
    return Finding(category=category, score=score, source="model", reason=reason)


TABLE = [
    # category's mode, score, account's mode, action
    (Mode.HIDE, 0.49, None, Action.ALLOW),
    (Mode.HIDE, 0.50, None, Action.PROPOSE),
    (Mode.HIDE, 0.89, None, Action.PROPOSE),
    (Mode.HIDE, 0.90, None, Action.HIDE),
    (Mode.HIDE, 1.00, Mode.HIDE, Action.HIDE),
    (Mode.HIDE, 1.00, Mode.PROPOSE, Action.PROPOSE),
    (Mode.HIDE, 1.00, Mode.OBSERVE, Action.ALLOW),
    (Mode.PROPOSE, 1.00, None, Action.PROPOSE),
    (Mode.PROPOSE, 1.00, Mode.HIDE, Action.PROPOSE),
    (Mode.PROPOSE, 0.49, Mode.HIDE, Action.ALLOW),
    (Mode.OBSERVE, 1.00, None, Action.ALLOW),
    (Mode.OBSERVE, 1.00, Mode.HIDE, Action.ALLOW),
]


@pytest.mark.policy("A.11")
@pytest.mark.parametrize(("mode", "score", "account", "action"), TABLE)
def test_a11_a_category_hides_only_above_its_threshold_and_where_both_modes_allow(
    mode: Mode, score: float, account: Mode | None, action: Action
) -> None:
    decision = decide([finding(score)], policy_with(mode), account)
    assert decision.action is action


@pytest.mark.policy("A.11")
@pytest.mark.parametrize("source", ["flood", "likely_link", "likely_personal", "likely_profanity", "likely_threat"])
def test_a11_what_is_not_certain_is_proposed_and_never_hidden_whatever_score_and_threshold(source: str) -> None:
    policy = policy_with(Mode.HIDE)
    rule = policy.categories[Category.VULGAR].model_copy(update={"hide_threshold": 0.5})
    policy = policy.model_copy(update={"categories": {**policy.categories, Category.VULGAR: rule}})
    for score in (0.5, 0.8, 1.0):
        seen = finding(score).model_copy(update={"source": source})
        assert decide([seen], policy, Mode.HIDE).action is Action.PROPOSE
    assert source in ONLY_PROPOSES


@pytest.mark.parametrize("source", ["links", "personal", "masked_profanity", "model"])
def test_what_is_certain_hides_and_no_likely_find_beside_it_changes_that(source: str) -> None:
    policy = policy_with(Mode.HIDE)
    sure = finding(0.92).model_copy(update={"source": source})
    likely = finding(1.0).model_copy(update={"source": "likely_profanity"})
    decision = decide([likely, sure], policy)
    assert (decision.action, decision.finding) == (Action.HIDE, sure)


def test_nothing_found_is_allowed_without_a_reason(policy: Policy) -> None:
    decision = decide([], policy)
    assert (decision.action, decision.finding, decision.category, decision.reason) == (Action.ALLOW, None, None, "")


@pytest.mark.policy("A.10")
def test_a10_the_reason_is_the_findings_own_and_else_the_policys() -> None:
    policy = policy_with(Mode.HIDE)
    assert decide([finding(0.95, reason="It says so (A.11.b).")], policy).reason == "It says so (A.11.b)."
    assert decide([finding(0.95, reason="")], policy).reason == policy.categories[Category.VULGAR].reason


def test_both_modes_stand_in_the_decision() -> None:
    decision = decide([finding(0.95)], policy_with(Mode.HIDE), Mode.PROPOSE)
    assert (decision.category_mode, decision.account_mode) == (Mode.HIDE, Mode.PROPOSE)


def test_a_certain_proposal_does_not_outdo_a_hide() -> None:
    policy = policy_with(Mode.HIDE)
    decision = decide([finding(1.0, Category.OFF_TOPIC), finding(0.92)], policy)
    assert (decision.action, decision.category) == (Action.HIDE, Category.VULGAR)


@pytest.mark.policy("A.14")
def test_a14_of_equal_actions_the_urgent_one_decides() -> None:
    policy = policy_with(Mode.HIDE, Category.PUBLIC_SAFETY, Urgency.URGENT)
    policy = policy.model_copy(
        update={"categories": {**policy.categories, Category.VULGAR: policy_with(Mode.HIDE).categories["vulgar"]}}
    )
    decision = decide([finding(0.99), finding(0.91, Category.PUBLIC_SAFETY)], policy)
    assert (decision.category, decision.urgency) == (Category.PUBLIC_SAFETY, Urgency.URGENT)


@pytest.mark.policy("A.11.a", "A.11.h")
@pytest.mark.parametrize("category", [Category.OFF_TOPIC, Category.IP_VIOLATION])
def test_a11a_a11h_are_never_hidden_by_a_machine(policy: Policy, category: Category) -> None:
    assert decide([finding(1.0, category)], policy, Mode.HIDE).action is Action.PROPOSE


FINDINGS = st.lists(
    st.builds(finding, st.floats(min_value=0, max_value=1), st.sampled_from(CATEGORIES)),
    max_size=5,
)


@given(FINDINGS, st.sampled_from([None, *MODES]))
def test_the_order_of_findings_does_not_matter(found: list[Finding], account: Mode | None) -> None:
    policy = load_policy()
    expected = decide(found, policy, account)
    for order in itertools.islice(itertools.permutations(found), 24):
        other = decide(order, policy, account)
        assert (other.action, other.category, other.urgency) == (expected.action, expected.category, expected.urgency)


@given(FINDINGS, FINDINGS, st.sampled_from([None, *MODES]))
def test_more_evidence_never_weakens_the_action(some: list[Finding], more: list[Finding], account: Mode | None) -> None:
    policy = load_policy()
    few, all_of_it = decide(some, policy, account), decide([*some, *more], policy, account)
    assert ACTIONS.index(all_of_it.action) >= ACTIONS.index(few.action)


@given(FINDINGS, st.sampled_from(MODES))
def test_an_account_can_only_make_it_more_cautious(found: list[Finding], account: Mode) -> None:
    policy = load_policy()
    assert ACTIONS.index(decide(found, policy, account).action) <= ACTIONS.index(decide(found, policy).action)
