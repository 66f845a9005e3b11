"""Disguises are undone, meaning is kept, and every character leads back to the original."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.classify.normalise import normalise

DISGUISED = [
    ("F U C K you", "FUCK you"),
    ("f.u.c.k off", "fuck off"),
    ("sh1t happens", "shit happens"),
    ("you a$$hole", "you asshole"),
    ("what a b!tch, such @ssholes!!", "what a bitch, such assholes!!"),
    ("f*ck this sh*t, f**king b****", "fuck this shit, fucking bitch"),
    ("F*CK OFF", "FUCK OFF"),
    ("tap the l i n k i n b i o", "tap the linkinbio"),
    ("d@mn, total bullsh1t", "damn, total bullshit"),
    ("h3ll0 there", "hello there"),
    ("\u0430\u0435\u043eb", "aeob"),
    ("ｆｕｌｌ ｗｉｄｔｈ", "full width"),
    ("sooooo gooood", "soo good"),
    ("what???!!!!", "what??!!"),
    ("a\u0301\u0301\u0301bc", "\u00e1bc"),
    ("two\n\n  lines\t", "two lines"),
    ("see https://www.Shop.example/deals/free-money?x=1", "see link shop.example deals free money"),
]
KEPT = [
    "call 555-0142 after 7pm",
    "on 5th Street, the 1st of May",
    "K9 unit, I-64, exit B4",
    "costs $5 or 4,000 dollars",
    "¡Gracias! ¿Mañana también, niño?",
    "Élan and naïveté",
    "U.S.A. today",
    "👍 👨\u200d👩\u200d👧 great",
    "don't re-enter",
    "@maria and @SherryL98, thanks",
    "A B C D grades for x y z w",
    "wow!that was quick!!",
    "*so* proud of a C+ student & 4x4s",
    "A&E, R&B and c++, d***, hell@",
    "save 20% on a T-shirt #PrideMonth",
    "COVID19 and MS13",
]

PROSE = ("the", "officers", "closed", "Elm", "street", "again", "today", "and", "nobody", "knows", "why")


@pytest.mark.parametrize(("given_text", "plain"), DISGUISED)
def test_a_disguise_is_undone(given_text: str, plain: str) -> None:
    assert normalise(given_text).text == plain


@pytest.mark.parametrize("text", KEPT)
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert normalise(text).text == text


@given(st.text(max_size=300))
@settings(max_examples=300, deadline=None)
def test_it_never_raises_and_a_second_time_changes_nothing(text: str) -> None:
    once = normalise(text)
    assert normalise(once.text).text == once.text


@given(st.text(max_size=200))
@settings(deadline=None)
def test_every_character_leads_back_into_the_original(text: str) -> None:
    found = normalise(text)
    assert len(found.offsets) == len(found.text)
    assert list(found.offsets) == sorted(found.offsets)
    assert all(0 <= offset < len(text) for offset in found.offsets)
    for start in range(len(found.text)):
        begin, end = found.original_span(start, start + 1)
        assert 0 <= begin < end <= len(text)


@given(st.lists(st.sampled_from(PROSE), max_size=30))
def test_plain_prose_is_not_touched(words: list[str]) -> None:
    assert normalise(" ".join(words)).text == " ".join(words)


def test_a_span_of_the_plain_text_is_found_in_the_original() -> None:
    original = "you  f.u.c.k  clown"
    found = normalise(original)
    start = found.text.index("fuck")
    begin, end = found.original_span(start, start + 4)
    assert original[begin:end].startswith("f.u.c.k"[:1])
    assert begin == original.index("f")
