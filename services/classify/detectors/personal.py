"""
Information that may put somebody in danger: home addresses, private numbers, plates, positions of police.

What counts is the tie to another person. An address, number or plate by itself is an advertisement, a yard sale or a
place; the writer's own is theirs to give; what the official post gives is public. Three levels say how sure it is:

* Certain: a full address with words that make it somebody's home, a private phone ("his cell"), or a plate under its
  name with the car or the person that it belongs to. Only these can hide.
* Likely: the same with a part left out, a position of police at this moment, a social security number, an e-mail
  address of a person.
* Weak: a name beside an address, a place without a word for now, a phone with a call to ring somebody.

Likely and weak finds have a source that never hides, whatever the thresholds: a person judges them.

Less than certain on purpose: pets and their owners, officials' numbers, questions, the writer's family, calls for help,
plates that are looked for.

Policy: A.11.g.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from services.classify.detectors import Evidence, Sample
from services.classify.detectors.identifiers import (
    CERTAIN,
    HELP,
    LIKELY,
    MINE,
    TRADE,
    WEAK,
    Kind,
    Sighting,
    any_of,
    papers,
    phones,
    plates,
)
from services.classify.detectors.places import Street, named_streets, positions, streets
from services.classify.detectors.plain import plain
from shared.categories import Category

SOURCE, LIKELY_SOURCE = "personal", "likely_personal"
"""The second never hides (`shared.decision.ONLY_PROPOSES`)."""


@dataclass(frozen=True)
class Personal:
    """
    The detector; ``own_numbers`` holds the division's phone numbers, which anybody may give.

    Policy: A.11.g.
    """

    own_numbers: tuple[str, ...] = ()

    def __call__(self, sample: Sample) -> Sequence[Evidence]:
        """One piece of evidence for the whole comment: the surest find gives score, source and words, each a span."""
        text, post = plain(sample.text), plain(sample.post or "").text
        seen = [
            *_unless_pets(text.text, post, _homes(text.text, post)),
            *_unless_pets(text.text, post, phones(text.text, post, self.own_numbers)),
            *plates(text.text, post),
            *papers(text.text, post),
            *_units(text.text, post),
        ]
        if not seen:
            return ()
        surest = max(seen, key=lambda sighting: (sighting.score, -sighting.start))
        return (
            Evidence(
                category=Category.PUBLIC_SAFETY,
                score=surest.score,
                source=SOURCE if surest.score >= CERTAIN else LIKELY_SOURCE,
                spans=tuple(text.span(*ends) for ends in sorted({(sighting.start, sighting.end) for sighting in seen})),
                detail=surest.kind.value,
            ),
        )


def _units(text: str, post: str) -> Iterator[Sighting]:
    """Positions of police: at most likely, since a person has to see whether they are secret, and still true."""
    for place in positions(text, post):
        yield Sighting(Kind.POSITION, LIKELY if place.live else WEAK, place.start, place.end)


_I = re.IGNORECASE
_GAP = r"(?P<gap>(?:[\s,'’\"(.-]{1,3}[\w'’&/]{1,14}){0,5}[\s,:;(#-]{0,3})$"
_LIVES = re.compile(
    r"(?:(?P<who>[\w'’.]{1,20})\s{1,2})?(?:(?:still|really|actually|probably|prob|just|now|also|is|are)\s)?"
    r"\b(?P<verb>lives?|livin'?g?|hiding|stays|stayin'?g?|resides|residing|sleeps|crashes|crashing|rents)\b" + _GAP,
    _I,
)
_IS_AT = re.compile(r"\b(?:he|she|they)['’]?\s?(?:s|is|re|are)\b(?P<gap>(?:\s[\w'’]{1,12}){0,4}?(?:\sat|,)\s)$", _I)
_HOUSE = re.compile(
    r"\b(?:his|her|their|[\w.]{2,20}['’]s,?|officers|sheriffs|chiefs|guys|ladys)\s(?:[\w'’]{1,12}\s){0,2}?"
    r"(?:house|home|place|address|crib|apartment|apt|duplex|trailer|cabin|street number)\b" + _GAP,
    _I,
)
_THEIRS_AT = re.compile(
    r"\b(?:[Tt]he [A-Z]\w{2,15}s|sheriffs|chiefs|[A-Z][\w.-]{1,20}(?:['’]s|s['’]))"
    r"(?:\s(?:is\s)?(?:the\s)?(?:[a-z]{2,10}\s){0,2})?(?:\s?at\s)$"
)
_SOMEONE_AT = re.compile(
    r"\b(?:the|that|this|a|his|her|their)\s(?:[\w'’]{1,12}\s){0,2}?"
    r"(?:lady|guy|man|woman|dude|kid|boy|girl|witness|owner|snitch|rat|neighbor|suspect|victim|juror|girlfriend|gf|"
    r"boyfriend|ex|mom|mama|momma|mother|dad|brother|sister|uncle|grandma|one|house|trailer|duplex|rv|camper|cabin)"
    r"['’]?s?\s(?:[\w'’]{1,12}\s){0,3}?(?:at|on|in|from|of)\s$",
    _I,
)
_CALLED = re.compile(
    r"(?<![\w'’])(?P<name>(?:[A-Z]\.|[A-Z][\w'’]{1,20})(?:\s[A-Z][\w'’.]{0,20}){1,3})"
    r"(?:['’]s)?(?:,|:|\s[-–—]|\sat|\sover at)?\s(?:at\s)?$"
)
_NO_PERSON = any_of(
    "station|library|church|temple|mosque|masjid|school|elementary|middle|high|university|college|hall|court(?:house)?",
    "precinct|substation|headquarters|hq|offices?|stores?|shop|market|park|cent(?:er|re)|hospital|clinic|restaurant",
    "bar|pub|caf[eé]|grill|gym|bank|museum|theat(?:er|re)|pharmacy|salon|studio|gallery|sale|realty|plumbing|roofing",
    "llc|inc|co|company|services?|law|attorney|antiques|pizza|bakery|kitchen|diner|foundation|food|pantry|legion|club",
    "department|dept|works?|working|county|city|state|santa|jail|prison",
)
_STREET = any_of("street|st|ave|avenue|road|rd|blvd|drive|lane")
_CIVIC = any_of(
    "(?:city|town|borough|village) hall|suite|offices?|shelter|station|mayor|council\\w*|senator|clerk|judge"
)
_MENACE = any_of(
    "go(?:nna)? (?:get|knock|look|say|see|ask|tell|visit|find|pay|check|leave|teach|have)|ask (?:him|her|them)|knock",
    "(?:home )?alone|show up|visit(?:ors?)?|burn|light (?:it|that|this|em)|key'?s?|never locke?[ds]?|lock|gate code",
    "empty|wide open|(?:his|her) kids|wife'?s?|teach|snitch\\w*|somebody|everybody|you know what",
    "just (?:sayin|leaving)|tag|plate|cell|basement|mama|ex has|brag\\w*",
)
"""A door that is open, a person alone, a call to go there: what makes a name beside an address more than a name."""

_PETS = any_of("dogs?|pups?|puppy|cats?|kitten|pets?|beagle|husk(?:y|ies)|stray|hound|horse|parrot|leash")
_GATHERING = any_of(
    "fundraiser|party|passed|died|funeral|vigil|memorial|bbq|cookout|potluck|invited|welcome|come (?:to|by)"
)
_NOT_ANOTHER = re.compile(
    r"i|we|nobody|noone|one|you|ya'?ll|y'?all|used|to|sav(?:e[ds]?|ing)|los[te]|losing|claim(?:s|ed)|took|takes|our|their|"
    r"many|more|the|these|those|two|three|four|five|six|human|innocent|people'?s|black|blue|of|all|[0-9]+",
    _I,
)
_A_PERSON = re.compile(
    r"he|she|they|who|witness|snitch|rat|guy|dude|man|woman|lady|kid|boy|girl|cop|officer|deputy|chief|sheriff|suspect|"
    r"victim|juror|owner|mom|mama|momma|mother|dad|father|wife|husband|ex|girlfriend|boyfriend|gf|bf|son|daughter",
    _I,
)
_A_HOME = any_of(
    "(?:his|her) (?:[\\w'’]+ ){0,2}(?:house|home|place|address|crib)|house|home address|apartment|apt",
    "duplex|trailer|cabin",
)
_MANY = frozenset(["they", "who", "them", "people", "both"])


def _unless_pets(text: str, post: str, seen: Iterable[Sighting]) -> Iterator[Sighting]:
    """What is said about a pet may be meant to bring it home: that is for a person to judge."""
    most = LIKELY if _PETS.search(post) or _PETS.search(text) else CERTAIN
    return (replace(sighting, score=min(sighting.score, most)) for sighting in seen)


def _homes(text: str, post: str) -> Iterator[Sighting]:
    """Addresses that words near them make somebody's home."""
    public = named_streets(post)
    for street in streets(text):
        if street.key in public:
            continue
        score = _home_score(text[max(0, street.start - 80) : street.start], text[street.end : street.end + 120], street)
        if score:
            yield Sighting(Kind.HOME, score, street.start, street.end)


