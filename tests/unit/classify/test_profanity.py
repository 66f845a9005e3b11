"""Masked vulgar words (A.11.b): what is a mask, what only looks like one, and where it stands in the original."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.classify.detectors import Sample
from services.classify.detectors.profanity import masked_profanity
from services.classify.lexicon import LEXICON, Kind, unmasked
from services.classify.policy import findings
from shared.categories import CATEGORIES, Category
from shared.decision import decide
from shared.events import Action
from shared.policy import Mode, load_policy

MASKED = [
    ("what a load of bullsh1t", "bullsh1t"),
    ("sh!t happens", "sh!t"),
    ("F**K this", "F**K"),
    ("you @sshole!!", "@sshole"),
    ("f u c k off", "f u c k"),
    ("f.u.c.k off", "f.u.c.k"),
    ("s*** road again", "s***"),
    ("motherf*cker", "motherf*cker"),
    ("f**ing clowns", "f**ing"),
    ("ｓｈ!ｔ", "ｓｈ!ｔ"),
    ("sh\u200b!t", "sh\u200b!t"),
    ("a$$", "a$$"),
]
LIKELY = [
    "s*** road again",
    "f**ing clowns",
    "exit at a55",
    "a$$",
    "they p*ck on us",
    "b*s of the council",
    "the s***s on Elm",
]
"""One letter, another length, or a word that is harmless by itself: masks that may hide something else."""
NONE = [
    "thank you officers!!",
    "@ashley knows, ask @dick_2",
    "A B C D grades",
    "h*ll and d@mn, what cr@p",
    "permit A55-FKU-07, K9 and MS13",
    "d*** it",
    "Dick Butkus played for the Bears",
    "shit, written plainly, is the model's",
    "a n*gger joke is reported here",
    "*so* proud of a C+ student",
    "5 * 4 * 3",
    "A&E, R&B, c++",
    "",
]


@pytest.mark.parametrize(("text", "place"), MASKED)
@pytest.mark.policy("A.11.b")
def test_a11b_a_masked_word_is_found_where_it_stands(text: str, place: str) -> None:
    [evidence] = masked_profanity(Sample(text))
    assert [text[span.start : span.end] for span in evidence.spans] == [place]
    assert evidence.category == "vulgar"
    assert place.lower() not in evidence.detail.lower()


@pytest.mark.parametrize("text", NONE)
def test_what_is_no_mask_of_a_vulgar_word_is_left_alone(text: str) -> None:
    assert masked_profanity(Sample(text)) == ()


def action(text: str) -> Action:
    """What would follow if the category hid from 0.5."""
    shipped = load_policy()
    change = {"mode": Mode.HIDE, "propose_threshold": 0.4, "hide_threshold": 0.5}
    rule = shipped.categories[Category.VULGAR].model_copy(update=change)
    policy = shipped.model_copy(update={"categories": {**shipped.categories, Category.VULGAR: rule}})
    seen = findings([0.0] * len(CATEGORIES), masked_profanity(Sample(text)), policy, post_known=False)
    return decide(seen, policy).action


@pytest.mark.policy("A.11.b")
@pytest.mark.parametrize("text", [text for text, _ in MASKED])
def test_a11b_only_a_certain_mask_hides_whatever_the_thresholds(text: str) -> None:
    [evidence] = masked_profanity(Sample(text))
    certain = text not in LIKELY
    assert evidence.source == ("masked_profanity" if certain else "likely_profanity")
    assert action(text) is (Action.HIDE if certain else Action.PROPOSE)


@pytest.mark.parametrize("text", LIKELY)
def test_a_mask_that_may_hide_another_word_is_for_a_person_to_judge(text: str) -> None:
    assert action(text) is Action.PROPOSE
    assert action(f"{text}, you sh!t") is Action.HIDE, "the surest mask counts"


def test_all_places_are_one_piece_of_evidence_in_the_order_of_the_text() -> None:
    text = "b!tch please, f u c k that, you a**hole"
    [evidence] = masked_profanity(Sample(text))
    assert [text[span.start : span.end] for span in evidence.spans] == ["b!tch", "f u c k", "a**hole"]


@pytest.mark.parametrize("word", [word for word, kind in LEXICON.items() if kind is Kind.STRONG and len(word) >= 5])
def test_one_star_inside_a_strong_word_is_undone_to_a_strong_word(word: str) -> None:
    starred = word[0] + "*" + word[2:]
    assert LEXICON[unmasked(starred) or "hell"] is Kind.STRONG


@given(st.text(max_size=300))
@settings(deadline=None)
def test_any_text_is_judged_and_spans_lie_inside(text: str) -> None:
    for evidence in masked_profanity(Sample(text)):
        assert all(0 <= span.start < span.end <= len(text) for span in evidence.spans)
