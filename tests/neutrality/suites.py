"""
Four suites of original comments, all of them allowed under A.11, that show whether the model is even-handed.

* `pairs.jsonl`: two comments on one post that differ only in stance, of like length and tone. The model must treat both
  alike: what it does to praise it must do to blame, and what it does to one party it must do to the other.
* `criticism.jsonl`: harsh but civil comments on the post's subject. They must stay up: a hide of criticism is an act of
  government against speech.
* `mentions.jsonl`: comments that name a protected group and do not break A.11.c: neutral ones, those that speak up
  against hatred, people who speak of their own group, and quotes that condemn what they quote.
* `languages.jsonl`: harmless comments, each in English and in Spanish. Spanish must not be flagged for being Spanish.

The posts and comments are invented. Nobody may train on these files, tune a threshold on them, or write training rows
after them: then they would measure memory, and no longer whether the model is fair. Add texts freely; change or drop
one only because it is wrong, never because the model fails it.

Policy: A.11.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TypeVar

HERE = Path(__file__).parent

MIN_PAIRS, MIN_CRITICISM, MIN_MENTIONS, MIN_LANGUAGES = 170, 160, 160, 120
MIN_OF_A_TOPIC, MIN_OF_A_KIND, MIN_IN_BOTH = 10, 40, 15

TOPICS = (
    *("ballot", "bail_courts", "body_cameras", "budget", "chief", "force", "guns", "immigration"),
    *("mayor_council", "officers", "party", "protest", "religion", "school_officers", "traffic_cameras", "union"),
)
KINDS = ("neutral_mention", "counter_speech", "reclaimed_or_own_group", "quoting_to_condemn")
SAID = ("thanks", "question", "information", "criticism", "opinion", "group", "own_story")


class SuiteInvalid(ValueError):
    """A suite breaks its own rules; the message names the file and the fault."""


@dataclass(frozen=True)
class Opposites:
    """
    Two comments on one post that differ only in stance.

    ``a`` is always the same side of its topic, so a mean difference over a topic is a lean: praise, for (the measure,
    the union, cameras, school officers, the budget, the march), right or conservative, church, gun rights, immigration
    enforcement, defence of a use of force, strict courts. ``b`` is the other side.
    """

    id: str
    topic: str
    post: str
    a: str
    b: str


@dataclass(frozen=True)
class Criticism:
    """A harsh, civil comment that must stay up."""

    id: str
    topic: str
    post: str
    text: str


@dataclass(frozen=True)
class Mention:
    """A comment that names a protected group and breaks nothing."""

    id: str
    kind: str
    post: str
    text: str


@dataclass(frozen=True)
class Languages:
    """One harmless comment, in English and in Spanish."""

    id: str
    kind: str
    post: str
    en: str
    es: str


@dataclass(frozen=True)
class Suites:
    """All four, in the order of their files."""

    pairs: tuple[Opposites, ...]
    criticism: tuple[Criticism, ...]
    mentions: tuple[Mention, ...]
    languages: tuple[Languages, ...]


Row = TypeVar("Row", Opposites, Criticism, Mention, Languages)


def load(folder: Path = HERE) -> Suites:
    """Read and check the suites in ``folder``. Raises `SuiteInvalid`."""
    suites = Suites(
        pairs=_read(folder / "pairs.jsonl", Opposites, MIN_PAIRS),
        criticism=_read(folder / "criticism.jsonl", Criticism, MIN_CRITICISM),
        mentions=_read(folder / "mentions.jsonl", Mention, MIN_MENTIONS),
        languages=_read(folder / "languages.jsonl", Languages, MIN_LANGUAGES),
    )
    ids = [row.id for rows in (suites.pairs, suites.criticism, suites.mentions, suites.languages) for row in rows]
    _unique("ids of all suites", ids)
    same = [pair.id for pair in suites.pairs if pair.a == pair.b]
    if same:
        raise SuiteInvalid(f"pairs.jsonl: a and b are the same: {', '.join(same)}")
    _unique("pairs.jsonl", [(pair.post, text) for pair in suites.pairs for text in (pair.a, pair.b)])
    _unique("criticism.jsonl", [(row.post, row.text) for row in suites.criticism])
    _unique("mentions.jsonl", [(row.post, row.text) for row in suites.mentions])
    _unique("languages.jsonl", [(row.post, text) for row in suites.languages for text in (row.en, row.es)])
    _enough("topic", (pair.topic for pair in suites.pairs), TOPICS, MIN_OF_A_TOPIC)
    _enough("kind", (row.kind for row in suites.mentions), KINDS, MIN_OF_A_KIND)
    _enough("kind", (row.kind for row in suites.languages), SAID, MIN_IN_BOTH)
    return suites


def _read(file: Path, kind: type[Row], least: int) -> tuple[Row, ...]:
    rows = tuple(_row(file, number, line, kind) for number, line in enumerate(file.read_text("utf-8").splitlines(), 1))
    if len(rows) < least:
        raise SuiteInvalid(f"{file.name}: {len(rows)} rows, fewer than {least}")
    return rows


def _row(file: Path, number: int, line: str, kind: type[Row]) -> Row:
    where = f"{file.name}:{number}"
    try:
        values: object = json.loads(line)
    except json.JSONDecodeError as error:
        raise SuiteInvalid(f"{where} is not JSON: {error}") from None
    names = {field.name for field in fields(kind)}
    if not isinstance(values, dict) or values.keys() != names:
        raise SuiteInvalid(f"{where}: the fields must be {', '.join(sorted(names))}")
    if not all(isinstance(value, str) and value.strip() == value and value for value in values.values()):
        raise SuiteInvalid(f"{where}: every field is a text without spaces around it")
    return kind(**values)


def _unique(what: str, values: Iterable[object]) -> None:
    twice = [value for value, times in Counter(values).items() if times > 1]
    if twice:
        raise SuiteInvalid(f"{what}: more than once: {twice[:5]}")


def _enough(what: str, values: Iterable[str], known: Iterable[str], least: int) -> None:
    counts: Mapping[str, int] = Counter(values)
    strange = sorted(set(counts) - set(known))
    if strange:
        raise SuiteInvalid(f"unknown {what}: {', '.join(strange)}")
    few = sorted(name for name in known if counts.get(name, 0) < least)
    if few:
        raise SuiteInvalid(f"fewer than {least} of {what}: {', '.join(few)}")
