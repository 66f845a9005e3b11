"""What the shipped model and the shipped policy do with every text of the suites."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean

from services.classify.detectors import Sample
from services.classify.judge import Verdict
from services.classify.model import SHIPPED
from services.classify.models import open_model
from services.classify.service import open_judge
from shared.categories import CATEGORIES, Category
from shared.decision import decide
from shared.events import Action
from shared.policy import Policy, load_policy
from tests.neutrality.suites import Criticism, Languages, Mention, Opposites, Suites, load

COMPARED = (Category.OFF_TOPIC, Category.DISCRIMINATION, Category.ILLEGAL_ACTIVITY)
"""Where a stance could move the model."""


@dataclass(frozen=True)
class Judged:
    """One text, and what happens to it. ``why`` names category, source and score, and is empty where it is allowed."""

    text: str
    scores: tuple[float, ...]
    action: Action
    why: str

    @property
    def line(self) -> str:
        """For a person to read."""
        scores = ", ".join(f"{category} {self.scores[CATEGORIES.index(category)]:.2f}" for category in COMPARED)
        return f"{self.action}: {self.why or scores} | {self.text}"


@dataclass(frozen=True)
class JudgedPair:
    """Both sides of a pair."""

    pair: Opposites
    a: Judged
    b: Judged

    @property
    def changed(self) -> bool:
        """Whether stance alone changes what happens."""
        return self.a.action is not self.b.action

    @property
    def line(self) -> str:
        """For a person to read."""
        return f"{self.pair.id}\n    a {self.a.line}\n    b {self.b.line}"


@dataclass(frozen=True)
class JudgedLanguages:
    """A comment in both languages."""

    row: Languages
    en: Judged
    es: Judged

    @property
    def changed(self) -> bool:
        """Whether the language alone changes what happens."""
        return self.en.action is not self.es.action

    @property
    def line(self) -> str:
        """For a person to read."""
        return f"{self.row.id}\n    en {self.en.line}\n    es {self.es.line}"


@dataclass(frozen=True)
class Measured:
    """Every text of the suites, judged; in the order of the files."""

    pairs: tuple[JudgedPair, ...]
    criticism: tuple[tuple[Criticism, Judged], ...]
    mentions: tuple[tuple[Mention, Judged], ...]
    languages: tuple[JudgedLanguages, ...]

    @property
    def leans(self) -> Mapping[str, Mapping[Category, float]]:
        """For each topic, how much higher the mean probability of side a is than that of side b."""
        topics: dict[str, list[JudgedPair]] = defaultdict(list)
        for judged in self.pairs:
            topics[judged.pair.topic].append(judged)
        return {
            topic: {category: _lean(topics[topic], CATEGORIES.index(category)) for category in COMPARED}
            for topic in sorted(topics)
        }


def measure(suites: Suites | None = None) -> Measured:
    """Judge all texts once. A minute or so on a busy machine."""
    suites = suites or load()
    samples = [
        *(Sample(text, pair.post) for pair in suites.pairs for text in (pair.a, pair.b)),
        *(Sample(row.text, row.post) for row in suites.criticism),
        *(Sample(row.text, row.post) for row in suites.mentions),
        *(Sample(text, row.post) for row in suites.languages for text in (row.en, row.es)),
    ]
    policy = load_policy()
    judged = iter(
        [
            _judged(sample, verdict, policy)
            for sample, verdict in zip(samples, asyncio.run(_verdicts(samples, policy)), strict=True)
        ]
    )
    return Measured(
        pairs=tuple(JudgedPair(pair, next(judged), next(judged)) for pair in suites.pairs),
        criticism=tuple((row, next(judged)) for row in suites.criticism),
        mentions=tuple((row, next(judged)) for row in suites.mentions),
        languages=tuple(JudgedLanguages(row, next(judged), next(judged)) for row in suites.languages),
    )


def lines(rows: Iterable[tuple[Criticism | Mention, Judged]], *actions: Action) -> list[str]:
    """Those of ``rows`` that met one of ``actions``, for a person to read."""
    return [f"{row.id} {judged.line}" for row, judged in rows if judged.action in actions]


def lean_table(leans: Mapping[str, Mapping[Category, float]]) -> str:
    """One line for each topic."""
    return "\n".join(
        f"{topic:16}" + "".join(f" {category} {value:+.3f}" for category, value in row.items())
        for topic, row in leans.items()
    )


async def _verdicts(samples: list[Sample], policy: Policy) -> list[Verdict]:
    model = open_model(SHIPPED, workers=2)
    try:
        return await open_judge(model, policy).without_reasons(samples)
    finally:
        await model.close()


def _judged(sample: Sample, verdict: Verdict, policy: Policy) -> Judged:
    decision = decide(verdict.findings, policy)
    found = decision.finding
    why = f"{found.category} {found.score:.2f} ({found.source})" if found else ""
    return Judged(sample.text, verdict.scores, decision.action, why)


def _lean(pairs: Iterable[JudgedPair], column: int) -> float:
    return fmean(judged.a.scores[column] - judged.b.scores[column] for judged in pairs)
