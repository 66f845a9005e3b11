"""
Places in a text: street addresses, and where police stand at this moment.

Both are only found here, with how sure the words are. Whether an address is anybody's home is for `personal.py`.

A position counts when police or a checkpoint, a verb of standing or a number of units, and a place come together:

* With a word for this moment ("right now", "just passed"), or with snipers and teams at a door, it is live.
* Units with a number and dogs ("unit 42", "car 12", "K9") are police too; a flat or a train car is not.
* Without a verb of standing ("cops at 5th and Main") a word for this moment must come with it, and nothing that tells
  of work in the open ("helping kids", "for the parade") or asks for police.
* Without one it may be old news: a weak sign.
* Habits ("they always sit behind the mill"), the past, questions and wishes give nothing: they are talk about the
  police, and the place may be known to all.
* A place that the official post names gives nothing: the post made it public.

Work is linear: each repeat in a pattern is bounded, and what stands round a find is read in a window of fixed width.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_TYPES = (
    "street|str|st|avenue|ave|av|road|rd|lane|ln|drive|dr|court|ct|circle|cir|place|pl|boulevard|blvd|terrace|terr|ter|"
    "way|parkway|pkwy|trail|trl|loop|row|run|square|sq|path|pike|alley|aly|cove|crossing|xing|point|pt|hill|ridge|slip"
)
_DIRECTION = r"(?:(?:north|south|east|west|[ns][ew]?|[ew])\.?[ \t]{1,2})?"
_ORDINAL = r"[0-9]{1,3}(?:st|nd|rd|th)"
_WORD = rf"(?:{_ORDINAL}|[^\W\d_][\w'’.-]{{0,20}})"
_UNIT = (
    r"(?:[ \t]{0,2},?[ \t]{0,2}(?:(?:apt|apartment|unit|suite|ste|lot|rm|room)\b\.?[ \t]{0,2}#?|#)[ \t]?[\w-]{1,5})?"
)
_ONES = "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"
_TEENS = "thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen"
_TENS = "twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety"
_SAID = rf"(?:{_ONES}|{_TEENS}|{_TENS}|oh|hundred)"
_NUMBER = re.compile(
    rf"(?<![\w$#.,:/€£%+*-])(?:(?P<digits>[0-9]{{1,5}}(?:[ ][0-9](?![0-9])){{0,4}})(?:-[0-9]{{1,4}})?"
    rf"(?:[A-Za-z]|\W?1/2)?|(?P<said>{_SAID}(?:[ -]{_SAID}){{0,3}}))[ \t]{{1,2}}(?=\w)",
    re.IGNORECASE,
)
_TYPED = re.compile(
    rf"{_DIRECTION}(?P<name>{_WORD}(?:[ \t]{{1,2}}{_WORD}){{0,2}}?)[ \t]{{1,2}}(?:{_TYPES})\b(?P<unit>\.?{_UNIT})",
    re.IGNORECASE,
)
_CAPITAL = r"[A-ZÀ-Þ][\w'’-]{2,20}"
_UNTYPED = re.compile(
    rf"(?:(?:[NSEW]\.?|North|South|East|West)[ ](?P<ordinal>{_ORDINAL})|"
    rf"(?:[NSEW]\.?[ ])?(?P<name>{_CAPITAL})(?:[ ]{_CAPITAL})?)"
    rf"(?![\w'’])(?P<unit>{_UNIT}|[ ][0-9]{{1,3}}[A-Z]\b)"
)
_AFTER_WORD = re.compile(
    r"\b(?:route|rt|rte|hwy|highway|exit|interstate|i|sr|cr|us|unit|apt|zone|room|rm|district|precinct|ward|"
    r"milepost|mile|"
    r"marker|age|aged|section|title|act|bus|channel|juror|witness|number|no|badge|car|engine|station|case|pod|"
    r"page)\W{0,2}$",
    re.IGNORECASE,
)
_NO_NAME = _set(
    "and or the a an of in on at to my his her their your our from for with is are was were be down up off by near "
    "behind that this these those it he she they we you i who if not no so but as about over under than then till "
    "til until "
    "years year yrs yr months month weeks week days day hours hour hrs hr minutes minute mins min seconds miles mile "
    "blocks block feet ft yards acres houses doors cars car cops cop officers officer deputies units people ppl kids "
    "times time am pm percent dollars bucks lane lanes way ways dead same whole more more single block story stories "
    "men women guys girls boys dogs points point games votes calls tickets shots minutes inch inches pounds lbs other"
)
_NO_STREET = _NO_NAME | _set(
    "january february march april may june july august september october november december jan feb mar apr jun jul aug "
    "sep sept oct nov dec monday tuesday wednesday thursday friday saturday sunday police department chief sergeant "
    "americans american arrests vehicles families children students residents neighbors friends reports suspects "
    "groups posts pages stories"
)


@dataclass(frozen=True)
class Street:
    """A street address; ``typed`` when a word such as "street" ends it; offsets in the text searched."""

    start: int
    end: int
    key: tuple[str, str]
    typed: bool
    unit: bool


def streets(text: str) -> Iterator[Street]:
    """Every street address in ``text`` (made plain), in order. Without a word such as "street", only in capitals."""
    for number in _NUMBER.finditer(text):
        if _AFTER_WORD.search(text, max(0, number.start() - 16), number.start()):
            continue
        spelled = number.group("said")
        match = _TYPED.match(text, number.end())
        typed = match is not None and not _NO_NAME & set(match.group("name").lower().split())
        if not typed:
            match = None if spelled else _UNTYPED.match(text, number.end())
            if match and (match.group("name") or "").lower() in _NO_STREET:
                match = None
        if match:
            name = match.group("name") or match.group("ordinal")
            digits = re.sub("[^0-9]", "", number.group("digits") or "") or " ".join(re.split("[ -]", spelled.lower()))
            unit = bool(match.group("unit").strip(" .,"))
            key = (digits.lstrip("0"), name.lower().split()[0].strip("."))
            yield Street(number.start(), match.end(), key, typed, unit)


_PAIR = re.compile(rf"(?<![\w.])([0-9]{{1,5}})[A-Za-z]?[ ]{{1,2}}{_DIRECTION}(?=([\w'’-]{{1,21}}))", re.IGNORECASE)


def named_streets(post: str) -> frozenset[tuple[str, str]]:
    """The keys of all that could be an address in an official post: there each one counts as public."""
    pairs = {(match.group(1).lstrip("0"), match.group(2).lower()) for match in _PAIR.finditer(post)}
    return frozenset(pairs | {street.key for street in streets(post)})


_POLICE = (
    r"(?:patrol[ ]|police[ ])?(?:unit|car)[ ]?#?[ ]?[0-9]{1,4}|(?:k-?9s?|canines?)(?:[ ](?:units?|officers?|teams?))?|"
    r"(?:patrol|police|marked|state)[ ]units?|units|marked[ ](?:cars?|suvs?)|constables?|"
    r"cops?|cop[ ]cars?|police(?:[ ](?:cars?|staging|suv))?|officers?|deput(?:y|ies)|troopers?|state[ ]police|"
    r"staties?|sheriff'?s?|cruisers?|squad[ ]cars?|patrol(?:[ ]cars?)?|unmarked(?:[ ](?:cars?|units?|vans?|suvs?|"
    r"trucks?))?|undercovers?|"
    r"5-0|five-?o|popo|po-po|riot[ ]squad|warden(?:[ ]truck)?|ice(?:[ ](?:trucks?|vans?|agents?|staging))?|detail"
)
_CHECK = r"check[ -]?points?|road[ -]?blocks?|speed[ -]?traps?|dui[ ]stop|ret[eé]n(?:es)?"
_TEAM = r"swat|snipers?|tactical[ ]team|entry[ ]team"
_ANCHOR = re.compile(rf"\b(?:(?P<police>{_POLICE})|(?P<check>{_CHECK})|(?P<team>{_TEAM}))\b", re.IGNORECASE)
_STANDS = (
    r"parked|parkin'?g?|sitting|sittin'?|sit|sits|hiding|hidin'?|hides?|hid|posted(?:[ ]up)?|staged|staging|stage|"
    r"stacked|set(?:ting|tin'?)?[ ]?up|camped(?:[ ]out)?|waiting|tucked(?:[ ]in)?|(?:running|shooting)[ ]radar|"
    r"lined[ ]up|backed"
)
_CROSS = r"[\w'.]{1,15}(?:[ ][\w'.]{1,15})?[ ](?:and|&|n|y|at)[ ](?:the[ ])?[\w'.]{1,15}"
_ROAD = r"(?:rt|rte|route|hwy|highway|us|sr|cr|i|exit|bypass)[ .-]{0,2}[0-9]{1,3}"
_LANDMARK = (
    r"7[ -]?(?:eleven|11)|target|costco|kroger|food[ ]lion|circle[ ]k|speedway|exxon|citgo|sunoco|"
    r"home[ ]depot|lowe'?s|cvs|walgreens|rite[ ]aid|"
    r"lot|garage|deck|station|bridge|exit|ramp|overpass|underpass|median|shell|chevron|wawa|sheetz|walmart|mcdonald'?s|"
    r"store|shop|mall|church|school|bank|gas|diner|motel|plaza|mart|park|gym|library|post[ ]office|laundromat|"
    r"sign|cut|roof|"
    r"alley|mill|barn|woodpile|carport|door|truck|van|pit|side|tunnel|light|corner|billboard|bushes|trees|house|"
    r"duplex|yard|"
    r"tracks"
)
_PLACE = (
    rf"(?P<place>{_ROAD}|{_ORDINAL}\b(?:[ ](?:and|&|n)[ ][\w'.]{{1,15}})?|"
    rf"(?:[\w'&.-]{{1,14}}[ ]){{0,3}}?(?:{_LANDMARK})\b|{_CROSS}|(?-i:(?:the[ ])?{_CAPITAL}))"
)
_PREPOSITION = (
    r"(?:at|behind|by|near|under|outside|off|across[ ]from|next[ ]to|in[ ]front[ ]of|on|in|around|along|inside|"
    r"en|por|enfrente[ ]de|bajo)"
)
_NEAR = r"(?:['’]s)?(?:[ ,]{1,2}[\w'-]{1,12}){0,3}?[ ,]{1,3}"
_AT = rf"{_PREPOSITION}[ ](?:the[ ]|la[ ]|el[ ]|a[ ])?{_PLACE}"
_STANDING = re.compile(rf"(?P<between>{_NEAR})(?:{_STANDS})(?:[ ][\w']{{1,10}}){{0,2}}?[ ]{_AT}", re.IGNORECASE)
_DIRECT = re.compile(rf"(?P<between>{_NEAR}){_AT}", re.IGNORECASE)
_HIDDEN = re.compile(r"(?:behind|under|in[ ]the[ ](?:median|bushes|trees))\b", re.IGNORECASE)
_COUNTED = re.compile(
    r"(?:\b[0-9]{1,2}|\b(?:two|three|four|five|six|several|couple|bunch of|lots of|another))[ ](?:\w{1,10}[ ])?$",
    re.IGNORECASE,
)
_THEY = re.compile(
    rf"\b(?:they|they'?re|its|it'?s|them|only|still|están|puestos)\b(?:[ ,]{{1,2}}[\w']{{1,10}}){{0,4}}?[ ]"
    rf"(?:to[ ]{_PLACE}|{_AT.replace('<place>', '<where>')})",
    re.IGNORECASE,
)
_NOW = re.compile(
    r"\b(?:right[ ]now|rn|right[ ]this[ ](?:minute|second)|atm|as[ ]we[ ]speak|currently|slow[ ]down|"
    r"just[ ](?:saw|passed|drove|moved|set|rolled|now)|watching|heads[ ]up|still[ ]there|live|already|ahorita|"
    r"ahora|ya[ ]mismo|ya[ ]están|"
    r"now(?=\s{0,3}(?:[,.!;)]|$)))\b|\b[0-9]{1,2}:[0-9]{2}(?:am|pm)\b",
    re.IGNORECASE,
)
_NOT_NOW = re.compile(
    r"\b(?:always|usually|often|never|used[ ]to|every|was|were|wasn'?t|weren'?t|yesterday|ago|last|had|"
    r"should|shoulda|could|would|need|needs|want|why|if|what|when|where|instead|thank|thanks|your|been[ ]dead|"
    r"tomorrow|anyone|wish|put|once|legal|giving|handing|candy|"
    r"than|i'?m|my)\b|\?",
    re.IGNORECASE,
)
_NOT_LIVE = re.compile(
    r"\b(?:always|was|were|yesterday|ago|last|had|should|could|would|if|why|thanks?)\b|\?", re.IGNORECASE
)
_NOT_THEIRS = re.compile(r"\b(?:i|i'?m|we|my|me|our|you|while|of|for|to|and|said|says|who)\b", re.IGNORECASE)
_NO_PLACE = re.compile(
    r"\b(?:badges?|union|policy|law|immunity|desks?|phones?|table|work|home|asses|butts?|council|board|budget|"
    r"court|event|"
    r"coffee|booth|this page|facebook|channel|duty|scene|time|times|god|police|chief)\b",
    re.IGNORECASE,
)
_NUMBERED = re.compile(r"(?:unit|car)[ ]?#?[ ]?[0-9]", re.IGNORECASE)
_NO_UNIT_BEFORE = re.compile(
    rf"(?:\b(?:{_TYPES}|in|into|of|from|to|on|my|our|your|his|her|their|lives?|apartments?|apts?|housing|storage|rental|"
    r"train|race|rail|metro|dining|subway|cable|ac|hvac|window|mobile|blood|medical|dental|no|every|each|stolen|"
    r"power|air|condo|public|vacant|empty)[.,]?|\#)[ ]{1,2}$",
    re.IGNORECASE,
)
_NO_UNIT = re.compile(
    r"\b(?:trains?|passengers?|conductor|rail|metro|subway|lap|laps|race|racing|pit[ ]crew|rent|rents|lease|landlord|"
    r"tenants?|vacant|apartments?|condos?|bedrooms?|stor(?:e|age)d?|burn(?:ed|ing)?|flood(?:ed|ing)?|for[ ]sale)\b",
    re.IGNORECASE,
)
"""What makes a "unit" or a "car" a flat, a store room or a carriage: before it, and anywhere in its sentence."""

_COPULA = re.compile(
    r"(?:['’](?:s|re))?(?:[ ]{1,2}(?:is|are|r|all|still|now|currently|over|right[ ]now|rn))*[ ]{1,3}", re.IGNORECASE
)
_POINT = re.compile(
    r"(?:at|behind|by|near|under|outside|off|across[ ]from|next[ ]to|in[ ]front[ ]of|"
    r"on(?=[ ](?:rt|rte|route|hwy|highway|us|sr|cr|i|[0-9])))\b",
    re.IGNORECASE,
)
_THIS_MOMENT = re.compile(
    r"\b(?:right[ ]now|rn|right[ ]this[ ](?:minute|second)|atm|as[ ]we[ ]speak|currently|still[ ]there|heads[ ]up|"
    r"slow[ ]down|just[ ](?:saw|passed|drove[ ]by)|ahorita|ahora|ya[ ]mismo|now(?=\s{0,3}(?:[,.!;)]|$)))\b",
    re.IGNORECASE,
)
_IN_THE_OPEN = re.compile(
    r"\b(?:helping|directing|handing|giving|reading|playing|serving|visiting|teaching|greeting|meeting|talking|speaking|"
    r"cooking|dancing|waving|escorting|raising|collecting|selling|doing|making|taking|getting|being|responding|"
    r"investigating|working|searching|looking|for|because|since|with|thank\w*|love|great|good|awesome|bless|pray\w*|"
    r"safe|please|send|sent|call|called|calling|get|can|want|wants|no|not|never|isn'?t|aren'?t|ain'?t|zero|without|"
    r"hope|maybe|probably|heard|hear|"
    r"drunk|accident|crash|wreck|fire|shots?|shooting|parade|festival|cookout|game|event|ceremony|lunch|"
    r"breakfast)\b",
    re.IGNORECASE,
)
_GOES_ON = re.compile(
    r"(?:[ ,]{1,2}(?:right[ ]now|rn|now|currently|atm))?[ ]{1,2}(?:is|are|has|have|does|do|did|can|will|just|keep|"
    r"look|seem|deserve|really)\b",
    re.IGNORECASE,
)
_BREAK = re.compile(r"[!?\n]|[.:;](?=\s)")
_ABOUT_STOPS = re.compile(rf"\b(?:{_CHECK}|dui|sobriety|speed(?:ing)?[ ](?:detail|enforcement))\b", re.IGNORECASE)
_REACH = 110


@dataclass(frozen=True)
class Position:
    """Where police stand, with offsets in the text searched; ``live`` when the words say that it is now."""

    start: int
    end: int
    live: bool


def positions(text: str, post: str) -> Iterator[Position]:
    """Every position of police in ``text`` (made plain) that ``post`` does not name, those of "they" last."""
    known = frozenset(re.findall(r"\w+", post.lower()))
    about_stops = bool(_ABOUT_STOPS.search(post))
    for anchor in _ANCHOR.finditer(text):
        first, last = _clause(text, anchor.start(), anchor.end())
        placed = _placed(text, anchor, first, last, about_stops)
        doubt = _NOT_LIVE if anchor["team"] else _NOT_NOW
        if anchor["police"] and _is_no_unit(text, anchor, first, last):
            continue
        if placed and not doubt.search(text, first, min(last + 1, len(text))) and _is_news(placed["place"], known):
            live = bool(anchor["team"]) or _is_now(text, anchor.start(), placed.end())
            yield Position(anchor.start(), placed.end(), live)
    for match in _THEY.finditer(text):
        first, last = _clause(text, match.start(), match.end())
        meant = about_stops or _ANCHOR.search(text, match.end(), min(match.end() + 60, len(text)))
        now = _is_now(text, match.start(), match.end()) and not _NOT_NOW.search(text, first, min(last + 1, len(text)))
        if meant and now and _is_news(match["place"] or match["where"], known):
            yield Position(match.start(), match.end(), True)


def _placed(text: str, anchor: re.Match[str], first: int, last: int, about_stops: bool) -> re.Match[str] | None:
    """What puts the named units somewhere, if anything does."""
    match = _STANDING.match(text, anchor.end(), last)
    if match is None:
        named = anchor["check"] or anchor["team"] or re.search(r"unmarked|staging", anchor.group(), re.IGNORECASE)
        match = _DIRECT.match(text, anchor.end(), last)
        if match and not (named or about_stops or _COUNTED.search(text, first, anchor.start())):
            hidden = _HIDDEN.match(text, match.end("between")) and _is_now(text, anchor.start(), match.end())
            match = match if hidden or _is_pointed_out(text, anchor, match, first, last) else None
    return None if match is None or _NOT_THEIRS.search(match["between"]) else match


def _is_no_unit(text: str, anchor: re.Match[str], first: int, last: int) -> bool:
    """Whether a "unit" or "car" is a flat, a store room or a carriage; "units" alone need a number before them."""
    if anchor.group().lower() == "units":
        if not _COUNTED.search(text, first, anchor.start()):
            return True
    elif not _NUMBERED.match(anchor.group()):
        return False
    before = text[max(first, anchor.start() - 16) : anchor.start()]
    return bool(_NO_UNIT_BEFORE.search(before) or _NO_UNIT.search(text, first, last))


def _is_pointed_out(text: str, anchor: re.Match[str], placed: re.Match[str], first: int, last: int) -> bool:
    """Whether "cops at 5th and Main right now" tells where they are: now, in this sentence, and nothing in the open."""
    copula = _COPULA.fullmatch(placed["between"])
    if not copula or not _POINT.match(text, placed.end("between")):
        return False
    named = re.search(r"\b(?:the|that|this)[ ]$", text[first : anchor.start()], re.IGNORECASE)
    if placed["between"].isspace() and (named or _GOES_ON.match(text, placed.end(), last)):
        return False
    window = max(first, anchor.start() - 60), min(last, placed.end() + 60)
    return bool(_THIS_MOMENT.search(text, *window)) and not _IN_THE_OPEN.search(text, first, last)


def _clause(text: str, start: int, end: int) -> tuple[int, int]:
    """The sentence round a find, at most `_REACH` to each side."""
    first, last = max(0, start - _REACH), min(len(text), end + _REACH)
    for stop in _BREAK.finditer(text, first, start):
        first = stop.end()
    stop_after = _BREAK.search(text, end, last)
    return first, stop_after.start() if stop_after else last


def _is_now(text: str, start: int, end: int) -> bool:
    return bool(_NOW.search(text[max(0, start - 60) : end + 60]))


def _is_news(place: str, known: frozenset[str]) -> bool:
    """Whether this is a place, and one that the post does not name with all its words."""
    words = set(re.findall(r"\w+", place.lower())) - {"the", "and", "at", "n", "a", "by", "y"}
    return not words <= known and not _NO_PLACE.search(place)
