"""Where police stand at this moment (A.11.g): what tells it, and the talk about police that does not."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.classify.detectors import Sample
from services.classify.detectors.personal import Personal
from services.classify.detectors.places import positions
from shared.decision import ONLY_PROPOSES

SEEN = [
    # The comment, the stretch that is found, and whether the words say that it is now.
    ("unit 42 is parked at Walmart", "unit 42 is parked at Walmart", False),
    ("Hey, unit 42 is parked at Walmart", "unit 42 is parked at Walmart", False),
    ("Car 12 is at the Shell right now", "Car 12 is at the Shell", True),
    ("car #12 at the Shell rn", "car #12 at the Shell", True),
    ("K9 unit is staged behind the school", "K9 unit is staged behind the school", False),
    ("K-9 staged behind the school rn", "K-9 staged behind the school", True),
    ("cops at 5th and Main right now", "cops at 5th and Main", True),
    ("right now cops at 5th and Main", "cops at 5th and Main", True),
    ("the cops are behind the Wawa right now", "cops are behind the Wawa", True),
    ("two units behind the 7-Eleven", "units behind the 7-Eleven", False),
    ("3 units parked by the bridge", "units parked by the bridge", False),
    ("deputies at the Dollar General rn", "deputies at the Dollar", True),
    ("a trooper at the Exxon right now", "trooper at the Exxon", True),
    ("just passed deputies near the bridge", "deputies near the bridge", True),
    ("patrol unit sitting at Lowe's", "patrol unit sitting at Lowe's", False),
    ("constable parked at the bank right now", "constable parked at the bank", True),
    ("police outside Kroger right now", "police outside Kroger", True),
]
NONE = [
    "unit 42 was great last week",
    "car 12 of the train",
    "is there a K9 unit at the fair?",
    "the police are at every game",
    "are cops at 5th and Main right now?",
    "cops were at 5th and Main",
    "the officer on Main Street right now is directing traffic",
    "the cops at the Shell right now are rude",
    "cops at the school right now helping kids cross",
    "police are at the park right now for the cookout",
    "we need cops at 5th and Main right now",
    "send units to the bank right now",
    "no cops at 5th and Main right now",
    "Officers at the library right now reading to kids",
    "unit 4 behind the church is for rent",
    "she lives in unit 4 behind the church",
    "12 Oak Ave, unit 4 behind the church",
    "12 Oak Ave unit 4 is behind the church right now",
    "storage unit 12 is behind the mall right now",
    "race car 12 is in the pit right now",
    "train car 12 is at the station right now",
    "car 12 at the station had no heat",
    "two apartment units behind the church burned",
    "the AC unit is sitting in the yard",
    "K9 Rex is at the vet right now",
    "my K9 is at the park",
    "units are going fast at the plaza",
    "the blood drive unit is set up at the library",
    "great unit 42, thank you for parking at Walmart",
    "K9 officers are the best at the school",
    "Deputies are at the school every day",
    "unit 7 responded to the bank",
    "cops at the game right now",
    "officers are working at the scene right now",
    "five units behind on rent",
    "two units at the plaza are for lease",
    "car 54 where are you",
    "the police are by far the best right now",
    "officers at the station right now are hard at work",
    "police at the station right now deserve better",
    "saw 3 cruisers at the coffee shop yesterday",
    "",
]
PIECES = [
    "unit ",
    "car ",
    "42 ",
    "K9 ",
    "cops ",
    "two units ",
    "is ",
    "are ",
    "parked ",
    "at ",
    "behind ",
    "the ",
    "Shell ",
]
PIECES += ["5th and Main ", "right now ", "rn", "? ", ". ", ", ", "every ", "7-Eleven ", "\n", "#"]


@pytest.mark.policy("A.11.g")
@pytest.mark.parametrize(("text", "held", "live"), SEEN)
def test_a11g_a_position_of_police_is_seen(text: str, held: str, live: bool) -> None:
    [position] = positions(text, "Thank you all for coming.")
    assert (text[position.start : position.end], position.live) == (held, live)


@pytest.mark.policy("A.11.g")
@pytest.mark.parametrize("text", NONE)
def test_a11g_talk_about_police_tells_no_position(text: str) -> None:
    assert list(positions(text, "Thank you all for coming.")) == []


@pytest.mark.parametrize(
    ("text", "post"),
    [
        ("unit 42 is parked at Walmart", "Meet unit 42 at Walmart from noon."),
        ("cops at 5th and Main right now", "A crash at 5th and Main: please avoid the area."),
        ("two units behind the 7-Eleven", "We are at the 7-Eleven after a robbery."),
    ],
)
def test_a_place_that_the_post_names_is_no_news(text: str, post: str) -> None:
    assert list(positions(text, post)) == []


@pytest.mark.parametrize("text", [text for text, _, _ in SEEN])
def test_a_position_of_police_never_hides(text: str) -> None:
    [evidence] = Personal()(Sample(text))
    assert evidence.source in ONLY_PROPOSES


@given(st.text(max_size=300) | st.lists(st.sampled_from(PIECES), max_size=60).map("".join))
@settings(deadline=None)
def test_a_position_lies_inside_the_text(text: str) -> None:
    for position in positions(text, ""):
        assert 0 <= position.start < position.end <= len(text)
