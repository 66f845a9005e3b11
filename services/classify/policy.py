"""
From scores and evidence to findings. The rule in one sentence: a category is found when the model or a detector
reaches its ``propose_threshold``, the stronger of the two gives the score, and the evidence of both stands with it.

* Off-topic is judged only where the official post is known.
* What the page itself wrote, and what has no text, is found to hold nothing.
* Evidence keeps its source: by it `shared.decision` knows what is not certain and never hides.
* Every finding has a reason in plain words that names its clause.

Policy: A.10 (a reason in words), A.11 (what may be hidden).
"""

from __future__ import annotations

from collections.abc import Sequence

from services.classify.detectors import Evidence
from shared.categories import CATEGORIES, Category
from shared.events import Finding
from shared.policy import Policy

MODEL = "model"


def findings(
    scores: Sequence[float], evidence: Sequence[Evidence], policy: Policy, *, post_known: bool
) -> tuple[Finding, ...]:
    """
    The findings of one comment, in the order of the clauses; at most one for each source and category.

    Args:
        scores: nine probabilities, A.11 a to i.
        evidence: what the detectors saw.
        post_known: whether the official post was known when the comment was scored.

    Policy: A.10, A.11.
    """
    found: list[Finding] = []
    for category, score in zip(CATEGORIES, scores, strict=True):
        rule = policy.categories[category]
        for seen in evidence:
            if seen.category is category and seen.score >= rule.propose_threshold:
                found.append(
                    Finding(
                        category=category,
                        score=seen.score,
                        source=seen.source,
                        spans=seen.spans,
                        reason=f"{rule.reason} {seen.detail}",
                        matches=seen.matches,
                    )
                )
        judged = post_known or category is not Category.OFF_TOPIC
        if judged and score >= rule.propose_threshold:
            found.append(Finding(category=category, score=float(score), source=MODEL, reason=rule.reason))
    return tuple(found)
