"""
What a comment's findings lead to: one pure function, so that counsel can read it and a record can be explained later.

The rule in one sentence: the strongest finding decides, a category hides only at or above its measured threshold and
where the category, the account and the finding's source allow it, and whatever falls short of that is proposed to a
person or merely kept. Evidence that is not certain is known by its source, not by its score: thresholds are measured
anew with each training, and none of them lets it hide.

Policy: A.10 (a reason for each hide), A.11 (what may be hidden).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared.categories import Category
from shared.events import Action, Finding, Urgency
from shared.policy import MODES, CategoryRule, Mode, Policy

ACTIONS: tuple[Action, ...] = (Action.ALLOW, Action.PROPOSE, Action.HIDE)
"""From the most cautious to the least."""

ONLY_PROPOSES = frozenset({"flood", "likely_link", "likely_personal", "likely_profanity", "likely_threat"})
"""
Sources that never hide, whatever the score and the thresholds: a person judges what they found.

``flood``: many people saying one thing is speech. ``likely_*``: what a detector saw may be something else. What is
certain has a source of its own: ``links``, ``personal``, ``masked_profanity``; a threat never is: words alone do not
tell it from a joke.
"""


@dataclass(frozen=True)
class Decision:
    """What the policy asks for, and why. ``finding`` is the one that decided; None when nothing applies."""

    action: Action
    finding: Finding | None = None
    reason: str = ""
    urgency: Urgency = Urgency.NORMAL
    category_mode: Mode | None = None
    account_mode: Mode | None = None

    @property
    def category(self) -> Category | None:
        """The category of the finding that decided."""
        return self.finding.category if self.finding else None


def decide(findings: Sequence[Finding], policy: Policy, account_mode: Mode | None = None) -> Decision:
    """
    Settle what a machine may do with a comment.

    Args:
        findings: those of one revision; order does not matter.
        policy: the city's policy in force.
        account_mode: how far the account allows a machine to go; None leaves it to the category alone.

    A finding below its category's ``propose_threshold`` counts for nothing. Of several, the one with the strongest
    action decides; among equals the urgent one, then the higher score. The more cautious of category and account holds.

    Policy: A.10, A.11.
    """
    best = Decision(Action.ALLOW, account_mode=account_mode)
    for finding in findings:
        rule = policy.categories[finding.category]
        if finding.score < rule.propose_threshold:
            continue
        candidate = Decision(
            action=_action(finding, rule, account_mode),
            finding=finding,
            reason=finding.reason or rule.reason,
            urgency=rule.urgency,
            category_mode=rule.mode,
            account_mode=account_mode,
        )
        if _strength(candidate) > _strength(best):
            best = candidate
    return best


def _action(finding: Finding, rule: CategoryRule, account_mode: Mode | None) -> Action:
    mode = rule.mode if account_mode is None else min(rule.mode, account_mode, key=MODES.index)
    if mode is Mode.OBSERVE:
        return Action.ALLOW
    if mode is Mode.HIDE and finding.score >= rule.hide_threshold and finding.source not in ONLY_PROPOSES:
        return Action.HIDE
    return Action.PROPOSE


def _strength(decision: Decision) -> tuple[int, bool, float, str]:
    finding = decision.finding
    return (
        ACTIONS.index(decision.action),
        decision.urgency is Urgency.URGENT and finding is not None,
        finding.score if finding else -1.0,
        finding.category if finding else "",
    )
