"""
Plain threats of violence: "I will kill you", "somebody should burn down the station", "kill all cops".

What counts is a person who speaks for themselves or calls on others, a word of violence, and a person or a building
that it is aimed at. Nothing found here hides: its source only proposes, and a person judges.

Silent on purpose, and read in the sentence round a find: reports and quotes, questions, what is denied, the past,
idioms ("kill them with kindness", "shoot you a text"), crimes that a third person may commit, punishment by law,
defence of a home, animals, games and photographs. A threat that is hinted at is the model's to judge.

Work is linear: each repeat in a pattern is bounded, and what stands round a find is read in a window of fixed width.

Policy: A.11.f, and A.11.g where police are the target.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from services.classify.detectors import Evidence, Sample
from services.classify.detectors.identifiers import any_of
from services.classify.detectors.plain import plain
from shared.categories import Category

SOURCE = "likely_threat"
"""It never hides (`shared.decision.ONLY_PROPOSES`)."""
LIKELY = 0.8
DETAIL = "It appears to threaten violence, or to call for it."
POLICE_DETAIL = "It appears to threaten police with violence, or to call for it."

_I = re.IGNORECASE
_OFFICERS = (
    "cops?|officers?|deput(?:y|ies)|chief|sheriffs?|pigs?|police(?:m[ae]n)?|troopers?|detectives?|sergeant|"
    "policías?|polis?|oficial(?:es)?"
)
_STATIONS = "(?:sub)?station|precinct|police department|squad cars?|cruisers?"
_PEOPLE = (
    f"{_OFFICERS}|judges?|mayor|council(?:m[ae]n|members?)?|prosecutor|landlord|teachers?|principal|nurses?|"
    "famil(?:y|ies)|kids?|wife|husband|mother|mom|daughters?|sons?|brother|bastards?|"
    "m[uo*]th[ae*]rf[\\w*]{3,8}|bitch(?:es)?|assholes?|fuckers?|muslims?|jews?|immigrants?|illegals|gays?|"
    "people|everyone|everybody|person|guy|snitch(?:es)?|rats|pervert|prick|punks?|scum|animals|dealers?|junkies"
)
_PRONOUN = "you(?: all| guys| people)?|u|ya(?:'?ll)?|y'?all|him|her|them|'?em"
_OF_ALL = "every(?: (?:single|last))? (?:one|1) of (?:you|them|'?em|these|those)|(?:all|each) of (?:you|them|'?em)"
_THE = "the|this|that|these|those|your|his|their|a|an|all|every|any|some|another|more|each|all (?:the|these|those)"
_TARGET = (
    rf"(?:(?P<whom>{_PRONOUN})|{_OF_ALL}|(?:{_THE}) (?:[\w*'-]{{1,14}} ){{0,2}}?(?:{_PEOPLE})|"
    rf"(?:{_OFFICERS}|everyone|everybody))(?![\w'-])"
)
_ANYONE = _TARGET.replace("?P<whom>", "?:")
_BUILDING = (
    rf"(?:{_STATIONS}|(?:court)?house|city hall|home|building|place|office|school|church|mosque|temple|synagogue|"
    "jail|bar|shop|store|block|village|camp|shelter|apartments?|town|city)(?![\\w'-])"
)
_BUILT = rf"(?:the|this|that|your|his|her|their|every) (?:[\w*'-]{{1,14}} ){{0,2}}?{_BUILDING}"
_BODY = r"(?:your|ur|his|her|their)"
_DEATH = r"(?:to death|to a pulp|bloody|until|till|unconscious|senseless)\b"
_ACT = (
    rf"(?:(?:kill|murder|shoot|stab|strangle|lynch|behead|slaughter|(?P<hang>hang|execute)) {_TARGET}|"
    rf"come to {_BUILT} and (?:beat|hurt|stab) {_ANYONE}|"
    rf"beat {_ANYONE} {_DEATH}|"
    rf"(?:burn|torch)(?: down)? {_BUILT}|blow up {_BUILT}|bomb {_BUILT}|shoot up {_BUILT}|"
    rf"(?:put|putting) (?:a|one|two|some) (?:bullets?|rounds?) (?:in|through|into) (?:{_ANYONE}"
    rf"|{_BODY} (?:head|skull|brain|back))|(?:slit|cut) {_BODY} throats?|"
    rf"blow {_BODY} (?:fucking |f\W*ing )?(?:head|brains?) (?:off|out))"
)
_STEPS = r"(?:[\w*'’-]{1,14},? ){0,9}?"
_SWORN = re.compile(
    rf"(?<![\w'’])(?:i['’]ll |we['’]ll |ill |i will |we will |(?:i am|i['’]?m|we are|we['’]?re|i|we) "
    rf"(?:going to|gonna|gon|fixing to|finna|about to|coming to) |i['’]?ma |imma |ima ){_STEPS}{_ACT}",
    _I,
)
_CALLED_FOR = re.compile(
    r"(?<![\w'’])(?:some(?:body|one)|any(?:body|one) with [\w ]{1,12}|every(?:body|one)|they|we|you|y'?all|people|"
    r"one of (?:us|you)) (?:(?:all|really|just|in [\w ]{1,20}) )?"
    rf"(?:should|ought to|needs? to|gotta|have to|has to|must|better)(?! have) (?:[\w'’-]{{1,12}} ){{0,3}}?{_ACT}",
    _I,
)
_ORDER = re.compile(
    r"(?:^|(?<=[.!?;:,\n] )|(?<=[\n]))(?:(?:just|go|and|so|please|time to|let['’]?s|good|ok|yes|everyone|everybody|"
    rf"y'?all|meet [\w ]{{1,30}}(?:and|we)) ){{0,3}}{_ACT}",
    _I,
)
_DEAD = re.compile(
    r"(?:^|(?<=[.!?;\n] ))(?:[\w@'’-]{1,14},? ){0,2}?(?:you['’]?re|you are|u r|ur) (?:so |all |fucking )?"
    r"(?:(?:a )?dead (?:m[ae]n|wom[ae]n|meat)(?: walking)?(?![\w'])|dead(?= ?(?:[.!,;]|$|when|next|if|once)))",
    _I,
)
_WATCHED = re.compile(
    r"(?:watch (?:your|ur) (?:back|six)|sleep (?:tight|well)|(?:i|we)(?:['’]?m| am|['’]?re| are) coming for (?:you|u))"
    r"[\s,.!;&-]{1,4}(?:\w{1,10} ){0,3}?(?:i|we) know where (?:you|u|ur|your)(?: \w{1,8})? "
    r"(?:live|lives|sleep|park|work)s?(?!\w)|"
    r"(?<![\w'’])(?:i|we) know where (?:you|u|your)(?: \w{1,8})? (?:live|lives|sleep|park|work)s?[\s,.!;&-]{1,4}"
    r"(?:\w{1,10} ){0,3}?(?:watch (?:your|ur) back|sleep (?:tight|well)|(?:i|we)(?:['’]?m| am|['’]?re| are) coming)",
    _I,
)
_SPANISH = re.compile(
    r"(?<!\w)(?:(?:te|los|las|lo|la|le|les) (?:voy|vamos) a (?:matar|quemar|balear|apuñalar|degollar|disparar)|"
    r"(?:voy|vamos) a (?:matar|quemar|balear|apuñalar|degollar)(?:te|los|las|lo|la)|"
    rf"(?:voy a|vamos a|hay que|deberían) (?:matar|quemar|balear) (?:a )?(?:todos )?(?:los|las|al|la|el|esos) "
    rf"(?:{_OFFICERS}|estación|comisaría)|(?:maten|mátenlos|quemen) (?:a )?(?:todos )?(?:los|las|al|la|el|esos) "
    rf"(?:{_OFFICERS}|estación|comisaría))(?!\w)",
    _I,
)
_CALLS = (_CALLED_FOR, _ORDER)
_PATTERNS = (_SWORN, *_CALLS, _DEAD, _WATCHED, _SPANISH)

_POLICE = any_of(_OFFICERS, _STATIONS, "estación|comisaría")
_TOLD = any_of(
    "said|says?|saying|told|tell(?:s|ing)?|threat\\w*|yell\\w*|scream\\w*|shout\\w*|texted|wrote|writes|posted|posts|"
    "messaged|claim\\w*|heard|hear|like|quotes?|quoted|lyrics?|song|movie|film|book|episode|called|who|the guy|"
    "reads?|comments?|dijo|dijeron|decía|gritó|amenazó|pray\\w*|hope|afraid|scared|worried|think\\w*|thought|wonder|"
    "before|unless|until|why|how|what"
)
_DENIED = re.compile(r"\b(?:not|never|nobody|no one|noone|none|without|stop|nunca|nadie|no)\b|n['’]?t\b", _I)
_IDIOM = re.compile(
    r"\W{0,2}(?:with (?:kindness|love|a smile|my|the camera|hugs)|an? (?:[\w-]{1,10} ){0,2}(?:e-?mail|card|text|"
    r"message|dm|pm|note|line|link|quote|invite|picture|photo|pic|look|smile)\b|(?:some|the|"
    r"my) (?:info|details|numbers?|pics|photos|link|"
    r"address)|(?:[\w-]{1,12} )?(?:budget|contract|union|funding|bill|overtime|program|pension|levy|tax|"
    r"proposal|plan|idea|deal|meeting|hearing|radio|lights|raise|coffee|beer|look)\b|"
    r"(?:to|at) (?:the punch|it)\b|(?:a )?(?:banner|flag)|up\b|in (?:the )?(?:polls|ratings|court|"
    r"finals?|playoffs)|on (?:video|camera|film)|laughing|de risa|a besos|a abrazos|del susto|out to dry)",
    _I,
)
_DEFENCE = any_of(
    "(?:if|when|whoever|anyone who|anybody who|someone|somebody)\\b[^.!]{0,40}\\b(?:breaks?|broke|breaking|enters?|"
    "intrud\\w+|kicks?|trespass\\w*|step(?:s|ping)? (?:in|on|into|foot)|sets? foot|attacks?|"
    "com(?:es?|ing) (?:in|into|through|at))",
    "self[ -]?defen[cs]e|castle doctrine|stand your ground|intruders?|burglars?|home invaders?",
)
_BY_LAW = any_of(
    "death (?:penalty|row)|penalty|convict\\w*|sentenc\\w*|trial|jury|verdict|executions?|electric chair|lethal|"
    "firing squad|guilty|courts?|legally"
)
_NO_PERSON = any_of(
    "coyotes?|dogs?|deer|hogs?|snakes?|geese|goose|squirrels?|raccoons?|rabid|bears?|cougars?|"
    r"wol(?:f|ves)|pigeons?|crows?|"
    "mosquitos?|mosquitoes|ticks|wasps?|hornets?|bees|roach(?:es)?|weeds?|mice|hunt(?:ing|ers?)?|"
    r"drones?|beavers?|turkeys?|"
    "fireworks|flies|lanternfl(?:y|ies)|cats?|cattle|horse|bull|fish|carp"
)
_PLAY = any_of(
    "game|match|tournament|season|coach|league|softball|football|baseball|basketball|hockey|chess|relay|paintball|nerf|"
    "laser tag|water (?:guns?|balloons?)|squirt\\w*|super soakers?|dunk tank|snowballs?|photos?|photograph\\w*|"
    "camera|portraits?|trivia|bowling|golf|dodgeball|karaoke|cook[ -]?off|bake[ -]?off|chili|jk|just kidding"
)
_BREAK = re.compile(r"[!?\n]|[.;](?=\s)")
_NEW_THOUGHT = re.compile(r"[,:]| (?:or|but) ", _I)
_QUOTE = re.compile("[\"“”«»„]|(?<!\\w)['‘](?!em\\b|cause\\b|til\\b)(?=\\w)")
_REACH = 140


def threats(sample: Sample) -> Sequence[Evidence]:
    """
    The detector: all threats of a comment as one piece of evidence, and a second where police are the target.

    Policy: A.11.f, A.11.g.
    """
    text = plain(sample.text)
    post = plain(sample.post or "").text
    found = sorted(set(_found(text.text, post)))
    if not found:
        return ()
    spans = tuple(text.span(start, end) for start, end, _ in found)
    illegal = Evidence(Category.ILLEGAL_ACTIVITY, LIKELY, SOURCE, spans, DETAIL)
    at_police = tuple(text.span(start, end) for start, end, police in found if police)
    if not at_police:
        return (illegal,)
    return illegal, Evidence(Category.PUBLIC_SAFETY, LIKELY, SOURCE, at_police, POLICE_DETAIL)


def _found(text: str, post: str) -> Iterator[tuple[int, int, bool]]:
    """Each threat's offsets, and whether its sentence names police."""
    for pattern in _PATTERNS:
        for match in pattern.finditer(text):
            first, last = _sentence(text, match.start(), match.end())
            if not _is_silent(text, match, first, last, post):
                yield match.start(), match.end(), bool(_POLICE.search(text, first, last))


