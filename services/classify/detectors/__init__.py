"""
Detectors: deterministic rules that find evidence in a comment's text, beside the model.

* A detector is pure: the same comment and settings give the same evidence. Only `floods` remembers.
* Evidence that is not certain has a source of `shared.decision.ONLY_PROPOSES`; its score only ranks it for a person.
* Evidence points into the original text. Its words never quote the comment: they may go into a reason, and a reason
  is logged and sent (A.10).
* Work grows linearly with the text. `Sample` bounds how much of a text is looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.categories import Category
from shared.events import Span

LONGEST = 20_000
"""Characters of a text that are judged: twice the longest comment of any platform."""


@dataclass(frozen=True)
class Sample:
    """
    What is judged: a comment's text, the post that it answers (None when not known), the links it carries.

    ``subject`` and ``time`` (of its arrival, UTC) are known for a live comment; only `floods` reads them.
    """

    text: str
    post: str | None = None
    links: tuple[str, ...] = ()
    subject: str | None = None
    time: datetime | None = None


@dataclass(frozen=True)
class Evidence:
    """
    What a detector saw.

    ``score`` is in 0 to 1, comparable with the model's probabilities. ``source`` names the detector, and tells what is
    certain from what is for a person to judge (`shared.decision.ONLY_PROPOSES`). ``spans`` are character offsets of the
    original text, and may be empty where the evidence is an attachment. ``detail`` is a sentence in plain words.
    ``matches`` are the subjects of other comments that it rests on.
    """

    category: Category
    score: float
    source: str
    spans: tuple[Span, ...]
    detail: str
    matches: tuple[str, ...] = ()


Detector = Callable[[Sample], Sequence[Evidence]]
"""Looks at one comment; gives what it found, or nothing."""
