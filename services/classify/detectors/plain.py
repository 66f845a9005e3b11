"""
A text without what only hides it: invisible characters dropped, wide and styled ones made plain, with the way back.

This is less than `normalise.py` does for the model: letters, case, spaces and every visible sign stay, since a detector
reads addresses and numbers, where each sign counts.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from services.classify.detectors import LONGEST
from shared.events import Span

_STOPS = {"。": ".", "｡": ".", "․": ".", "⁄": "/", "∕": "/"}


@dataclass(frozen=True)
class PlainText:
    """``text`` is what to search; ``origin[i]`` is where its character i stands in the original."""

    text: str
    origin: tuple[int, ...]

    def span(self, start: int, end: int) -> Span:
        """The stretch of the original that ``text[start:end]`` came from; ``start < end``."""
        return Span(start=self.origin[start], end=self.origin[end - 1] + 1)


def plain(original: str) -> PlainText:
    """Make the first `LONGEST` characters of ``original`` plain. ASCII text comes back as it is."""
    original = original[:LONGEST]
    if original.isascii():
        return PlainText(original, tuple(range(len(original))))
    letters: list[str] = []
    origin: list[int] = []
    for index, letter in enumerate(original):
        for plain_letter in _plain_letters(letter):
            letters.append(plain_letter)
            origin.append(index)
    return PlainText("".join(letters), tuple(origin))


def _plain_letters(letter: str) -> str:
    if letter.isascii():
        return letter
    if unicodedata.category(letter) in ("Cf", "Mn", "Me"):
        # Accents that stand alone are dropped too: they break up a word for a reader of bytes, not for a person.
        return ""
    return _STOPS.get(letter) or unicodedata.normalize("NFKC", letter)
