"""
One comment judged: model, detectors, and the words that moved the model.

The service and the command line share it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from services.classify.detectors import Detector, Sample
from services.classify.model import Model, Pair, Scores, read
from services.classify.policy import MODEL, findings
from services.classify.reasons import moving_words
from shared.categories import CATEGORIES
from shared.events import Finding, Span
from shared.policy import Policy


@dataclass(frozen=True)
class Verdict:
    """Nine probabilities in the order of A.11 a to i, and what was found."""

    scores: tuple[float, ...]
    findings: tuple[Finding, ...]


class Judge:
    """Judges samples in their order; the same sample has the same verdict."""

    def __init__(self, model: Model, detectors: Sequence[Detector], policy: Policy) -> None:
        self.model, self._detectors, self._policy = model, detectors, policy

    @property
    def policy_version(self) -> str:
        """The policy in force."""
        return self._policy.version

    async def __call__(self, samples: Sequence[Sample]) -> list[Verdict]:
        """One verdict for each sample. Raises what the model raises: then the whole batch is not judged."""
        readings = await read(self.model, _pairs(samples))
        verdicts = await self._verdicts(samples, [reading.scores for reading in readings])
        return [
            await self._explained(sample, verdict, reading.stretches)
            for sample, verdict, reading in zip(samples, verdicts, readings, strict=True)
        ]

    async def without_reasons(self, samples: Sequence[Sample]) -> list[Verdict]:
        """The same scores and findings, without the words that moved the model."""
        return await self._verdicts(samples, await self.model.score(_pairs(samples)))

    async def _verdicts(self, samples: Sequence[Sample], rows: Iterable[Scores]) -> list[Verdict]:
        # Off the event loop: a text made to be slow must not hold up webhooks of the same process.
        return await asyncio.to_thread(
            lambda: [self._verdict(sample, row.tolist()) for sample, row in zip(samples, rows, strict=True)]
        )

    def _verdict(self, sample: Sample, scores: list[float]) -> Verdict:
        if not sample.text.strip() and not sample.links:
            return Verdict((0.0,) * len(CATEGORIES), ())
        evidence = [seen for detector in self._detectors for seen in detector(sample)]
        return Verdict(tuple(scores), findings(scores, evidence, self._policy, post_known=bool(sample.post)))

    async def _explained(self, sample: Sample, verdict: Verdict, stretches: Sequence[Span]) -> Verdict:
        """The model's findings with the spans of the text that moved it."""
        by_model = {finding.category: finding.score for finding in verdict.findings if finding.source == MODEL}
        words = await moving_words(self.model, sample, by_model, stretches)
        found = (
            finding.model_copy(update={"spans": words[finding.category]}) if finding.source == MODEL else finding
            for finding in verdict.findings
        )
        return Verdict(verdict.scores, tuple(found))


def _pairs(samples: Sequence[Sample]) -> list[Pair]:
    return [Pair(sample.text, sample.post) for sample in samples]