def _is_silent(text: str, match: re.Match[str], first: int, last: int, post: str) -> bool:
    """Whether the sentence round a find says that it is no threat."""
    before, words = text[first : match.start()], match.group()
    if text[last : last + 1] == "?" or _QUOTE.search(text[first : last + 1]) or _IDIOM.match(text, match.end()):
        return True
    if _TOLD.search(before) or _TOLD.search(words):
        return True
    if _DENIED.search(_NEW_THOUGHT.split(before)[-1]) or _DENIED.search(words):
        return True
    around = text[max(0, match.start() - _REACH) : match.end() + _REACH]
    if _DEFENCE.search(around) or _PLAY.search(around) or (match.re in _CALLS and _BY_LAW.search(around)):
        return True
    groups = match.groupdict()
    loose = (groups.get("whom") or "").lower() in ("him", "her", "them", "em", "'em")
    if loose and (_NO_PERSON.search(around) or _NO_PERSON.search(post) or _PLAY.search(post)):
        return True
    return bool(loose and (groups.get("hang") or match.re is _ORDER))


def _sentence(text: str, start: int, end: int) -> tuple[int, int]:
    """The sentence round a find, at most `_REACH` to each side."""
    first, last = max(0, start - _REACH), min(len(text), end + _REACH)
    for stop in _BREAK.finditer(text, first, start):
        first = stop.end()
    stop_after = _BREAK.search(text, end, last)
    return first, stop_after.start() if stop_after else last
