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
* After a scheme a host may be a number: browsers read `http://2130706433/` and `http://0x7f.1/` as IP addresses.
* A stop that is spelled (`dot`, `d o t`, `[.]`, `-dot-`), a bullet, a letter replaced (`c0m`), letters set apart, and
  `www name com` or `bit ly/x` make a spelled address. "The dot com boom", `Virginia DOT to close` and lists make none.

Nothing is resolved or fetched.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from urllib.parse import unquote, urlsplit

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


def is_public_suffix(host: str) -> bool:
    """Whether anybody may register a name right under ``host``: ``com``, ``co.uk``, ``va.us``."""
    return bool(_suffixes().is_public(host))


_SCHEME = re.compile(r"(?:(?:https?|ftp):)?/*", re.IGNORECASE)


def split_url(url: str) -> tuple[str, str] | None:
    """
    Host and path of an address with or without a scheme; None when it has no host that can exist.

    Read as browsers do: a backslash is a slash, the host may be percent-encoded, a number is an IP address.
    """
    try:
        parts = urlsplit(_SCHEME.sub("//", url.strip().replace("\\", "/"), count=1))
        host = unquote(parts.hostname or "").lower().rstrip(".").removeprefix("www.")
    except ValueError:
        return None
    if not host.isascii():
        try:
            host = idna.encode(host, uts46=True).decode()
        except idna.IDNAError:
            return None
    host = _ip_address(host) or host
    if registered_domain(host) is None and not re.fullmatch(r"\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f]*:[0-9a-f:.]+", host):
        return None
    return host, parts.path


def _ip_address(host: str) -> str | None:
    """The IPv4 address that browsers make of up to four numbers, each decimal, octal (``0177``) or hex (``0x7f``)."""
    if not re.fullmatch(r"(?:0x[0-9a-f]{0,8}|[0-9]{1,12})(?:\.(?:0x[0-9a-f]{0,8}|[0-9]{1,12})){0,3}", host):
        return None
    try:
        numbers = [int(part[2:] or "0", 16) if part.startswith("0x") else _octal(part) for part in host.split(".")]
    except ValueError:
        return None
    *bytes_, last = numbers
    if max([0, *bytes_]) > 255 or last >= 256 ** (5 - len(numbers)) or (len(numbers) == 1 and last < 1 << 24):
        return None
    value = last + sum(byte << 8 * (3 - place) for place, byte in enumerate(bytes_))
    return str(ipaddress.IPv4Address(value))


def _octal(part: str) -> int:
    return int(part, 8 if part.startswith("0") else 10)


def addresses(text: str) -> list[Address]:
    """Every address in ``text``, in order, without overlaps. ``text`` is plain (`plain.py`)."""
    found: list[Address] = []
    end = 0
    every = [*_written(text), *_numeric(text), *_spelled(text)]
    for address in sorted(every, key=lambda item: (item.start, -item.end)):
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


_NUMERIC = re.compile(
    r"\bhttps?:/{1,3}(?:[^\s/@]{1,100}@)?(?:[0-9][0-9a-fx.]{3,50}|\[[0-9a-f:.]{3,45}\])(?::[0-9]{1,5})?"
    r"(?![\w.@-])(?:[/?#]\S{0,200})?",
    re.IGNORECASE,
)


def _numeric(text: str) -> Iterator[Address]:
    """Links whose host is a number, or IPv6 in brackets, which linkify-it-py does not know."""
    for match in _NUMERIC.finditer(text):
        split = split_url(match.group())
        if split:
            yield Address(*split, match.start(), match.end(), Written.PLAIN)


_DOT = r"(?:d[o0]t|d[ ][o0][ ]t|punto|ponto)"
_BULLET = "[•·∙●・⋅‧]"
_COM = "c ?[o0оο] ?m|n ?[e3е] ?t|[o0оο] ?r ?g"
"""``com``, ``net`` and ``org``, also with spaces, digits, Cyrillic or Greek letters."""

_LETTERS = str.maketrans("03оοе", "oeooe", " ")
_PLAIN_ENDINGS = _words("com net org")
_END = rf"(?P<ending>{_COM}|{SPELLED_ENDINGS}|{SPELLED_WORDS})\b"
_PATH = r"(?P<path>/\S{0,200}|[ ]/[ ]?\w\S{0,200})?"
_NAME = r"(?<![\w@.-])(?P<name>[a-z0-9][a-z0-9-]{1,62})"
_BRACKETED = re.compile(
    rf"(?<![\w@.-])(?P<name>(?:[a-z0-9-]{{1,63}}\s{{0,2}}[\[({{<]\s?(?:\.|{_DOT}|{_BULLET})\s?[\])}}>]\s{{0,2}}){{1,4}})"
    r"(?P<ending>c0m|n3t|0rg|[a-z]{2,24})\b(?P<path>/\S{0,200})?",
    re.IGNORECASE,
)
_MARKS = r"""[-*_~|"'=:+]{1,2}"""
_DOTTED = re.compile(
    rf"{_NAME}(?P<joint>\s+{_DOT}\s+|\s?{_MARKS}{_DOT}{_MARKS}\s?|\s+\.\s*|\s*\.\s+|,|{_BULLET}){_END}{_PATH}",
    re.IGNORECASE,
)
_REPLACED = re.compile(rf"{_NAME}\s?[.,]\s?(?P<ending>c[0оο]m|n[3е]t|[0оο]rg)\b{_PATH}", re.IGNORECASE)
_WWW = re.compile(
    r"\bwww(?:\s{1,2}|\s?[.,]\s?)(?P<name>[a-z0-9][a-z0-9-]{1,62})(?:\s{1,2}|\s?[.,]\s?)"
    rf"(?P<ending>{_COM}|{SPELLED_ENDINGS})\b{_PATH}",
    re.IGNORECASE,
)
_APART = re.compile(
    rf"(?<![\w@.-])(?<!\b\w[ ])(?P<name>(?:[a-z0-9][ ]{{1,2}}){{2,40}}(?:[.•·]|{_DOT}))[ ]{{0,2}}"
    r"(?P<ending>c[ ][o0][ ]m|n[ ]e[ ]t|o[ ]r[ ]g|i[ ]n[ ]f[ ]o|b[ ]i[ ]z|c[ ]o|i[ ]o|m[ ]e|r[ ]u|l[ ]y|t[ ]v|"
    rf"x[ ]y[ ]z|com|net|org)(?!\w|[ ]\w\b){_PATH}",
    re.IGNORECASE,
)
_SHORTENER = re.compile(
    r"(?<![\w@.&'’-])(?:(?P<name>bit|tiny[ ]?url|t|wa|cutt|goo|shorturl|rebrand|linktr|youtu|discord)"
    rf"(?:[ ]{{1,2}}|[ ]?[.,]|[ ]?[.,•·][ ]|[ ]?[\[(]?{_DOT}[\])]?[ ]?)"
    r"(?P<ending>ly|com|me|co|gl|at|ee|be|gg)|(?P<bare>bitly|tinyurl))[ ]?(?P<path>/[ ]?[\w@+-]{3,100})",
    re.IGNORECASE,
)
_KNOWN = _words(
    "bit.ly tinyurl.com t.me t.co wa.me cutt.ly goo.gl shorturl.at rebrand.ly linktr.ee youtu.be discord.gg"
)
"""Hosts so well known that readers put the stop back: ``bit ly/abc``."""

