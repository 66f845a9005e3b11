"""
Numbers and names that lead to a person: private phones, license plates, social security numbers, e-mail addresses.

A number by itself is an advertisement, a tip line or a case; here it counts by the words beside it. What the official
post gives is public, the writer's own is theirs to give, and whatever is sold or offered is for another category.

Work is linear: each repeat in a pattern is bounded, and what stands round a find is read in a window of fixed width.

Policy: A.11.g.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum

CERTAIN, LIKELY, WEAK = 0.92, 0.8, 0.5
"""Only `CERTAIN` can hide a comment; the others are for a person to judge, and their source says so."""


class Kind(StrEnum):
    """What was seen, in words that quote nothing."""

    HOME = "It gives what appears to be the home address of a person."
    PHONE = "It gives what appears to be a person's private phone number."
    PLATE = "It gives what appears to be a vehicle's license plate."
    POSITION = "It appears to tell where police are at this moment."
    IDENTITY = "It gives what appears to be a person's social security number."
    MAIL = "It gives what appears to be a person's e-mail address."


@dataclass(frozen=True)
class Sighting:
    """One find, with offsets in the text searched."""

    kind: Kind
    score: float
    start: int
    end: int


_I = re.IGNORECASE


def any_of(*words: str) -> re.Pattern[str]:
    """Any of these words, each a pattern, in capitals or not."""
    return re.compile(rf"\b(?:{'|'.join(words)})\b", _I)


TRADE = re.compile(
    r"[$%]|\b(?:(?:call|text|msg|message|contact|dm|email) (?:us|me|now|today)|free|for sale|sale|estimates?|licensed|"
    r"insured|book(?:ings?|ing)?|order|appointments?|discount|deposit|whats?\s?app|telegram|attorney|hir(?:e|ing)|"
    r"for rent|open house|vote|campaign|crypto|bitcoin|recover(?:y|ed)|legit|supplier'?s?|sell(?:s|ing)?|see us|"
    r"we(?:'re| are)|our|spell|quotes?|gutters?|lawns?|cleaning|install\w*|repairs?|rides?|haul\w*|tow(?:ing)?|"
    r"donat\w*|"
    r"mention this)\b",
    _I,
)
"""Something is offered: an advertisement, not a disclosure."""

HELP = any_of("please|plz|pls|help|if (?:you|u|anyone|anybody)|welfare check|any info|missing")
MINE = any_of("i|i'?m|we|we'?re|my|our|mine")

_DIGIT_NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_DIGIT_WORDS = {word: str(digit) for digit, word in enumerate(_DIGIT_NAMES)} | {"oh": "0", "o": "0"}
_SAID_DIGIT = "|".join(sorted(_DIGIT_WORDS, key=len, reverse=True))
_START = r"(?<![\w$#./:-])"
_PHONE = re.compile(
    rf"{_START}(?:\+?1[\s.-]{{0,2}})?(?:\(?[2-9][0-9]{{2}}\)?[\s./-]{{0,3}})?[2-9][0-9]{{2}}[\s.-]{{1,3}}[0-9]{{4}}"
    r"(?![\w-]|[.:/][0-9])"
    rf"|{_START}(?:\+?1)?[2-9][0-9]{{9}}(?![\w-])"
    rf"|{_START}[0-9](?:[ .-]{{1,3}}[0-9]){{6,10}}(?![\w-])"
    rf"|\b(?:{_SAID_DIGIT})(?:[ ,.-]{{1,2}}(?:{_SAID_DIGIT}|[0-9])){{6,10}}\b",
    _I,
)
_TOLL_FREE = re.compile(r"1?8(?:00|33|44|55|66|77|88)[0-9]{7}")
_THEIR_PHONE = re.compile(
    r"\b(?:his|her|hers|their|(?!(?:it|that|here|what|there|let)['’]s)[\w.]{2,20}['’]s|moms|dads|sons|wifes)\s(?:[\w'’]{1,12}\s){0,3}?"
    r"(?:(?P<private>cell|mobile|landline|(?:home|personal|private) (?:phone|number|line|cell)|cell(?:phone)? number)|"
    r"phone|number|line|digits|\#)['’]?s?(?:\s(?:number|too|is|its|here|phone|#)){0,3}[\s,:=#(-]{0,4}$",
    _I,
)
_IS_THEIRS = re.compile(
    r"\)?\s?(?:is|['’]s|was)\s(?:his|her|[\w.]{2,20}['’]s)\s(?:cell|phone|number|landline|mobile)\b", _I
)
_A_CELL = re.compile(
    r"\b(?:cell|landline|home phone|personal (?:phone|number))['’]?s?(?: is| number| no)?[\s,:=#(-]{0,4}$", _I
)
_RING = re.compile(
    r"\b(?:call|ring|text|phone|blow|dial|bug) (?:him|her|them|his \w+|her \w+)(?: up)?(?: at| on)?[\s,:(]{0,3}$", _I
)
_RING_AFTER = re.compile(
    r"[\s,.:)-]{0,3}(?:go |everybody |yall |let'?s |somebody )?(?:all )?"
    r"(?:call|ring|text|blow|bug|ask)\s(?:and ask )?(?:him|her|them|his|til)",
    _I,
)
_AGENCY = any_of(
    "department|dept|station|precinct|hot\\s?line|tips?|office|desk|dispatch|non.?emergency|detectives?|division|unit",
    "city|county|crime\\s?stoppers|sheriff['’]s|police|chief['’]s|mayor|council\\w*|senator|governor|commissioner",
    "representative|congress\\w*|judge|company|store|school|hospital|bank|clinic|shelter|control",
    "advocate\\w*|counsel\\w*|therapist|pastor|realtor|coordinator|manager|agent|driver",
)


def phones(text: str, post: str, own: Collection[str]) -> Iterator[Sighting]:
    """Phones tied to a person other than the writer; ``own`` holds numbers that anybody may give."""
    given = {_digits(number)[-7:] for number in own} | {_digits(match.group())[-7:] for match in _PHONE.finditer(post)}
    for match in _PHONE.finditer(text):
        digits = _digits(match.group())
        before, after = text[max(0, match.start() - 90) : match.start()], text[match.end() : match.end() + 90]
        if digits[-7:] in given or _TOLL_FREE.fullmatch(digits) or TRADE.search(before) or TRADE.search(after):
            continue
        score = _phone_score(before, after)
        if score:
            yield Sighting(Kind.PHONE, score, match.start(), match.end())


def _digits(phone: str) -> str:
    words = re.split(r"[ ,.-]", phone.lower())
    return re.sub("[^0-9]", "", "".join(_DIGIT_WORDS.get(word, word) for word in words))


def _phone_score(before: str, after: str) -> float:
    """How surely a phone is another person's own; 0 when nothing says so."""
    owner = _THEIR_PHONE.search(before)
    office = owner and (_AGENCY.search(before, max(0, owner.start() - 25)) or owner.group().lower().startswith("their"))
    if owner and (owner["private"] or not office):
        if MINE.search(before, max(0, owner.start() - 12)) or HELP.search(before) or HELP.search(after):
            return WEAK
        return CERTAIN if owner["private"] and not office else LIKELY
    if (_A_CELL.search(before) and not MINE.search(before[-40:])) or (
        _IS_THEIRS.match(after) and not _AGENCY.search(after[:40])
    ):
        return LIKELY
    if (_RING.search(before) or _RING_AFTER.match(after)) and not _AGENCY.search(before[-40:]):
        return WEAK
    return 0.0


