"""
A comment's text as the model reads it: disguises undone, meaning kept. Training and serving share this file.

What is undone: compatibility forms (NFKC), look-alike letters of other scripts, zero-width and control characters,
digits and signs inside words ("sh1t", "@ss", "b!tch"), starred letters ("f*ck"), letters spaced or dotted apart
("f u c k"), long repeats ("sooooo"), and addresses reduced to their site and words. What is kept: case, punctuation,
emoji, numbers, handles ("@maria"), accents of Spanish.

The original is what is stored and shown: `Normalised.offsets` leads from each character back to it.

Normalising twice changes nothing more. Nothing here raises.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass

from services.classify.lexicon import LEET, MASKED, SPACED, holds_word, joined, unmasked

LOOK_ALIKES = str.maketrans(
    {
        **dict(zip("АВЕЅІЈКМНОРСТУХаеѕіјорсухԁӏ", "ABESIJKMHOPCTYXaesijopcyxdl", strict=True)),
        **dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧαιονρυ", "ABEZHIKMNOPTYXaiovpu", strict=True)),
        **dict(zip("ɑɡıʟʀᴀᴄᴅᴇᴊᴋᴍᴏᴘᴛᴜᴠᴡᴢ", "agiLRACDEJKMOPTUVWZ", strict=True)),
        "’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "…": "...",
    }
)  # fmt: skip
"""Letters of other scripts that look like Latin ones, and typographic marks."""

ADDRESS = re.compile(r"\b(?:https?://|www\.)\S+", re.IGNORECASE)
LEET_WORD = re.compile(
    r"(?<![\w@$#./:-])(?=[\w@$]*[A-Za-z][\w@$]*)[A-Za-z$][A-Za-z013457@$]+[A-Za-z013457$](?![\w@$./:-])"
)
REPEATED = re.compile(r"([^\W\d_]|[!?.,~-])\1{2,}")
STARRED = re.compile(r"\*{4,}")
BLANKS = re.compile(r"\s+")
INVISIBLE = frozenset("\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180e\u3164\uffa0")
JOINER = "\u200d"
"""Part of many emoji: kept there."""


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
    # Undoing one disguise can uncover another; three rounds are enough for all that the property tests found.
    for _ in range(3):
        before = [piece for piece, _ in pieces]
        pieces = _replace(pieces, ADDRESS, _address)
        pieces = _replace(pieces, SPACED, _joined)
        pieces = _replace(pieces, MASKED, lambda found: unmasked(found) or found)
        pieces = _replace(pieces, LEET_WORD, _letters)
        pieces = _replace(pieces, STARRED, lambda _: "***")
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
        for plain in unicodedata.normalize("NFKC", char).translate(LOOK_ALIKES):
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
    """The site, and the words of the path: what a reader sees in a link."""
    site, _, path = re.sub(r"^(?:https?://)?(?:www\.)?", "", found, flags=re.IGNORECASE).partition("/")
    words = re.findall(r"[A-Za-z]{3,20}", path)[:4]
    return " ".join([f"link {site.lower()}", *words]) if site else "link"


def _joined(found: str) -> str:
    """Letters set apart by dots, or by blanks where a disguised word comes out; a list of letters stays a list."""
    word = joined(found)
    spelled = len(word) >= 6 and not word.isupper()
    return word if spelled or " " not in found or holds_word(word) else found


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
