"""
Masked vulgar words: signs, digits or blanks in place of letters ("sh!t", "f**k", "b 1 t c h").

Only disguises are found here. A word written plainly is the model's to judge, in its context; so is a masked slur,
which people also write to report or to condemn it.

A mask is certain where two letters or more are shown, each star stands for one letter, and no word that is mild or
harmless by itself fits too. Any other reading ("s***", "a55", "p*ck") is likely: it never hides, and a person judges.

Policy: A.11.b (vulgar language).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from services.classify.detectors import Evidence, Sample
from services.classify.detectors.plain import PlainText, plain
from services.classify.lexicon import LEET, LEXICON, MASKED, SPACED, Kind, joined, unmasked
from shared.categories import Category

SOURCE, LIKELY_SOURCE = "masked_profanity", "likely_profanity"
"""The second never hides (`shared.decision.ONLY_PROPOSES`)."""
CERTAIN, LIKELY = 0.9, 0.8
"""Sure enough to count beside the model."""
FEWEST_SHOWN = 2
"""Letters that a certain mask leaves to be seen."""

_STAR = re.compile(r"[*#]")
_SIGNS = str.maketrans({**LEET, "!": "i"})


def masked_profanity(sample: Sample) -> Sequence[Evidence]:
    """The detector: one piece of evidence for all masked words, with a span for each; the surest gives its source."""
    text = plain(sample.text)
    places = [
        (text.span(start, end), certain)
        for start, end, word, certain in _disguised(text)
        if LEXICON.get(word) is Kind.STRONG
    ]
    if not places:
        return ()
    certain = any(sure for _, sure in places)
    return (
        Evidence(
            category=Category.VULGAR,
            score=CERTAIN if certain else LIKELY,
            source=SOURCE if certain else LIKELY_SOURCE,
            spans=tuple(sorted((span for span, _ in places), key=lambda span: span.start)),
            detail=f"It {'masks' if certain else 'appears to mask'} a vulgar word with signs, digits or blanks in place"
            " of letters.",
        ),
    )


def _disguised(text: PlainText) -> Iterator[tuple[int, int, str, bool]]:
    """Each disguise with the word behind it, in lower case, and whether that word is certain."""
    for match in MASKED.finditer(text.text):
        word = unmasked(match.group())
        if word:
            disguise = match.group().rstrip("!")
            yield match.start(), match.start() + len(disguise), word.rstrip("!").lower(), _is_certain(disguise.lower())
    for match in SPACED.finditer(text.text):
        yield match.start(), match.end(), joined(match.group()).lower(), True


@lru_cache(maxsize=4096)
def _is_certain(disguise: str) -> bool:
    """Whether enough letters are shown, and what stars hide, one letter each, makes only vulgar words of the list."""
    if sum(map(str.isalpha, disguise)) < FEWEST_SHOWN:
        return False
    pattern, stars = _STAR.subn("[a-z]", disguise.translate(_SIGNS))
    return not stars or {kind for word, kind in LEXICON.items() if re.fullmatch(pattern, word)} == {Kind.STRONG}
