"""
A comment's text as the model reads it: disguises undone, meaning kept. Training and serving share this file.

What is undone: compatibility forms (NFKC), letters in boxes, look-alike letters of other scripts, zero-width and
control characters, digits and signs inside words ("sh1t", "@ss", "b!tch"), starred letters ("f*ck"), letters spaced or
dotted apart ("f u c k"), long repeats ("sooooo", "biiitch"), and addresses reduced to their site and words. What is
kept: case, punctuation, emoji, numbers, handles ("@maria"), e-mail addresses, accents of Spanish, other scripts.

* A word that mixes scripts becomes Latin where all of it can. A word of another script does where that gives a word of
  the lexicon, or where no word of the comment is surely of another script: Russian and Greek stay as they are.
* An accent goes only where a vulgar word or a slur comes out ("fück").
* An address without a scheme is reduced where it has a port or a query; a bare site and its path are words already.

The original is what is stored and shown: `Normalised.offsets` leads from each character back to it.

Normalising twice changes nothing more. Nothing here raises.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from confusable_homoglyphs import categories, confusables

from services.classify.lexicon import LEET, MASKED, SPACED, Kind, holds_word, joined, kind_of, shortened, unmasked

LOOK_ALIKES = {
    **dict(zip("АВЕЅІЈКМНОРСТУХаеѕіјорсухԁӏ", "ABESIJKMHOPCTYXaesijopcyxdl", strict=True)),
    **dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧαιονρυ", "ABEZHIKMNOPTYXaiovpu", strict=True)),
}
"""Letters of other scripts that look like Latin ones; `confusable_homoglyphs` knows the others."""
ROUGHLY_ALIKE = dict(zip("квмнптц", "kbmhntu", strict=True))
"""Letters that pass for Latin ones only beside them, and only where a word of the lexicon comes out."""

BOXES = {
    **{chr(0x249C + i): chr(97 + i) for i in range(26)},
    **{chr(first + i): chr(65 + i) for first in (0x1F110, 0x1F150, 0x1F170) for i in range(26)},
}
"""Letters in brackets, dark circles and dark squares. Those that are emoji (blood groups, car parks) need a word."""
UNSURE_BOXES = "".join(box for box in BOXES if box in "🅰🅱🅾🅿" or unicodedata.decomposition(box))
PLAIN_SIGNS = str.maketrans(
    {
        **dict(zip("ɑɡıʟʀᴀᴄᴅᴇᴊᴋᴍᴏᴘᴛᴜᴠᴡᴢʙɢʜɪɴʏꜰꜱ", "agiLRACDEJKMOPTUVWZBGHINYFS", strict=True)),
        **{box: letter for box, letter in BOXES.items() if box not in UNSURE_BOXES},
        "’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "…": "...",
    }
)  # fmt: skip
"""Small capitals and boxes, which spell no language, and typographic marks."""

ADDRESS = re.compile(
    r"\b(?:https?://|www\.)\S+"
    r"|(?<![\w@.:/-])(?:[\w.%+-]{1,64}:[^\s@/]{1,64}@)?(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24}"
    r"(?:(?::\d{4,5}(?![\w:])|:\d{2,5}(?=/))(?:[/?#]\S*)?|(?:/[^\s?]*)?\?[^\s=?]*=\S*)",
    re.IGNORECASE,
)
FOREIGN = re.compile(r"(?<![^\W\d_])[A-Za-z]*(?![A-Za-z])[^\W\d_]+")
"""A word with a letter beyond ASCII."""
BOXED = re.compile(rf"(?<![A-Za-z])[A-Za-z]*(?:[{UNSURE_BOXES}]\ufe0f?[A-Za-z]*)+")
LEET_WORD = re.compile(
    r"(?<![\w@$#./:-])(?=[\w@$]*[A-Za-z][\w@$]*)[A-Za-z$][A-Za-z013457@$]+[A-Za-z013457$](?![\w@$./:-])"
)
DRAWN_OUT = re.compile(r"(?<![^\W\d_])[^\W\d_]*([^\W\d_])\1{2,}[^\W\d_]*", re.IGNORECASE)
REPEATED = re.compile(r"([^\W\d_]|[!?.,~-])\1{2,}")
STARRED = re.compile(r"\*{4,}")
BLANKS = re.compile(r"\s+")
INVISIBLE = frozenset("\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180e\u3164\uffa0")
JOINER = "\u200d"
"""Part of many emoji: kept there."""
UNSEEN = re.compile(
    r"(?:(?<=[^\W\d_])|(?<!\S))[\u200d\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]+|(?<!\u200d)\u200d+(?=[^\W\d_])"
)
"""Joiners and variation selectors that change no emoji: beside a letter, or with nothing before them."""
NAMED = re.compile(r"LATIN (SMALL|CAPITAL) LETTER ([A-Z])(?: WITH .+)?")


@dataclass(frozen=True)
class Normalised:
    """``text`` for the model; ``offsets[i]`` is where its character ``i`` begins in the original of ``length``."""

    text: str
    offsets: tuple[int, ...]
    length: int

    def original_span(self, start: int, end: int) -> tuple[int, int]:
        """The stretch of the original that ``text[start:end]`` came from, the end excluded."""
        if not self.offsets or start >= len(self.offsets) or end <= start:
            return self.length, self.length
        last = self.offsets[min(end, len(self.offsets)) - 1]
        after = bisect_right(self.offsets, last)
        return self.offsets[start], self.offsets[after] if after < len(self.offsets) else self.length


def normalise(text: str) -> Normalised:
    """Undo disguises in ``text``. Pure; a repeat on its own result changes nothing."""
    pieces = _characters(text)
    # Undoing one disguise can uncover another; six rounds are more than the property tests needed.
    for _ in range(6):
        before = [piece for piece, _ in pieces]
        pieces = _in_latin(pieces)
        pieces = _replace(pieces, ADDRESS, _address)
        pieces = _replace(pieces, SPACED, _joined)
        pieces = _replace(pieces, MASKED, lambda found: unmasked(found) or found)
        pieces = _replace(pieces, LEET_WORD, _letters)
        pieces = _replace(pieces, STARRED, lambda _: "***")
        pieces = _replace(pieces, DRAWN_OUT, lambda found: shortened(found) or found)
        pieces = _replace(pieces, REPEATED, lambda found: found[:2])
        pieces = _strip(_replace(pieces, BLANKS, lambda _: " "))
        if [piece for piece, _ in pieces] == before:
            break
    return Normalised("".join(c for c, _ in pieces), tuple(at for _, at in pieces), len(text))


Piece = tuple[str, int]


def _characters(text: str) -> list[Piece]:
    """Each character in its plain form, with its place."""
    found: list[Piece] = []
    for place, char in enumerate(text):
        if char.isascii() and char.isprintable():
            found.append((char, place))
            continue
        if char.isspace():
            found.append((" ", place))
            continue
        if _invisible(char):
            continue
        for plain in char if char in UNSURE_BOXES else unicodedata.normalize("NFKC", char).translate(PLAIN_SIGNS):
            if not _invisible(plain):
                found.append((" " if plain.isspace() else plain, place))
    return _composed(found)


def _invisible(char: str) -> bool:
    return char in INVISIBLE or (char != JOINER and unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Cn"))


def _composed(pieces: list[Piece]) -> list[Piece]:
    """Join a letter and its accents; a heap of accents on one letter is a disguise and loses all but the first."""
    found: list[Piece] = []
    marks = 0
    for char, place in pieces:
        if unicodedata.combining(char) and found:
            marks += 1
            joined = unicodedata.normalize("NFC", found[-1][0] + char)
            if marks == 1 and len(joined) == 1:
                found[-1] = (joined, found[-1][1])
            continue
        marks = 0
        found.append((char, place))
    return found


def _unboxed(found: str) -> str:
    """The letters of boxes in a word; a lone bracketed letter, and an emoji by itself, stay."""
    letters = "".join(BOXES.get(char, char) for char in found if char != "\ufe0f")
    bracketed = sum(bool(unicodedata.decomposition(char)) for char in found)
    if bracketed > 1 or kind_of(letters) or re.search(r"[^A-Za-z][A-Za-z]", found):
        return letters
    return unicodedata.normalize("NFKC", found)


def _in_latin(pieces: list[Piece]) -> list[Piece]:
    """Latin letters for boxes and look-alikes, word by word."""
    if all(char.isascii() for char, _ in pieces):
        return pieces
    pieces = _replace(_replace(pieces, UNSEEN, lambda _: ""), BOXED, _unboxed)
    text = "".join(char for char, _ in pieces)
    words = [word for word in FOREIGN.findall(text) if "LATIN" not in _scripts(word)]
    prose = re.search("[A-Za-z]", text) is None or any(_passing(word) is None for word in words)
    return _replace(pieces, FOREIGN, lambda word: _latin(word, prose))


def _latin(word: str, prose: bool) -> str:
    """``word`` in Latin letters where it is a disguise. ``prose``: the comment is in another script, in part."""
    scripts = _scripts(word)
    if scripts == {"LATIN"}:
        rough = "".join(map(_rough_letter, word))
        return rough if kind_of(rough) in (Kind.STRONG, Kind.SLUR) else word
    plain, mixed = _passing(word), len(scripts) > 1
    if plain and (mixed or kind_of(plain) or not (prose or word.upper() == word.lower())):
        return plain
    rough = "".join(map(_rough_letter, word))
    return rough if mixed and kind_of(rough) else word


def _scripts(word: str) -> set[str]:
    return {_script(char) for char in word} - {"COMMON", "INHERITED"}


def _passing(word: str) -> str | None:
    """The Latin word that ``word`` passes for, letter by letter; None where a letter looks like no Latin one."""
    letters = [_letter(char) for char in word]
    return "".join(letter for letter in letters if letter) if all(letters) else None


@lru_cache(maxsize=4096)
def _script(char: str) -> str:
    return str(categories.alias(char))


@lru_cache(maxsize=4096)
def _letter(char: str) -> str | None:
    """The Latin letter that ``char`` looks like; a Latin letter is its own."""
    if _script(char) == "LATIN" or char in LOOK_ALIKES:
        return LOOK_ALIKES.get(char, char)
    for alike in _alike(char):
        if alike.isascii() and alike.isalpha() and len(alike) == 1:
            return "I" if alike == "l" and not char.islower() else alike
    return None


@lru_cache(maxsize=4096)
def _rough_letter(char: str) -> str:
    """The ASCII letter under the accents and strokes of ``char`` or of what it looks like; ``char`` where none is."""
    for alike in (char, _letter(char) or char, ROUGHLY_ALIKE.get(char, char), *_alike(char)):
        named = NAMED.fullmatch(unicodedata.name(alike[:1], ""))
        if named and not any(map(str.isalpha, alike[1:])):
            return named[2] if named[1] == "CAPITAL" else named[2].lower()
    return char


def _alike(char: str) -> list[str]:
    """What the table of the Unicode Consortium holds for look-alikes of ``char``, which is not Latin."""
    found = confusables.is_confusable(char, preferred_aliases=["latin"])
    return [alike["c"] for alike in found[0]["homoglyphs"]] if found else []


def _replace(pieces: list[Piece], pattern: re.Pattern[str], change: Callable[[str], str]) -> list[Piece]:
    """Replace every match; each new character points to its share of the old stretch."""
    text = "".join(char for char, _ in pieces)
    found: list[Piece] = []
    done = 0
    for match in pattern.finditer(text):
        new, (start, end) = change(match.group()), match.span()
        found += pieces[done:start]
        found += [(char, pieces[start + i * (end - start) // max(1, len(new))][1]) for i, char in enumerate(new)]
        done = end
    return found + pieces[done:] if done else pieces


def _address(found: str) -> str:
    """The site without credentials and port, and the words of the path: what a reader sees in a link."""
    site, *path = re.split(r"[/?#\\]", re.sub(r"^https?://", "", found, flags=re.IGNORECASE), maxsplit=1)
    site = re.sub(r"^www\.|:\d*(?=\W*$)", "", site.rpartition("@")[2], flags=re.IGNORECASE)
    words = re.findall(r"[A-Za-z]{3,20}", "".join(path))[:4]
    return " ".join([f"link {site.lower()}", *words]) if site else "link"


def _joined(found: str) -> str:
    """Letters set apart by dots, or by blanks where a disguised word comes out; a list of letters stays a list."""
    word = joined(found)
    spelled = len(word) >= 6 and not word.isupper()
    return word if spelled or " " not in found or holds_word(word) or shortened(word) else found


def _letters(found: str) -> str:
    """Letters for the digits and signs in a word; a number, a code in capitals or an ordinal stays."""
    if found.isalpha() or found.isupper():
        return found
    letters = sum(char.isalpha() for char in found)
    if letters < 2 or letters < len(found) / 2 or re.search(r"\d{2,}$|\d(?:st|nd|rd|th|am|pm|k|m)$", found):
        return found
    return "".join(LEET.get(char, char) for char in found)


def _strip(pieces: list[Piece]) -> list[Piece]:
    start, end = 0, len(pieces)
    while start < end and pieces[start][0] == " ":
        start += 1
    while end > start and pieces[end - 1][0] == " ":
        end -= 1
    return pieces[start:end]
