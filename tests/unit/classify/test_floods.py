"""Near-duplicate floods (A.11.i): what is alike, what is remembered, and that it never hides by itself."""

from __future__ import annotations

import pickle
import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.classify.detectors import Sample
from services.classify.detectors.floods import MOST_COMPARED, SCORE, SOURCE, Floods, similarity, sketch_of
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


def test_a_short_copy_may_have_another_word_in_its_middle() -> None:
    floods = Floods(copies=2)
    names = ("bridge", "depot", "library", "market")
    found = [floods(at(number, f"Tell the council the {name} must stay open")) for number, name in enumerate(names)]
    assert [bool(evidence) for evidence in found] == [False, False, True, True]
    assert floods(at(9, "Tell the council that our whole depot wants longer hours")) == ()


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


def test_more_copies_than_are_compared_have_the_same_evidence_when_they_come_again() -> None:
    floods, order = Floods(), list(range(MOST_COMPARED + 60))
    first = [floods(at(number)) for number in order]
    assert all(first[4:])
    random.Random(1).shuffle(order)
    assert [floods(at(number)) for number in order] == [first[number] for number in order]
    [evidence] = floods(at(999))
    assert evidence.matches[0] == f"facebook:1:{len(order) - 1}", "a repeat is not taken for a new copy"


def test_a_repeat_long_after_its_hour_changes_nothing() -> None:
    floods = Floods()
    first = [floods(at(number)) for number in range(8)]
    floods(at(50, OTHER, minutes=200))
    assert [floods(at(number, minutes=0)) for number in range(8)] == first
    assert [floods(at(number, minutes=201)) for number in range(8)] == first, "however late it was delivered again"
    assert len(floods) == 1


def test_an_old_text_that_comes_again_after_an_edit_changes_nothing() -> None:
    floods = filled()
    old, new = at(9), at(9, OTHER)
    before, after = floods(old), floods(new)
    assert before
    assert after == ()
    late = [floods(at(number)) for number in range(20, 26)]
    assert [floods(old), floods(new), floods(old)] == [before, after, before]
    assert [floods(at(number)) for number in range(20, 26)] == late
    [evidence] = floods(at(30))
    assert "facebook:1:9" not in evidence.matches, "its latest text is no copy"


def test_an_edit_of_one_copy_leaves_the_evidence_of_the_others() -> None:
    floods = filled()
    first = floods(at(9))
    floods(at(0, OTHER))
    assert floods(at(9)) == first


def test_a_repeat_whose_evidence_is_no_longer_kept_is_compared_with_what_came_before_it() -> None:
    count = MOST_COMPARED + 60
    floods = Floods(capacity=count + 1)
    first = [floods(at(number)) for number in range(count)]
    for number in range(count + 1):
        floods(at(999, f"{OTHER} {number} {number} {number}"))
    assert [floods(at(number)) for number in range(count)] == first
    assert len(floods) == count + 1


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


def pour(floods: Floods, start: int, count: int) -> None:
    """``count`` comments that share words: each third one a copy, each edited once, each fifth delivered again."""
    words = [f"word{number}" for number in range(60)]
    for number in range(start, start + count):
        draw = random.Random(number)
        text = COPY if number % 3 == 0 else " ".join(draw.choices(words, k=30))
        floods(at(number, text, minutes=number / 100))
        floods(at(number, f"{text} {draw.choice(words)} and that is all", minutes=number / 100))
        if number % 5 == 0:
            floods(at(number, text, minutes=number / 100))


def test_what_is_remembered_stays_as_large_however_many_comments_come() -> None:
    floods, sizes = Floods(capacity=100), []
    for start in range(10_000, 12_000, 400):
        pour(floods, start, 400)
        sizes.append(len(pickle.dumps(floods)))
        assert len(floods) <= 100
        assert len(floods._numbers) == len(floods)
        assert sum(map(len, floods._holders.values())) <= 100 * 24
        assert len(floods._given) <= 100
    assert max(sizes) < 1.1 * min(sizes)


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
