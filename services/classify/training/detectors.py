"""
Measure the detectors on the page comments: how many they find, precision and recall, with 95 % intervals (Wilson).

* Links, personal data and masked words are judged as `consequences.evidence_of` does: with the shipped policy's
  numbers, and each setting's agencies with their own sites allowed.
* Pattern rules learn nothing, but whoever writes them reads comments. Those of `Personal` were tuned on the files in
  ``TUNED`` (of the first fifteen files in order of name every second one, from the first); only there were comments and
  errors looked at. The other half, with every file written since, is reported by itself and stands for what was not
  seen. Three settings lie on both sides (the boroughs, the valley, river and lake), so that half is not another world.
* `threats` was tuned on the part ``train`` of all files, so neither half is unseen by it; the part ``test`` is.
* Floods need times, which the rows do not have: `replay` makes a stream of them and plants near copies.

Intervals take comments for independent; those of one post or one setting are not quite.

Run: ``python -m services.classify.training.detectors``
"""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from services.classify.detectors import Evidence, Sample
from services.classify.detectors.floods import WORD, Floods
from services.classify.training.consequences import evidence_of, wilson
from services.classify.training.data import AUTHORED, UNKNOWN, Row, authored
from shared.categories import CATEGORIES, Category
from shared.decision import ONLY_PROPOSES
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

DETECTORS = {
    "links": "links",
    "likely_link": "links",
    "personal": "personal",
    "likely_personal": "personal",
    "masked_profanity": "masked_profanity",
    "likely_profanity": "masked_profanity",
    "likely_threat": "threats",
}
"""The detector behind each source."""


def tuned_rows(rows: Sequence[Row]) -> list[bool]:
    """For each row whether it is of a file in ``TUNED``; a pair of several files is of the first, as in `authored`."""
    first: dict[tuple[str, str], str] = {}
    for file in sorted(AUTHORED.glob("*.jsonl")):
        for line in file.read_text().splitlines():
            given = json.loads(line)
            first.setdefault((given["post"], given["comment"]), file.stem)
    return [first[row.about, row.text] in TUNED for row in rows]


def table(rows: Sequence[Row], evidence: Sequence[Sequence[Evidence]]) -> list[str]:
    """
    A line for each detector, category and score level; a level counts what scores at it or above.

    Under "may hide" stands yes where all that a level counts is certain: none of its sources only proposes.
    """
    seen: dict[tuple[str, Category], list[tuple[float, int, str]]] = defaultdict(list)
    for row, found in zip(rows, evidence, strict=True):
        for item in found:
            label = row.labels[CATEGORIES.index(item.category)]
            if label != UNKNOWN:
                seen[DETECTORS[item.source], item.category].append((item.score, label, item.source))
    lines = [
        "| detector | category | score from | may hide | found | right | of all of the category |",
        "|---|---|---:|---|---:|---:|---:|",
    ]
    for (detector, category), finds in sorted(seen.items()):
        positive = sum(row.labels[CATEGORIES.index(category)] == 1 for row in rows)
        for level in sorted({score for score, _, _ in finds}, reverse=True):
            counted = [(label, source) for score, label, source in finds if score >= level]
            hides = not any(source in ONLY_PROPOSES for _, source in counted)
            right = sum(label for label, _ in counted)
            lines.append(
                f"| {detector} | {category.value} | {level:.2f} | {'yes' if hides else 'no'} | {len(counted)} |"
                f" {share(right, len(counted))} | {share(right, positive)} |"
            )
    return lines


def share(count: int, total: int) -> str:
    """A share in percent with its interval."""
    low, high = wilson(count, total)
    return f"{100 * count / max(1, total):.1f} % ({100 * low:.1f} to {100 * high:.1f})"


START = datetime(2026, 1, 1, tzinfo=UTC)
GAP = timedelta(seconds=2)
"""Between two comments of the stream: 1,800 in the hour that is remembered."""
ENOUGH = 4
"""Others alike that make a flood, as shipped."""
FLOODS = 210
MOST_COPIES = 15
"""A planted flood has 5 copies or more, and at most this many."""
SPREAD = 900
"""Comments of the stream among which the copies of one flood fall: half an hour."""
FEWEST_WORDS = 10
"""Of a comment that is copied."""

Alteration = Callable[[str, random.Random, Sequence[str]], str]
"""What a copy looks like: its text from the original, and other words to take."""


def _marks(text: str, draw: random.Random, others: Sequence[str]) -> str:
    return (text.upper() if draw.random() < 0.5 else text.lower()) + draw.choice(["!!!", " 🙏", " ...", " 😡😡"])


def _reworded(share_of_words: float) -> Alteration:
    def reword(text: str, draw: random.Random, others: Sequence[str]) -> str:
        words = text.split()
        for at in draw.sample(range(len(words)), max(1, round(share_of_words * len(words)))):
            words[at] = draw.choice(draw.choice(others).split())
        return " ".join(words)

    return reword


def _sentence(text: str, draw: random.Random, others: Sequence[str]) -> str:
    return f"{' '.join(draw.choice(others).split()[:6])}. {text}"