_CONTRACTED = re.compile(
    r"\b(?:ain|are|ca|could|did|does|do|had|has|have|is|need|should|was|were|wo|would)n?[ ]$", re.IGNORECASE
)
_BROKEN_SCHEME = re.compile(
    r"\bh(?:xx|\*\*|\+\+|__)ps?\s?(?::|\[:\])\s?//\s?(?P<name>[^\s/]{4,253})(?P<path>/\S{0,200})?", re.IGNORECASE
)
_STOP = re.compile(rf"[\s\[({{<*_~|-]*(?:\.|\b{_DOT}\b|{_BULLET}|,)[\s\])}}>*_~|-]*", re.IGNORECASE)
_SPELLED_MAIL = re.compile(r"(?:[\[({]\s?at\s?[\])}]|@)\s?$|\be-?mail\b.{0,30}\bat\s$", re.IGNORECASE)
_ERA = re.compile(
    r"[\s-](?:boom|bubble|bust|burst|crash|collapse|craze|era|days|compan(?:y|ies)|startups?|stocks?|[mb]illionaires?)\b",
    re.IGNORECASE,
)
"""What follows "dot com" where it names a time or a trade."""


def _spelled(text: str) -> Iterator[Address]:
    """Addresses that no program links but every reader understands: ``shop dot com``, ``shop[.]com``, ``hxxp://``."""
    for match in _BROKEN_SCHEME.finditer(text):
        yield from _address_of(match["name"], match)
    for pattern in (_BRACKETED, _DOTTED, _REPLACED, _WWW, _APART):
        for match in pattern.finditer(text):
            mail = _SPELLED_MAIL.search(text[max(0, match.start() - 48) : match.start()])
            if mail or (pattern is _DOTTED and not _deliberate(match)):
                continue
            name = match["name"].replace(" ", "") if pattern is _APART else match["name"]
            yield from _address_of(f"{name}.{match['ending'].lower().translate(_LETTERS)}", match)
    for match in _SHORTENER.finditer(text):
        bare = (match["bare"] or "").lower()
        host = {"bitly": "bit.ly", "tinyurl": "tinyurl.com"}.get(bare) or _shortener(match)
        if host:
            yield from _address_of(host, match)


def _shortener(match: re.Match[str]) -> str | None:
    """The well-known host that is meant; None for "don t me/you" and for hosts that nobody knows."""
    name = match["name"].lower().replace(" ", "")
    host = f"{name}.{match['ending'].lower()}"
    before = match.string[max(0, match.start() - 8) : match.start()]
    return host if host in _KNOWN and not (name == "t" and _CONTRACTED.search(before)) else None


def _deliberate(match: re.Match[str]) -> bool:
    """Tell ``shop dot com`` and ``shop . com`` from ``the dot com boom`` and from a list such as ``gov,com``."""
    name, joint, written = match["name"].lower(), match["joint"], match["ending"]
    ending = written.lower().translate(_LETTERS)
    if name in _NOT_A_NAME or name.isdigit():
        return False
    by_word = re.search(r"\w{3}|\w \w", joint)
    if by_word:
        if _ERA.match(match.string, match.end("ending")):
            return False
        if "DOT" in joint and ending not in _PLAIN_ENDINGS:
            return False
        return ending not in SPELLED_WORDS.split("|") or len(name) > 5
    if re.fullmatch(_BULLET, joint):
        return ending in _PLAIN_ENDINGS and len(name) > 3
    if match["path"] and re.search(r"[a-z][0-9-][a-z]" if ending in STRONG else "[a-z][0-9][a-z]", name):
        return True
    # A stop or comma with a space may end a sentence: only endings that begin none, in small letters.
    return written in _PLAIN_ENDINGS and len(name) > 3 and name not in ABBREVIATIONS


def _address_of(spelled: str, match: re.Match[str]) -> Iterator[Address]:
    host = re.sub(r"\.{2,}", ".", _STOP.sub(".", spelled)).strip(".")
    split = split_url(host + re.sub(r"\s", "", match["path"] or ""))
    if split:
        yield Address(*split, match.start(), match.end(), Written.SPELLED)
