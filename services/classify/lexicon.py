"""
Words that people disguise, and the way back from a disguise: "f*ck", "sh!t", "@ss", "b1tch", "f u c k", "biiitch".

A disguise is undone only where it leads to a word of this list, so that a handle ("@maria"), a grade ("A B C D") or an
exclamation ("wow!that") stays what it is. The list says nothing of what is allowed: the model and the detectors do.

Everything here is pure, and bounded by the length of one word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from functools import lru_cache
from itertools import product


class Kind(StrEnum):
    """What a word of the list is."""

    STRONG = "strong"
    """Vulgar by itself (A.11.b)."""
    SLUR = "slur"
    """Names a protected group to demean it (A.11.c); it may be quoted to condemn it."""
    OTHER = "other"
    """Mild, or of a subject that filters look for; disguised as often, and harmless by itself."""


_STRONG = """
fuck fucks fucked fucker fuckers fuckin fucking fuckface fuckwit motherfucker motherfuckers motherfucking clusterfuck
shit shits shitty shitted shitting shithead shitheads shithole shitshow bullshit dipshit horseshit shitbag shitbags
bitch bitches bitchy bitching bitchass cunt cunts asshole assholes asshat asshats dumbass dumbasses jackass jackasses
fatass badass ass asses dick dicks dickhead dickheads cock cocks cocksucker cocksuckers prick pricks pussy pussies twat
twats wanker wankers whore whores slut sluts douche douchebag douchebags
"""
_SLURS = """
nigger niggers nigga niggas faggot faggots fag fags spic spics kike kikes chink chinks gook gooks wetback wetbacks
tranny trannies retard retards retarded raghead ragheads dyke dykes towelhead beaner beaners
"""
_OTHER = """
damn damned goddamn goddamned hell crap crappy piss pissed kill kills killed killing killer murder die shoot sex sexy
porn porno nude nudes naked rape rapist drugs weed coke cocaine meth heroin suicide dead stupid idiot
"""

LEXICON: dict[str, Kind] = {
    **dict.fromkeys(_OTHER.split(), Kind.OTHER),
    **dict.fromkeys(_SLURS.split(), Kind.SLUR),
    **dict.fromkeys(_STRONG.split(), Kind.STRONG),
}
"""Each word, in lower case, with its kind."""

LEET = {"0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "7": "t", "@": "a", "$": "s"}
"""Digits and signs that stand for a letter inside a word."""

MASKED = re.compile(r"(?<![\w@$!*#&+/.-])[A-Za-z@$5](?:[A-Za-z0-9@$!*#]|¡(?=¡*[A-Za-z])){1,19}(?![\w@$*#&+/])")
"""A run that may be a disguised word: it begins with a letter or what stands for one."""

SPACED = re.compile(r"(?<!\w)(?:[A-Za-z][ .\-_]){3,}[A-Za-z](?!\w)")
"""Four letters or more that are set apart."""

_SIGNS = str.maketrans({**LEET, "!": "i", "¡": "i"})
_STARS = re.compile(r"[*#]+")
_RUN = re.compile(r"([^\d*#])\1{2,}", re.IGNORECASE)
_MOST_RUNS = 4
_BY_ONE_LETTER = ("fuck", "shit", "bitch")
"""What "f***", "s***" and "b****" are read as."""
_LONGEST = max(map(len, LEXICON))


def unmasked(found: str) -> str | None:
    """
    The word of `LEXICON` behind ``found`` (one run of `MASKED`), in its case; None where there is none or no disguise.

    A star stands for one letter; a run of stars for one or more where two letters are shown. Marks at the end that only
    end a sentence are no part of it: the caller gets the word without them.
    """
    core = found.rstrip("!")
    if core.isalpha() or len(core) < 3 or (core.isupper() and core.isalnum()):
        return None
    word = _word(core.lower())
    if word is None:
        return None
    letters = [char for char in core if char.isalpha()]
    shouted = letters and all(char.isupper() for char in letters) and len(letters) > 1
    return (word.upper() if shouted else word) + found[len(core) :]


@lru_cache(maxsize=4096)
def _word(core: str) -> str | None:
    return next((word for form in (core, *_shorter(core)) if (word := _behind(form))), None)


def _behind(core: str) -> str | None:
    plain = core.translate(_SIGNS)
    if plain.isalpha():
        return plain if plain in LEXICON else None
    if not plain[0].isalpha():
        return None
    shown = sum(char.isalpha() for char in plain)
    exact = _matching(_STARS.sub(lambda stars: "[a-z]" * len(stars.group()), plain))
    if shown < 2:
        return next((word for word in exact if word in _BY_ONE_LETTER), None)
    found = exact or _matching(_STARS.sub("[a-z]+", plain))
    return found[0] if found else None


def _matching(pattern: str) -> list[str]:
    """Words that fit, strong ones first, short ones first."""
    order = list(Kind)
    fitting = [word for word in LEXICON if re.fullmatch(pattern, word)]
    return sorted(fitting, key=lambda word: (order.index(LEXICON[word]), len(word), word))


def kind_of(word: str) -> Kind | None:
    """What ``word`` is, letters repeated thrice or more left out; None where it is not in `LEXICON`."""
    return LEXICON.get(word.lower()) or LEXICON.get((shortened(word) or "").lower())


def shortened(word: str) -> str | None:
    """The word of `LEXICON` in which each run of three or more ("biiitch") is one letter or two; None without one."""
    return next((form for form in _shorter(word) if form.lower() in LEXICON), None)


def _shorter(word: str) -> Iterator[str]:
    """``word`` with one letter or two for each run, one first."""
    runs = list(_RUN.finditer(word))
    if not 0 < len(runs) <= _MOST_RUNS:
        return
    for lengths in product((1, 2), repeat=len(runs)):
        form, done = "", 0
        for run, length in zip(runs, lengths, strict=True):
            form += word[done : run.start() + length]
            done = run.end()
        yield form + word[done:]


def joined(spaced: str) -> str:
    """The letters of one run of `SPACED`."""
    return re.sub(r"[ .\-_]", "", spaced)


def holds_word(text: str) -> bool:
    """Whether a word of the list with four letters or more stands in ``text``, which is letters without blanks."""
    lowered = text.lower()
    return any(
        lowered[start : start + length] in LEXICON
        for length in range(4, min(_LONGEST, len(lowered)) + 1)
        for start in range(len(lowered) - length + 1)
    )