def _mixed(text: str, draw: random.Random, others: Sequence[str]) -> str:
    return draw.choice(list(ALTERATIONS.values())[:-1])(text, draw, others)


ALTERATIONS: dict[str, Alteration] = {
    "word for word": lambda text, draw, others: text,
    "other case and marks": _marks,
    "one word replaced": _reworded(0.0),
    "six words put before": _sentence,
    "a tenth of the words replaced": _reworded(0.1),
    "a fifth of the words replaced": _reworded(0.2),
    "each copy in one of these ways": _mixed,
}


@dataclass(frozen=True)
class Placed:
    """
    A comment of the stream. ``flood`` is None for one that was not copied, ``alteration`` empty for all that were not
    planted.
    """

    text: str
    flood: int | None = None
    alteration: str = ""


def stream(texts: Sequence[str], seed: int = 1, floods: int = FLOODS) -> list[Placed]:
    """
    Page comments in their order, with planted floods: the construction of the measurement.

    Each flood copies one page comment of `FEWEST_WORDS` words or more, 5 to `MOST_COPIES` times, in one way of
    `ALTERATIONS`; the ways take turns, and each copy draws its own words. The copies fall at random among `SPREAD` page
    comments in a row. The page comment that was copied is of the flood too; it stands where it stood, mostly at another
    time. Other repeats among the page comments are not known, and count as wrong where found; there are few, so the
    precision mostly says that comments on one post are not taken for copies. The same seed gives the same stream.

    Raises `ValueError` for `SPREAD` texts or fewer, or fewer long ones than ``floods``.
    """
    draw = random.Random(seed)
    long_enough = [text for text in dict.fromkeys(texts) if len(WORD.findall(text)) >= FEWEST_WORDS]
    inserted: dict[int, list[Placed]] = defaultdict(list)
    originals = draw.sample(long_enough, floods)
    for flood, original in enumerate(originals):
        start, name = draw.randrange(len(texts) - SPREAD), list(ALTERATIONS)[flood % len(ALTERATIONS)]
        for _ in range(draw.randint(5, MOST_COPIES)):
            copy = ALTERATIONS[name](original, draw, long_enough)
            inserted[start + draw.randrange(SPREAD)].append(Placed(copy, flood, name))
    flood_of = {original: flood for flood, original in enumerate(originals)}
    return [placed for at, text in enumerate(texts) for placed in (*inserted[at], Placed(text, flood_of.get(text)))]


def replay(placed: Sequence[Placed]) -> list[str]:
    """
    A table of what the flood detector, as it is shipped, finds in the stream, one comment every `GAP`.

    A find is right when it is of a flood. A copy is to be found when `ENOUGH` others of its flood came in the hour
    before it. Of what a find lists, right are the comments of the same flood.
    """
    detector, hour = Floods(copies=ENOUGH), timedelta(hours=1)
    earlier: dict[int, list[datetime]] = defaultdict(list)
    wanted, caught, listed = Counter[str](), Counter[str](), Counter[bool]()
    found = right = 0
    for number, item in enumerate(placed):
        now = START + number * GAP
        evidence = detector(Sample(item.text, subject=str(number), time=now))
        for seen in evidence:
            found, right = found + 1, right + (item.flood is not None)
            flood_of_match = (placed[int(subject)].flood for subject in seen.matches)
            listed.update(flood is not None and flood == item.flood for flood in flood_of_match)
        if item.flood is None:
            continue
        if item.alteration and sum(now - time <= hour for time in earlier[item.flood]) >= ENOUGH:
            wanted[item.alteration] += 1
            caught[item.alteration] += bool(evidence)
        earlier[item.flood].append(now)
    lines = ["| of | count | share |", "|---|---:|---:|"]
    counts = {
        "found: of a flood (precision)": (right, found),
        "listed as alike: of the same flood": (listed[True], listed.total()),
        "to be found: found (recall)": (caught.total(), wanted.total()),
        **{f"of these, {name}": (caught[name], wanted[name]) for name in ALTERATIONS},
    }
    return [*lines, *(f"| {name} | {total} | {share(count, total)} |" for name, (count, total) in counts.items())]


def main() -> int:
    """Print a table for each half and for the floods; gives back the exit code."""
    rows = authored()
    tuned, evidence = tuned_rows(rows), evidence_of(rows, load_policy())
    for title, side in (("Tuned on", True), ("Not looked at (the other files)", False)):
        half = [number for number, of_tuned in enumerate(tuned) if of_tuned is side]
        print(f"{title}: {len(half)} comments\n")
        print("\n".join(table([rows[number] for number in half], [evidence[number] for number in half])), end="\n\n")
    placed = stream([row.text for row in rows])
    copies = sum(item.flood is not None for item in placed)
    print(
        f"Floods: {len(rows)} page comments in their order, one every {GAP.seconds} s, with {copies} planted copies of"
        f" {FLOODS} page comments, those of one flood within {SPREAD * GAP.seconds // 60} minutes or a little more.\n"
        f"To be found: a copy with {ENOUGH} others of its flood in the hour before it.\n"
    )
    print("\n".join(replay(placed)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
