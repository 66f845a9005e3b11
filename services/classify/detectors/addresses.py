"""
Web addresses in a text, as people write them: plain, without a scheme, or spelled out to slip past a filter.

Three questions are kept apart. linkify-it-py finds what looks like an address, the public suffix list (shipped with
the package, no network) tells whether its ending exists, and the rules here tell an address from a sentence whose
writer forgot the space after a full stop:

* A scheme, `www.`, a path, or three labels make an address of any ending that exists.
* A bare `name.com` is one when its ending is no word (`STRONG`, and most endings of two letters).
* A bare `name.shop`, whose ending is an English word, needs a sign: a digit or hyphen in the name, a word before it
  such as "visit", or nothing after it. It is called likely, not certain.
* `job.It`, `etc.so`, `Norfolk.VA`, `report.zip`, `e.g.`, `2.0.1` and `@j.doe.co` are none. Neither is an e-mail
  address.

Nothing is resolved or fetched.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from urllib.parse import urlsplit

import idna
from linkify_it import LinkifyIt
from publicsuffixlist import PublicSuffixList


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


STRONG = _words(
    "com net org gov edu mil info biz xyz icu app dev io co uk ca us.com eu tv cc ly gg gl ee ws ru cn jp kr br mx "
    "au nz fr nl pl cz ch ie fi dk hu ro gr tr ua za tw hk sg th vn ph pk ng ke pw tk cf gq ai fm example"
)
"""Endings that are no words: seen after a name, they make it an address."""

WORDS = _words(
    # Words of English and Spanish, and states of the USA, that are also endings of two letters.
    "ad ag al am ar as at az be by de do er es fm ga id il im in is it ky la lo ma md me mn mo mr ms mt mu my nc ne "
    "no nu om pa pm ps re sc sd se sh si sk so st su td tm tn to ug us va ve vi"
)
FILE_ENDINGS = _words("py sh zip mov pl md rs ps ai so")
RESERVED = frozenset({"example"})
"""Set aside for examples by RFC 2606: not in the list of suffixes, and used in this product's documents."""

ABBREVIATIONS = _words(
    "lt sgt st dr mr mrs ms jr sr vs etc inc no fig gen col capt ofc atty dept approx govt ave blvd rd"
)
SPELLED_ENDINGS = "com|net|org|info|biz|co|io|xyz|icu|app|tv|ly|me|gg|ru|cn|shop|store|online|site|club|top|vip|link"
SPELLED_WORDS = "live|fun|cam|date|stream|lol|cc|to|tk|win|bet|download|world|click|page|news|today"
"""Endings that are words: after a spelled-out dot they count where the name is long enough to be none ("polka dot")."""
_CUE = re.compile(
    r"(?:\b(?:visit|at|on|see|go to|check out|check|join|from|via|link|site|website|page|order|buy|try|www)\W{0,3})$",
    re.IGNORECASE,
)
_NOT_A_NAME = _words("the a an old big new this that polka every of red green blue black white pink last")


class Written(StrEnum):
    """How sure an address is: as a program would write it, only likely one, or spelled out to slip past a filter."""

    PLAIN = "plain"
    LIKELY = "likely"
    SPELLED = "spelled"


@dataclass(frozen=True)
class Address:
    """
    ``host`` in lower case without ``www.``, in ASCII; ``path`` from its first ``/``; offsets in the text
    searched.
    """

    host: str
    path: str
    start: int
    end: int
    written: Written


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList(accept_unknown=False, only_icann=True)


@cache
def _linkify() -> LinkifyIt:
    suffixes = _suffixes()
    endings = {suffix.rpartition(".")[2] for suffix in suffixes._publicsuffix} | RESERVED
    finder = LinkifyIt(options={"fuzzy_link": True, "fuzzy_email": True, "fuzzy_ip": False})
    return finder.tlds(sorted(ending for ending in endings if ending.isalnum()))


def registered_domain(host: str) -> str | None:
    """The part of ``host`` that somebody registered, such as ``shop.co.uk``; None when its ending does not exist."""
    if host.rpartition(".")[2] in RESERVED:
        return ".".join(host.split(".")[-2:]) if "." in host else None
    return _suffixes().privatesuffix(host)


def split_url(url: str) -> tuple[str, str] | None:
    """Host and path of an address with or without a scheme; None when it has no host that can exist."""
    try:
        parts = urlsplit(url if "//" in url else f"//{url}")
        host = (parts.hostname or "").rstrip(".").removeprefix("www.")
    except ValueError:
        return None
    if not host.isascii():
        try:
            host = idna.encode(host, uts46=True).decode()
        except idna.IDNAError:
            return None
    if registered_domain(host) is None and not re.fullmatch(r"\d{1,3}(?:\.\d{1,3}){3}", host):
        return None
    return host, parts.path


def addresses(text: str) -> list[Address]:
    """Every address in ``text``, in order, without overlaps. ``text`` is plain (`plain.py`)."""
    found: list[Address] = []
    end = 0
    for address in sorted([*_written(text), *_spelled(text)], key=lambda item: (item.start, -item.end)):
        if address.start >= end:
            found.append(address)
            end = address.end
    return found