def _home_score(before: str, after: str, street: Street) -> float:
    """How surely an address is another person's home, by what stands on both sides; 0 when nothing says so."""
    if TRADE.search(before) or TRADE.search(after):
        return 0.0
    menace = bool(_MENACE.search(after) or _MENACE.search(before))
    tie = _LIVES.search(before) or _HOUSE.search(before) or _IS_AT.search(before)
    if tie:
        return _tied_score(tie, before, after, menace=menace, street=street)
    pointed = menace or street.unit
    if _CIVIC.search(after[:25]):
        return 0.0
    if _THEIRS_AT.search(before):
        return LIKELY if pointed else 0.0
    if _SOMEONE_AT.search(before):
        return 0.0 if _NO_PERSON.search(before[-30:]) else LIKELY if pointed else WEAK
    name = _CALLED.search(before)
    no_names = (_NO_PERSON, _CIVIC, _STREET)
    if (
        name
        and not re.match(r"[^.!\n]{0,60}\?", after)
        and not any(pattern.search(name["name"]) for pattern in no_names)
    ):
        return LIKELY if pointed else WEAK
    return LIKELY if street.typed and street.unit and menace else 0.0


def _tied_score(tie: re.Match[str], before: str, after: str, *, menace: bool, street: Street) -> float:
    """How surely "lives at", "his house is" and the like speak of another person's present home."""
    lives = tie.re is _LIVES
    if (lives and not _is_another(tie)) or _NO_PERSON.search(tie["gap"] if lives else tie.group()):
        return 0.0
    clause = re.split(r"[!?\n]|\.\s", before)[-1]
    asked = (
        re.match(r"[^.!\n]{0,60}\?", after)
        or _GATHERING.search(before)
        or HELP.search(after)
        or MINE.search(clause[-60:])
    )
    plural = tie.group().lower().startswith("the")
    if asked or re.search(r"\bwas\b", tie["gap"], _I) or (plural and not lives):
        return LIKELY if menace else WEAK
    if lives:
        who = tie["who"] or ""
        doubt = tie["verb"].lower() == "hiding" or not (who == "" or who.istitle() or _A_PERSON.fullmatch(who))
    elif tie.re is _IS_AT:
        doubt = not (menace or street.unit)
    else:
        doubt = not _A_HOME.search(tie.group())
    return LIKELY if doubt or not street.typed or _CIVIC.search(after[:25]) else CERTAIN


def _is_another(tie: re.Match[str]) -> bool:
    """Whether the subject of "lives" and the like is another person, and the word is no noun ("saved lives")."""
    who, verb = (tie["who"] or "").lower(), tie["verb"].lower()
    if _NOT_ANOTHER.fullmatch(who):
        return False
    if verb == "live":
        return who in _MANY
    return not verb.startswith("crash") or who in ("he", "she", "who")
