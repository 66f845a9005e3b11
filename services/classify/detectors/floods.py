"""
Floods: comments that repeat others of the last hour nearly word for word, across posts and accounts.

Many people saying one thing is speech. So this detector only ever proposes (`shared.decision.ONLY_PROPOSES`), and it
tells which comments are alike, for a person to judge.

Unlike the other detectors it remembers: a window of sketches, bounded in number and in time, and the evidence that it
gave last, bounded in number. What follows from that:

* The first copies of a flood are not found, only those that come when enough others are in the window.
* Each process of classify sees the comments of its own partitions, and begins with an empty window after a start.
* A comment never matches itself. In the window stands only its latest text that is long enough.
* A repeat changes nothing: a text of a comment, also one that was edited since, has the evidence of its first arrival,
  as long as that is kept. Later, and while it stands in the window, it is compared with what came before it.

Policy: A.11.i (spam).
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from services.classify.detectors import Evidence, Sample
from services.classify.normalise import normalise
from shared.categories import Category

SOURCE = "flood"
SCORE = 0.6
FEWEST_WORDS = 6
"""Shorter texts repeat by nature: "thank you officers"."""
SKETCH = 24
"""Shingles that are kept of a text: those with the lowest hashes."""
ALIKE = 0.5
"""Share of the lowest shingles of both texts together that both hold, from which on two texts are copies."""
MOST_MATCHES = 20
"""Matches that the evidence lists, the latest first."""
MOST_COMPARED = 200
"""Comments of one shingle that are compared, the latest of those before: the work for a comment is bounded."""
WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class _Entry:
    subject: str
    time: datetime
    sketch: tuple[int, ...]


class Floods:
    """
    The detector with its window; not to be shared between threads.

    ``copies``: how many other comments must be alike. ``window``: by the time at which comments reached us.
    ``capacity``: most comments in the window, and most texts whose evidence is kept; the oldest leave first.
    """

    def __init__(self, *, copies: int = 4, window: timedelta = timedelta(hours=1), capacity: int = 5000) -> None:
        self._copies, self._window, self._capacity = copies, window, capacity
        self._entries: OrderedDict[int, _Entry] = OrderedDict()
        self._numbers: dict[str, int] = {}
        self._holders: dict[int, list[int]] = {}
        self._given: OrderedDict[tuple[str, tuple[int, ...]], tuple[Evidence, ...]] = OrderedDict()
        self._next = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __call__(self, sample: Sample) -> Sequence[Evidence]:
        """One piece of evidence when enough others are alike. A sample without subject or time is not looked at."""
        if not sample.subject or sample.time is None:
            return ()
        sketch = sketch_of(sample.text)
        if not sketch:
            return ()
        given = self._given.get((sample.subject, sketch))
        if given is None:
            given = self._given[sample.subject, sketch] = self._judge(sample.subject, sample.time, sketch)
            if len(self._given) > self._capacity:
                self._given.popitem(last=False)
        return given

    def _judge(self, subject: str, time: datetime, sketch: tuple[int, ...]) -> tuple[Evidence, ...]:
        """Compare with what came before, and remember."""
        self._forget(time - self._window)
        known = self._numbers.get(subject)
        repeated = known is not None and self._entries[known].sketch == sketch
        alike = self._alike(subject, time, sketch, known if repeated and known is not None else self._next)
        if not repeated:
            self._remember(subject, time, sketch)
        if len(alike) < self._copies:
            return ()
        return (
            Evidence(
                category=Category.SPAM_LINKS,
                score=SCORE,
                source=SOURCE,
                spans=(),
                detail=f"It repeats {len(alike)} other recent comments nearly word for word.",
                matches=tuple(alike[:MOST_MATCHES]),
            ),
        )

    def _alike(self, subject: str, time: datetime, sketch: tuple[int, ...], before: int) -> list[str]:
        """Other subjects whose text is a copy that came earlier, the latest first."""
        sharing: set[int] = set()
        for shingle in sketch:
            holders = self._holders.get(shingle, [])
            end = bisect_left(holders, before)
            sharing.update(holders[max(0, end - MOST_COMPARED) : end])
        return [
            entry.subject
            for entry in (self._entries[number] for number in sorted(sharing, reverse=True))
            if entry.subject != subject
            and abs(time - entry.time) <= self._window
            and similarity(sketch, entry.sketch) >= ALIKE
        ]

    def _remember(self, subject: str, time: datetime, sketch: tuple[int, ...]) -> None:
        number, self._next = self._next, self._next + 1
        earlier = self._numbers.get(subject)
        if earlier is not None:
            self._drop(earlier)
        self._entries[number], self._numbers[subject] = _Entry(subject, time, sketch), number
        for shingle in sketch:
            self._holders.setdefault(shingle, []).append(number)
        while len(self._entries) > self._capacity:
            self._drop(next(iter(self._entries)))

    def _forget(self, since: datetime) -> None:
        """Drop what is older, from the front: arrival is nearly in the order of time."""
        while self._entries and next(iter(self._entries.values())).time < since:
            self._drop(next(iter(self._entries)))

    def _drop(self, number: int) -> None:
        entry = self._entries.pop(number)
        del self._numbers[entry.subject]
        for shingle in entry.sketch:
            holders = self._holders[shingle]
            del holders[bisect_left(holders, number)]
            if not holders:
                del self._holders[shingle]


def sketch_of(text: str) -> tuple[int, ...]:
    """
    The lowest hashes of the text's shingles, ascending; empty for a short text. Pure.

    A shingle is two words that stand side by side or with one between them: a word that was replaced or left out costs
    four of them, so a dozen words still have most in common.
    """
    words = WORD.findall(normalise(text).text.lower())[:400]
    if len(words) < FEWEST_WORDS:
        return ()
    shingles = {f"{one} {other}" for one, other in pairwise(words)}
    shingles |= {f"{one} * {other}" for one, other in zip(words, words[2:], strict=False)}
    hashes = {int.from_bytes(hashlib.blake2b(item.encode(), digest_size=8).digest()) for item in shingles}
    return tuple(sorted(hashes)[:SKETCH])


def similarity(one: Sequence[int], other: Sequence[int]) -> float:
    """How much two sketches have in common, 0 to 1: an estimate of the Jaccard index of their shingles."""
    first, second = set(one), set(other)
    lowest = sorted(first | second)[:SKETCH]
    return sum(shingle in first and shingle in second for shingle in lowest) / len(lowest)