def _written(text: str) -> Iterator[Address]:
    """What a program would make a link of, and sentences without a space sorted out."""
    for match in _linkify().match(text) or ():
        if match.schema == "mailto:" or text[max(0, match.index - 1) : match.index] == "@":
            continue
        split = split_url(match.url)
        if split is None:
            continue
        certain = bool(match.schema) or match.raw.lower().startswith("www.") or "/" in match.raw
        written = Written.PLAIN if certain else _judge_bare(text, match.index, match.last_index)
        if written:
            yield Address(*split, match.index, match.last_index, written)


def _judge_bare(text: str, start: int, end: int) -> Written | None:
    """Tell an address without scheme and path from two sentences without a space between them."""
    raw = text[start:end].partition(":")[0]
    name, _, ending = raw.rpartition(".")
    low_ending, low_name = ending.lower(), name.lower()
    if low_name in ABBREVIATIONS or (len(name) < 2 and low_ending not in ("com", "net", "org")):
        return None
    if "." in name and len(max(name.split("."), key=len)) > 1:
        return Written.PLAIN if low_ending not in FILE_ENDINGS else None
    marked = bool(re.search(r"[0-9-]", name))
    capital = ending[0].isupper() and not name.isupper()
    if len(ending) == 2 and capital:
        return None
    if low_ending in STRONG - FILE_ENDINGS or not ending.isascii():
        return Written.PLAIN
    if low_ending in FILE_ENDINGS or (capital and not marked):
        return None
    if low_ending in WORDS:
        return Written.LIKELY if marked else None
    after = text[end : end + 2].strip(" \n\t.,!?)\"'")
    if len(ending) == 2 or marked or not after or _CUE.search(text[max(0, start - 24) : start]):
        return Written.LIKELY
    return None


_BRACKETED = re.compile(
    r"(?<![\w@.-])((?:[a-z0-9-]{1,63}\s{0,2}[\[({<]\s?(?:\.|dot|punto)\s?[\])}>]\s{0,2}){1,4})([a-z]{2,24})\b(/\S{0,200})?",
    re.IGNORECASE,
)
_DOTTED = re.compile(
    rf"(?<![\w@.-])([a-z0-9][a-z0-9-]{{1,62}})(?:\s+(?:dot|d0t|punto)\s+|\s+\.\s*|\s*\.\s+|,)({SPELLED_ENDINGS}|{SPELLED_WORDS})\b(/\S{{0,200}})?",
    re.IGNORECASE,
)
_BROKEN_SCHEME = re.compile(
    r"\bh(?:xx|\*\*|\+\+|__)ps?\s?(?::|\[:\])\s?//\s?([^\s/]{4,253})(/\S{0,200})?", re.IGNORECASE
)
_STOP = re.compile(r"\s*[\[({<]?\s*(?:\.|\bdot\b|\bd0t\b|\bpunto\b|,)\s*[\])}>]?\s*", re.IGNORECASE)
_SPELLED_MAIL = re.compile(r"(?:[\[({]\s?at\s?[\])}]|@)\s?$|\be-?mail\b.{0,30}\bat\s$", re.IGNORECASE)


def _spelled(text: str) -> Iterator[Address]:
    """Addresses that no program links but every reader understands: ``shop dot com``, ``shop[.]com``, ``hxxp://``."""
    for match in _BROKEN_SCHEME.finditer(text):
        yield from _address_of(match.group(1), match.group(2), match)
    for pattern in (_BRACKETED, _DOTTED):
        for match in pattern.finditer(text):
            if _SPELLED_MAIL.search(text[max(0, match.start() - 48) : match.start()]):
                continue
            if pattern is _DOTTED and not _deliberate(match):
                continue
            yield from _address_of(match.group(1) + "." + match.group(2), match.group(3), match)


def _deliberate(match: re.Match[str]) -> bool:
    """Tell ``shop dot com`` and ``shop . com`` from ``the dot com boom`` and from a list such as ``gov,com``."""
    name, ending = match.group(1).lower(), match.group(2)
    joint = match.string[match.end(1) : match.start(2)]
    if name in _NOT_A_NAME or name.isdigit():
        return False
    if joint.strip().lower() in ("dot", "d0t", "punto"):
        return ending.lower() not in SPELLED_WORDS.split("|") or len(name) > 5
    # A stop or comma with a space may end a sentence: only endings that begin none, in small letters.
    return ending in ("com", "net", "org") and len(name) > 3 and name not in ABBREVIATIONS


def _address_of(spelled: str, path: str | None, match: re.Match[str]) -> Iterator[Address]:
    host = re.sub(r"\.{2,}", ".", _STOP.sub(".", spelled)).strip(".")
    split = split_url(host + (path or ""))
    if split:
        yield Address(*split, match.start(), match.end(), Written.SPELLED)
