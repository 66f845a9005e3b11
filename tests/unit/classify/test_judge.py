"""From scores and evidence to findings, and the words that moved the model: with a model made of words."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from services.classify.detectors import Evidence, Sample
from services.classify.detectors.floods import Floods
from services.classify.detectors.links import Links
from services.classify.handlers import ClassifyComments
from services.classify.judge import Judge
from services.classify.model import Pair, Scores
from services.classify.policy import findings
from services.classify.reasons import MOST_CALLS, moving_words
from shared.categories import CATEGORIES, Category
from shared.events import CommentReceived, Span
from shared.policy import Policy, load_policy

POLICY = load_policy()
AT = datetime(2026, 3, 4, 17, 0, tzinfo=UTC)


class WordModel:
    """Finds vulgar where the word "darn" stands, and off-topic everywhere. Counts what it scored."""

    version = "words"

    def __init__(self) -> None:
        self.calls = 0

    async def score(self, pairs: Sequence[Pair]) -> Scores:
        self.calls += len(pairs)
        rows = np.full((len(pairs), len(CATEGORIES)), 0.01, np.float32)
        rows[:, 0] = 0.9
        for number, pair in enumerate(pairs):
            rows[number, 1] = 0.97 if "darn" in pair.comment else 0.02
        return rows

    async def close(self) -> None:
        return None


def scores(**given: float) -> list[float]:
    return [given.get(category.value, 0.0) for category in CATEGORIES]


def test_a_score_at_the_threshold_is_a_finding_and_below_it_none() -> None:
    rule = POLICY.categories[Category.VULGAR]
    at = findings(scores(vulgar=rule.propose_threshold), [], POLICY, post_known=True)
    assert [finding.category for finding in at] == ["vulgar"]
    assert findings(scores(vulgar=rule.propose_threshold - 0.01), [], POLICY, post_known=True) == ()


@pytest.mark.policy("A.11.a")
def test_a11a_off_topic_is_not_judged_without_the_post() -> None:
    assert findings(scores(off_topic=0.99), [], POLICY, post_known=False) == ()
    [finding] = findings(scores(off_topic=0.99), [], POLICY, post_known=True)
    assert finding.category is Category.OFF_TOPIC


@pytest.mark.policy("A.10")
def test_a10_each_finding_names_its_clause_and_the_detectors_detail() -> None:
    seen = Evidence(Category.SPAM_LINKS, 1.0, "links", (Span(start=0, end=4),), "It holds a link to another site.")
    found = findings(scores(spam_links=0.9, vulgar=0.9), [seen], POLICY, post_known=True)
    assert [(f.category, f.source) for f in found] == [
        ("vulgar", "model"),
        ("spam_links", "links"),
        ("spam_links", "model"),
    ]
    for finding in found:
        assert finding.category.clause in finding.reason
    assert "It holds a link" in found[1].reason


@pytest.mark.asyncio
async def test_the_words_that_moved_the_model_are_found_in_the_text() -> None:
    text = "you are a darn  fool, sir"
    [span] = (await moving_words(WordModel(), Sample(text), {Category.VULGAR: 0.97}))[Category.VULGAR]
    assert text[span.start : span.end] == "darn"


@pytest.mark.asyncio
async def test_a_long_text_is_explained_with_a_bounded_number_of_calls() -> None:
    model, text = WordModel(), "word " * 400 + "darn " + "word " * 400
    words = await moving_words(model, Sample(text, "A post."), {Category.VULGAR: 0.97, Category.OFF_TOPIC: 0.9})
    [span] = words[Category.VULGAR]
    assert model.calls <= MOST_CALLS, "two findings share their scores"
    assert "darn" in text[span.start : span.end]


@pytest.mark.asyncio
async def test_where_no_word_moves_it_the_whole_text_is_the_evidence() -> None:
    text = "what a lovely day"
    [span] = (await moving_words(WordModel(), Sample(text, "A post."), {Category.OFF_TOPIC: 0.9}))[Category.OFF_TOPIC]
    assert (span.start, span.end) == (0, len(text))


@pytest.mark.asyncio
async def test_a_clean_comment_costs_no_explanation() -> None:
    model = WordModel()
    assert await moving_words(model, Sample("thank you"), {}) == {}
    assert model.calls == 0


@given(st.text(alphabet="ab darn\n\u00e9\u200b\U0001f692", max_size=200))
@hypothesis_settings(deadline=None)
def test_spans_lie_within_any_text(text: str) -> None:
    words = asyncio.run(moving_words(WordModel(), Sample(text), {Category.VULGAR: 0.97}))
    for span in words[Category.VULGAR]:
        assert 0 <= span.start < span.end <= len(text)


@pytest.mark.asyncio
async def test_an_empty_text_holds_nothing() -> None:
    [verdict] = await Judge(WordModel(), [Links()], POLICY)([Sample("  ", "A post.")])
    assert verdict.findings == ()
    assert set(verdict.scores) == {0.0}


def comment(number: int, text: str, **more: object) -> CommentReceived:
    values = {
        "subject": f"facebook:1:{number}", "time": AT, "platform": "facebook", "account": "1",
        "comment_id": str(number), "revision": "r", "text": text, "created_at": AT, "received_at": AT,
        "how": "webhook", "raw": "{}", "post_text": "A post.",
    }  # fmt: skip
    return CommentReceived.caused_by(f"facebook:1:{number}/r", **{**values, **more})


@pytest.mark.asyncio
async def test_verdicts_come_in_order_and_a_repeat_has_the_same_ids(policy: Policy) -> None:
    classify = ClassifyComments(Judge(WordModel(), [Links()], policy), lambda: AT)
    comments = [comment(1, "darn it"), comment(2, "fine", by_account=True), comment(3, "see gazette.com")]
    first, second = await classify(comments), await classify(comments)
    assert [event.subject for event in first] == [event.subject for event in comments]
    assert [event.id for event in first] == [event.id for event in second]
    assert [sorted({f.category.value for f in event.findings}) for event in first] == [
        ["off_topic", "vulgar"],
        [],
        ["off_topic", "spam_links"],
    ]
    assert first[0].policy_version == policy.version


@pytest.mark.asyncio
@pytest.mark.policy("A.11.i")
async def test_a11i_copies_by_others_are_a_finding_that_lists_them_and_a_redelivery_gives_the_same(
    policy: Policy,
) -> None:
    classify = ClassifyComments(Judge(WordModel(), [Floods(copies=3)], policy), lambda: AT)
    text = "everybody tell the council to keep the night bus on Elm Street"
    copies = [comment(number, text) for number in range(5)]
    events = await classify(copies)
    floods = [[f.matches for f in event.findings if f.source == "flood"] for event in events]
    assert floods == [[], [], [], [("facebook:1:2", "facebook:1:1", "facebook:1:0")],
                      [("facebook:1:3", "facebook:1:2", "facebook:1:1", "facebook:1:0")]]  # fmt: skip
    again = await classify(copies)
    assert [event.findings for event in again] == [event.findings for event in events]