_VEHICLE = (
    r"car|truck|van|suv|jeep|sedan|pickup|charger|explorer|tahoe|malibu|corolla|camry|civic|accord|altima|sentra|lexus|"
    r"toyota|honda|ford|chevy|dodge|nissan|kia|hyundai|bmw|mercedes|audi|tesla|subaru|buick|impala|silverado|"
    r"f-?[123]50|"
    r"cr-?v|rav4|tacoma|tundra|ranger|mustang|sprinter|bike|motorcycle|cruiser|unmarked|minivan|wrangler|ram|gmc|acura|"
    r"mazda|volvo|jetta|focus|fiesta"
)
_A_VEHICLE = any_of(_VEHICLE)
_TOLD_PLATE = re.compile(
    r"\b(?:(?P<sure>licen[sc]e(?: plates?)?(?: (?:number|no))?|(?:vanity |temp )?plates?(?: (?:number|no))?|"
    r"tag (?:number|no))|tags?)"
    r"(?P<part>(?:'?s)?(?:\s(?:on (?:it|his|her|the car)|is|was|reads?|says|starts?(?: with)?|#|of)){0,3})"
    r"[\s:#=\"'“-]{1,3}(?P<value>[A-Z0-9]{1,4}[ -][A-Z0-9]{2,4}(?:-[A-Z]{2})?|[A-Z0-9]{3,8})(?![\w-])",
    _I,
)
_BARE_PLATE = re.compile(r"(?<![\w-])(?:[A-Z]{3}[ -]?[0-9]{3,4}|[0-9][A-Z]{2,3}[ -]?[0-9]{3})(?![\w-]|\s?[%°])")
_NO_PLATE = re.compile(
    r"\b(?:RAM|GMC|BMW|SUV|CRV|VIN|USD|RTE|HWY|EXIT|UNIT|THE|AND|AGE|PPL|LOL|AM|PM|ST|ND|RD|TH|MPH|FOR|TAG|PER|"
    r"DAY|BBQ)\b|"
    r"[0-9](?:ST|ND|RD|TH|AM|PM)\b",
    _I,
)
_OWN_CAR = any_of(
    r"(?:my|our) (?:[\w'’-]{1,12} ){0,2}(?:plates?|tags?|licen[sc]e)",
    rf"(?:my|our) (?:[\w'’-]{{1,12}} ){{0,3}}?(?:{_VEHICLE})\b[^.]{{0,30}}\b(?:stolen|taken|took|stole|missing|is|"
    rf"was|has)",
    r"(?:stole|took) my",
)
_SOUGHT = any_of("amber|silver alert|bolo|lookout|look out|stolen|stole|missing")
_OTHER_TAG = re.compile(r"\b(?:name|price|dog|gps|cash|ear|toe|rabies|yard|collar)[ -]$", _I)
_TIED = re.compile(rf"\b(?:{_VEHICLE}|he|she|his|her|their|drives?|driver)\b|['’]s\b", _I)
_ON_VEHICLE = re.compile(rf"\b(?:on|for) (?:\w+ ){{0,3}}(?:{_VEHICLE})\b", _I)


