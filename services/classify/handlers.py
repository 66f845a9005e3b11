"""
Comments in, verdicts out: one verdict for each comment, in the same order.

Nothing is stored here. The same comment gives the same verdict under one model and policy; retention keeps the first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from services.classify.detectors import Sample
from services.classify.judge import Judge, Verdict
from shared import metrics
from shared.categories import CATEGORIES
from shared.events import CommentClassified, CommentReceived

NOTHING = Verdict((0.0,) * len(CATEGORIES), ())


class ClassifyComments:
    """Judge comments against A.11. What the page itself wrote is passed on with nothing found."""

    def __init__(self, judge: Judge, now: Callable[[], datetime]) -> None:
        self._judge, self._now = judge, now

    async def __call__(self, comments: Sequence[CommentReceived]) -> Sequence[CommentClassified]:
        judged = [comment for comment in comments if not comment.by_account]
        samples = [
            Sample(comment.text, comment.post_text, comment.links, comment.subject, comment.received_at)
            for comment in judged
        ]
        verdicts = dict(zip((comment.id for comment in judged), await self._judge(samples), strict=True))
        return [self._classified(comment, verdicts.get(comment.id, NOTHING)) for comment in comments]

    def _classified(self, comment: CommentReceived, verdict: Verdict) -> CommentClassified:
        metrics.CLASSIFIED.labels("flagged" if verdict.findings else "clean").inc()
        for finding in verdict.findings:
            metrics.FINDINGS.labels(finding.category.value, finding.source).inc()
        return CommentClassified.caused_by(
            comment,
            subject=comment.subject,
            time=self._now(),
            revision=comment.revision,
            scores=verdict.scores,
            findings=verdict.findings,
            model_version=self._judge.model.version,
            policy_version=self._judge.policy_version,
        )
