"""Near-duplicate floods (A.11.i): what is alike, what is remembered, and that it never hides by itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.classify.detectors import Sample
from services.classify.detectors.floods import SCORE, SOURCE, Floods, similarity, sketch_of
from shared.decision import ONLY_PROPOSES, decide
from shared.events import Action, Finding
from shared.policy import load_policy

START = datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
COPY = "Everybody call the mayor today and tell her the Elm Street station must stay open"
OTHER = "The lanterns on the bridge were lovely and my grandmother cried when the band began"


def at(number: int, text: str = COPY, *, minutes: float = 0) -> Sample:
    return Sample(text, None, (), f"facebook:1:{number}", START + timedelta(minutes=minutes))


def filled(count: int = 4) -> Floods:
    floods = Floods()
    for number in range(count):
        assert floods(at(number)) == ()
    return floods


@pytest.mark.policy("A.11.i")
def test_a11i_the_fifth_copy_is_found_and_the_evidence_lists_the_others() -> None:
    [evidence] = filled()(at(9))
    assert evidence.matches == tuple(f"facebook:1:{number}" for number in (3, 2, 1, 0))
    assert evidence.category == "spam_links"
    assert "4 other" in evidence.detail


def test_copies_may_differ_in_a_word_in_case_and_in_marks() -> None:
    [evidence] = filled()(at(9, COPY.upper().replace(" TODAY", "") + "!!! 🙏"))
    assert len(evidence.matches) == 4


def test_another_text_on_the_same_subject_is_no_copy() -> None:
    assert filled()(at(9, "The Elm Street station must stay open, my mother walks there every day for help")) == ()
    assert filled()(at(9, OTHER)) == ()


def test_short_texts_repeat_by_nature() -> None:
    floods = Floods(copies=2)
    assert [floods(at(number, "thank you officers stay safe")) for number in range(20)] == [()] * 20


def test_a_repeat_of_a_comment_changes_nothing() -> None:
    floods = filled()
    first = floods(at(9))
    for number in range(20, 25):
        floods(at(number))
    assert floods(at(9)) == first
    assert floods(at(0)) == ()
    assert len(floods) == 10


def test_one_comment_that_is_edited_again_and_again_is_no_flood() -> None:
    floods = Floods(copies=2)
    assert [floods(at(1, f"{COPY} {number}")) for number in range(10)] == [()] * 10
    assert len(floods) == 1


def test_an_edit_does_not_count_the_comments_own_earlier_text() -> None:
    floods = Floods(copies=2)
    floods(at(0))
    floods(at(1))
    assert floods(at(1, f"{COPY} please")) == ()


def test_what_is_older_than_the_window_is_forgotten() -> None:
    floods = filled()
    assert floods(at(9, minutes=61)) == ()
    assert len(floods) == 1


def test_a_late_comment_is_compared_by_its_time() -> None:
    floods = filled()
    floods(at(50, OTHER, minutes=59))
    assert floods(at(9, minutes=-61)) == ()


def test_the_window_is_bounded_and_the_oldest_leave_first() -> None:
    floods = Floods(capacity=10)
    for number in range(50):
        floods(at(number, f"{OTHER} {'x' * (number + 1)} number {'y' * (number + 1)} and more"))
    assert len(floods) == 10
    assert len(floods._holders) <= 10 * 24


def test_without_subject_or_time_nothing_is_remembered() -> None:
    floods = Floods(copies=2)
    assert [floods(Sample(COPY)) for _ in range(5)] == [()] * 5
    assert len(floods) == 0


@pytest.mark.policy("A.4")
def test_a4_a_flood_is_proposed_and_never_hidden_whatever_its_score() -> None:
    assert SOURCE in ONLY_PROPOSES
    finding = Finding(category="spam_links", score=1.0, source=SOURCE, reason="A.11.i")
    assert decide([finding], load_policy()).action is Action.PROPOSE
    assert load_policy().categories[finding.category].propose_threshold <= SCORE


@given(st.text(max_size=400), st.text(max_size=400))
@settings(deadline=None)
def test_likeness_is_a_share_symmetric_and_whole_for_the_same_text(one: str, other: str) -> None:
    first, second = sketch_of(one), sketch_of(other)
    if first:
        assert similarity(first, first) == 1
    if first and second:
        assert 0 <= similarity(first, second) == similarity(second, first) <= 1