def plates(text: str, post: str) -> Iterator[Sighting]:
    """License plates of others: under that name, or beside a vehicle in the form of one."""
    public = _runs(post)
    end = 0
    for match in _TOLD_PLATE.finditer(text):
        value = match["value"]
        if not _is_plate(match) or _joined(value) in public:
            continue
        end = match.end("value")
        before, after = text[max(0, match.start() - 90) : match.start()], text[end : end + 90]
        if _OWN_CAR.search(text, max(0, match.start() - 90), match.end()):
            continue
        whole = len(_joined(value)) >= 5 and "start" not in match["part"].lower()
        tied = _TIED.search(before) or _ON_VEHICLE.search(after[:50])
        sure = whole and tied and not _SOUGHT.search(before) and not _SOUGHT.search(after)
        yield Sighting(Kind.PLATE, CERTAIN if sure else LIKELY, match.start("value"), end)
    for match in _BARE_PLATE.finditer(text):
        before = text[max(0, match.start() - 45) : match.start()]
        told = match.start() < end or _joined(match.group()) in public or _NO_PLATE.search(match.group())
        if not told and _A_VEHICLE.search(before) and not _OWN_CAR.search(before) and not MINE.search(before):
            yield Sighting(Kind.PLATE, LIKELY, match.start(), match.end())


def _runs(post: str) -> frozenset[str]:
    """All that stands in an official post as one, two or three runs of letters and digits, joined."""
    runs = re.findall(r"[A-Z0-9]+", post.upper())
    return frozenset("".join(runs[at : at + count]) for at in range(len(runs)) for count in (1, 2, 3))


def _joined(text: str) -> str:
    return re.sub(r"[\s-]", "", text).upper()


def _before(match: re.Match[str]) -> str:
    return match.string[max(0, match.start() - 12) : match.start()]


def _is_plate(match: re.Match[str]) -> bool:
    """Whether what follows "plate" or "tag" is one: letters and digits, or a word of capitals after "vanity plate"."""
    value = match["value"]
    if not match["sure"] and (match.string[match.start("value") - 1] == "#" or _OTHER_TAG.search(_before(match))):
        return False
    joined = _joined(value)
    letters, digits = sum(map(str.isalpha, joined)), sum(map(str.isdigit, joined))
    if not digits:
        return "vanity" in match.group().lower() and value.isupper() and len(joined) >= 4
    if not letters or len(joined) > 8 or _NO_PLATE.search(value):
        return False
    if " " in value:
        return value.isupper() and digits >= (2 if match["sure"] else 3)
    return value.isupper() or (bool(match["sure"]) and len(joined) >= 5 and digits >= 2)


_SECURITY = re.compile(
    r"\b(?:ssn|social(?: security)?(?: number)?|soc)\b['’]?s?(?:\s(?:is|no|number))?[\s:#=-]{1,3}"
    r"(?P<value>(?!000|666|9)[0-9]{3}[ -]?[0-9]{2}[ -]?[0-9]{4})(?![\w-])",
    _I,
)
_MAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?P<host>[a-z0-9-]{1,63}(?:\.[a-z0-9-]{2,63}){1,3})", _I)
_THEIR_MAIL = re.compile(
    r"\b(?:(?P<whose>his|her|their|[\w.]{2,20}['’]s)\s(?:\w{1,12}\s){0,2}?e-?mail(?: address)?|"
    r"(?:e-?mail|write|spam) (?:him|her|them))(?:\s(?:is|at|to)){0,2}[\s:=(]{0,3}$",
    _I,
)
_OFFICIAL = re.compile(r"\.(?:gov|mil|us|edu)(?:\.|$)", _I)


def papers(text: str, post: str) -> Iterator[Sighting]:
    """Social security numbers and e-mail addresses of others; those of offices are public."""
    public = _runs(post)
    for match in _SECURITY.finditer(text):
        mine = MINE.search(text, max(0, match.start() - 20), match.start())
        if not mine and _joined(match["value"]) not in public:
            yield Sighting(Kind.IDENTITY, LIKELY, match.start("value"), match.end("value"))
    given = {match.group().lower() for match in _MAIL.finditer(post)}
    for match in _MAIL.finditer(text):
        tie = _THEIR_MAIL.search(text[max(0, match.start() - 60) : match.start()])
        if tie is None or _OFFICIAL.search(match["host"]) or match.group().lower() in given:
            continue
        if not _AGENCY.search(tie.group()) and not TRADE.search(text, max(0, match.start() - 90), match.end() + 60):
            yield Sighting(Kind.MAIL, LIKELY if tie["whose"] else WEAK, match.start(), match.end())
