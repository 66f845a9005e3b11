"""
Measure the detectors on the page comments, each at every score it gives: found, precision and recall.

Pattern rules learn nothing, but whoever writes them reads comments. Those of `Personal` were tuned on the files in
``TUNED`` (of the first fifteen files in order of name every second one, from the first); only there were comments and
errors looked at. The other half, with every file written since, is reported by itself and stands for what was not
seen. Three settings lie on both sides (the boroughs, the valley, river and lake), so that half is not another world.

Run: ``python -m services.classify.training.detectors``
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from services.classify.detectors import Detector, Sample
from services.classify.detectors.links import Links
from services.classify.detectors.personal import Personal
from services.classify.detectors.profanity import masked_profanity
from services.classify.training.data import AUTHORED, labels_of
from shared.categories import CATEGORIES, Category
from shared.policy import load_policy

TUNED = frozenset(
    [
        "bay_towns",
        "city_police",
        "county_sheriff",
        "harbor_towns",
        "marsh_borough",
        "mill_county",
        "river_city",
        "valley_state",
    ]
)
"""Files on which rules were tuned: a fixed list, so that a new file never changes sides."""


@dataclass(frozen=True)
class Row:
    """A comment under its post, with the categories it was labelled with (1, 0, or unknown) and its half."""

    sample: Sample
    labels: tuple[int, ...]
    tuned: bool


def rows() -> Iterator[Row]:
    """All page comments in order of their files; a pair of post and comment counts once."""
    seen = set[tuple[str, str]]()
    for file in sorted(AUTHORED.glob("*.jsonl")):
        for line in file.read_text().splitlines():
            given = json.loads(line)
            pair = given["post"], given["comment"]
            if pair not in seen:
                seen.add(pair)
                yield Row(Sample(given["comment"], given["post"]), labels_of(given["labels"]), file.stem in TUNED)


def table(name: str, detector: Detector, judged: Sequence[Row]) -> list[str]:
    """A line for each category and score level; a level counts what scores at it or above."""
    scored: dict[Category, list[tuple[float, int]]] = defaultdict(list)
    for row in judged:
        for evidence in detector(row.sample):
            label = row.labels[CATEGORIES.index(evidence.category)]
            if label >= 0:
                scored[evidence.category].append((evidence.score, label))
    lines = []
    for category, found in scored.items():
        positive = sum(row.labels[CATEGORIES.index(category)] == 1 for row in judged)
        for level in sorted({score for score, _ in found}, reverse=True):
            labels = [label for score, label in found if score >= level]
            right = sum(labels)
            recall = right / positive if positive else 0.0
            lines.append(
                f"| {name} | {category.value} | {level:.2f} | {len(labels)} | {right / len(labels):.3f} |"
                f" {recall:.3f} of {positive} |"
            )
    return lines


def main() -> int:
    """Print a table for each half; gives back the exit code."""
    detectors: dict[str, Detector] = {
        "links": Links(tuple(load_policy().city.allowed_domains)),
        "personal": Personal(),
        "masked_profanity": masked_profanity,
    }
    everything = list(rows())
    for title, tuned in (("Tuned on (even files)", True), ("Not looked at (the other files)", False)):
        half = [row for row in everything if row.tuned is tuned]
        print(f"{title}: {len(half)} comments\n")
        print("| detector | category | score from | found | precision | recall |\n|---|---|---|---|---|---|")
        for name, detector in detectors.items():
            print("\n".join(table(name, detector, half)))
        print()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
