"""
The rows that the model learns from and is judged on.

* Page comments (`data/*.jsonl`): fully labelled, each with its official post. Split by post, never by row.
* Public rows (``--data DIR``, ``train/*.parquet``): a label says yes, no, or nothing; nothing is masked in the loss.
  Sources whose licence is non-commercial or absent are never learned from; some are for judging only (`LEFT_OUT`).

Conventions between the files differ on whether ads are off topic too: there the label is taken for unknown.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Literal

from services.classify.normalise import normalise
from shared.categories import CATEGORIES, Category

AUTHORED = Path(__file__).with_name("data")
UNKNOWN = -1
LEFT_OUT = frozenset({"unhealthy_comments", "reddit_norm_violations", "hateval"})
"""Public sources with a non-commercial licence, or none."""

SETTINGS = {
    "bay_towns": "coastal towns",
    "harbor_towns": "coastal towns",
    "marsh_borough": "boroughs",
    "port_borough": "boroughs",
    "valley_state": "valley",
    "desert_valley": "valley",
    "river_city": "river and lake",
    "lake_city": "river and lake",
    "mill_county": "river and lake",
}
"""Files of one setting stay on one side of a split; a file that is not here is a setting of its own."""

FOLDS = (
    ("river and lake", "small_town"),
    ("boroughs", "city_police"),
    ("coastal towns", "county_sheriff"),
    ("valley", "campus_transit"),
    ("metro_county", "coastal_city"),
)
"""Settings that are left out together, two at a time: a stand-in for a city never seen."""

Part = Literal["train", "test"]


@dataclass(frozen=True)
class Row:
    """
    One comment under its post, as written (``text``, ``about``) and as the model reads it (``comment``, ``post``).

    ``labels``: 1, 0 or `UNKNOWN`, in the order of A.11.
    """

    id: str
    text: str
    about: str
    comment: str
    post: str
    labels: tuple[int, ...]
    protected: bool
    setting: str
    part: Part

    @property
    def is_allowed_criticism(self) -> bool:
        """
        Protected, and not labelled off topic by the same hand.

        180 of 4,424 protected comments in the oldest files are both: who finds what is off topic touches them.
        """
        return self.protected and 1 not in self.labels


def authored(held_out: Iterable[str] = ()) -> list[Row]:
    """
    The page comments, without repeats of a pair, each with its part.

    Args:
        held_out: settings that are the test set as a whole; without any, a tenth of all posts is, by a hash of the
            post, so that it never changes.

    Raises `ValueError` for a setting that no file has.
    """
    held = set(held_out)
    if unknown := held - {row.setting for row in _page_comments()}:
        raise ValueError(f"no page comments are of the setting {', '.join(sorted(unknown))}")
    return [replace(row, part=part_of(row.about, row.setting, held)) for row in _page_comments()]


@cache
def _page_comments() -> tuple[Row, ...]:
    seen, rows = set[tuple[str, str]](), list[Row]()
    for file in sorted(AUTHORED.glob("*.jsonl")):
        setting = SETTINGS.get(file.stem, file.stem)
        for line in file.read_text().splitlines():
            given = json.loads(line)
            text, about = given["comment"], given["post"]
            if (about, text) in seen:
                continue
            seen.add((about, text))
            labels, protected = labels_of(given["labels"]), bool(given["protected_speech"])
            comment, post = normalise(text).text, normalise(about).text
            rows.append(Row(given["id"], text, about, comment, post, labels, protected, setting, "train"))
    return tuple(rows)


def labels_of(names: Sequence[str]) -> tuple[int, ...]:
    """Nine labels. Off-topic is unknown on ads, spam and the like that lack it: the files differ there."""
    labels = [int(category.value in names) for category in CATEGORIES]
    unclear = {Category.SEXUAL, Category.SOLICITATION, Category.IP_VIOLATION, Category.SPAM_LINKS}
    if not labels[0] and any(category.value in names for category in unclear):
        labels[0] = UNKNOWN
    return tuple(labels)


def part_of(post: str, setting: str, held_out: Collection[str]) -> Part:
    """The side of a split on which a post stands."""
    if held_out:
        return "test" if setting in held_out else "train"
    return "test" if int(hashlib.sha256(post.encode()).hexdigest(), 16) % 100 < 10 else "train"


def public(folder: Path, count: int, seed: int) -> list[Row]:
    """
    ``count`` public rows, drawn so that rare labels are not drowned. Needs pyarrow.

    Raises `FileNotFoundError` where the folder holds none that may be learned from, and `ValueError` for a file that
    lacks a column.
    """
    import numpy as np

    rows = [row for file in _sources(folder) if file.stem not in LEFT_OUT for row in _read(file)]
    if not rows:
        raise FileNotFoundError(f"{folder / 'train'} holds no rows that may be learned from: see docs/data.md")
    known = Counter((column, label) for row in rows for column, label in enumerate(row.labels) if label != UNKNOWN)
    weights = np.array([_weight(row, known) for row in rows])
    weights = np.minimum(weights, np.quantile(weights, 0.99)) ** 0.7
    chosen = np.random.default_rng(seed).choice(
        len(rows), min(count, len(rows)), replace=False, p=weights / weights.sum()
    )
    picked = [rows[index] for index in chosen]
    random.Random(seed).shuffle(picked)
    return picked


def not_trained_on(folder: Path) -> dict[str, list[Row]]:
    """The rows of each public source that is never learned from, for judging only. Needs and raises as `public`."""
    return {file.stem: _read(file) for file in _sources(folder) if file.stem in LEFT_OUT}


def _sources(folder: Path) -> list[Path]:
    files = sorted((folder / "train").glob("*.parquet"))
    if not files:
        raise FileNotFoundError(f"{folder / 'train'} holds no *.parquet files: see docs/data.md")
    return files


def _read(file: Path) -> list[Row]:
    import pyarrow.parquet as parquet

    table, rows = parquet.read_table(file), []
    if lacking := {"text", "context", *(category.value for category in CATEGORIES)} - set(table.column_names):
        raise ValueError(f"{file} lacks the columns {', '.join(sorted(lacking))}: see docs/data.md")
    for number, given in enumerate(table.to_pylist()):
        labels = tuple(UNKNOWN if given[c.value] is None else int(given[c.value]) for c in CATEGORIES)
        text, about = given["text"], given["context"] or ""
        comment, post = normalise(text).text, normalise(about).text
        rows.append(Row(f"{file.stem}/{number}", text, about, comment, post, labels, False, "public", "train"))
    return rows


def _weight(row: Row, known: Counter[tuple[int, int]]) -> float:
    """The rarer a row's rarest label, the more it counts; a yes counts twice."""
    shares = [(1 + label) / known[column, label] for column, label in enumerate(row.labels) if label != UNKNOWN]
    return max(shares, default=0.0)


def fingerprint(files: Iterable[Path]) -> str:
    """16 hex digits over the files' names and bytes: which data a model saw."""
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(file.name.encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:16]
