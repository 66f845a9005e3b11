"""Plain threats of violence (A.11.f, and A.11.g against police): what is found, and the neighbours that stay silent."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.classify.detectors import LONGEST, Sample
from services.classify.detectors.threats import LIKELY, SOURCE, threats
from services.classify.service import detectors
from shared.categories import Category
from shared.decision import ONLY_PROPOSES
from shared.policy import Policy

THREATS = """\
I will kill you
I WILL KILL YOU ALL
I’ll kill you
im gonna kill you
I am going to kill you and your family
I will come to your house and kill you
I will come to your house and beat him
I'm going to beat you to death
I'm going to put a bullet in your head
we will burn your house down
I'll slit your throat
you can't hide, I will kill you
don't come back or I will kill you
Thanks. I will kill you
I will kill you after court
I'm going to shoot up the school
you're dead
you're a dead man
watch your back, I know where you live
I know where you live, watch your back
they should shoot every one of them
someone needs to stab that judge
te voy a matar
los vamos a matar""".splitlines()
AT_POLICE = """\
I'm gonna shoot this cop
somebody should burn down the station
kill all cops
shoot the cops
burn down the precinct
we should hang the chief
Officer Reyes, you're a dead man
hay que matar a los policías""".splitlines()
SILENT = """\
I will kill you with kindness
I'll shoot you an email
I will shoot you a text
I'm gonna shoot them a message
I'll shoot the chief an email
we should shoot the police a thank you card
we should kill the police budget
we need to kill the police union contract
my wife will kill me
this heat will kill you
drugs will kill you
you're killing me
it was a shot in the arm
I'll beat you to the punch
we should hang the banner
we should hang the chief's portrait
it will burn down in flames
burn calories
I'd kill for a donut
the budget should be shot down
killer deal
kill the lights
he said he will kill you
he told me I will kill you
He yelled "I will kill you"
the note on the door: “I will kill you”
he was mad, 'I will kill you' and so on
someone threatened to shoot up the school
a man who told her I will kill you
I didn't say I will kill you
I won't hurt you
I will never kill you
nobody should shoot anyone
they killed him
he will kill her one day
should we shoot the cops?
he should get the death penalty
they should hang him
they should execute him
after the verdict they should hang that person
if someone breaks in I will shoot them
those coyotes are back, I will shoot them
we will kill them in the game on Friday
you're dead wrong
you're dead to me
touch that line and you're dead
watch your back out there officers
te voy a matar de risa
él dijo te voy a matar""".splitlines()
PIECES = [
    "I will ",
    "kill ",
    "shoot ",
    "you ",
    "the ",
    "cops",
    " should ",
    "burn ",
    "station",
    ". ",
    ", ",
    "? ",
    "\n",
    '"',
]


@pytest.mark.policy("A.11.f")
@pytest.mark.parametrize("text", THREATS)
def test_a11f_a_plain_threat_is_found_and_never_hides(text: str) -> None:
    [evidence] = threats(Sample(text))
    assert (evidence.category, evidence.score, evidence.source) == (Category.ILLEGAL_ACTIVITY, LIKELY, SOURCE)
    assert evidence.spans
    assert SOURCE in ONLY_PROPOSES


@pytest.mark.policy("A.11.g")
@pytest.mark.parametrize("text", AT_POLICE)
def test_a11g_a_threat_at_police_is_one_to_public_safety_too(text: str) -> None:
    found = threats(Sample(text))
    assert [item.category for item in found] == [Category.ILLEGAL_ACTIVITY, Category.PUBLIC_SAFETY]
    assert {item.source for item in found} == {SOURCE}


@pytest.mark.policy("A.11.f")
@pytest.mark.parametrize("text", [*SILENT, ""])
def test_a11f_idioms_reports_questions_denials_and_the_law_are_no_threats(text: str) -> None:
    assert threats(Sample(text)) == ()


def test_animals_of_the_post_are_not_persons() -> None:
    assert threats(Sample("I will shoot them", "Coyotes were seen near the school.")) == ()
    assert threats(Sample("I will shoot them", "The council meets on Monday."))


def test_a_threat_behind_invisible_and_wide_letters_is_found_where_it_stands() -> None:
    text = "Hm. I will k\u200bill ｙｏｕ now"
    [evidence] = threats(Sample(text))
    [span] = evidence.spans
    assert text[span.start : span.end] == "I will k\u200bill ｙｏｕ"


def test_the_detail_quotes_nothing() -> None:
    assert all("cop" not in item.detail for item in threats(Sample("kill all cops")))


def test_the_service_looks_for_threats(policy: Policy) -> None:
    assert threats in detectors(policy)


def test_only_the_first_characters_are_looked_at() -> None:
    assert threats(Sample("." * LONGEST + " I will kill you")) == ()


@given(st.text(max_size=300) | st.lists(st.sampled_from(PIECES), max_size=60).map("".join))
@settings(deadline=None)
def test_a_threat_lies_inside_the_text(text: str) -> None:
    for evidence in threats(Sample(text)):
        assert all(0 <= span.start < span.end <= len(text) for span in evidence.spans)
