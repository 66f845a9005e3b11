"""The words that moved a model: where they lie, and how many scores it takes to find them."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pytest

from services.classify.detectors import Sample
from services.classify.judge import Judge
from services.classify.model import SHIPPED, OnnxModel, Pair, Reading, Scores, read
from services.classify.reasons import MOST_CALLS, MOST_SPANS, moving_words
from shared.categories import CATEGORIES, Category
from shared.events import Span
from shared.policy import load_policy

FILLER = "the officers closed a street and we all walked home along the old river bank today"
LONG = " ".join([FILLER] * 5)
"""Eighty words, none alike to an offence."""


class Windows:
    """
    Reads windows of ``size`` words that do not overlap, and finds "darn" (vulgar) and "kill" (public safety).

    Counts its runs: one for each window of each text, as they cost time.
    """

    version = "windows"

    def __init__(self, size: int = 80) -> None:
        self.size, self.runs = size, 0

    def windows(self, text: str) -> list[Span]:
        words = list(re.finditer(r"\S+", text)) or list(re.finditer("^", text))
        chunks = [words[begin : begin + self.size] for begin in range(0, len(words), self.size)]
        return [Span(start=chunk[0].start(), end=chunk[-1].end()) for chunk in chunks]

    def row(self, text: str) -> Scores:
        self.runs += 1
        row = np.full(len(CATEGORIES), 0.01, np.float32)
        row[CATEGORIES.index(Category.OFF_TOPIC)] = 0.9
        row[CATEGORIES.index(Category.VULGAR)] = 0.97 if "darn" in text else 0.02
        row[CATEGORIES.index(Category.PUBLIC_SAFETY)] = 0.9 if "kill" in text else 0.02
        return row

    async def score(self, pairs: Sequence[Pair]) -> Scores:
        return np.stack([reading.scores for reading in await self.read(pairs)])

    async def read(self, pairs: Sequence[Pair]) -> list[Reading]:
        found = []
        for pair in pairs:
            windows = self.windows(pair.comment)
            rows = np.stack([self.row(pair.comment[window.start : window.end]) for window in windows])
            found.append(Reading(rows.max(axis=0), tuple(windows[number] for number in rows.argmax(axis=0))))
        return found

    async def close(self) -> None:
        return None


async def words_of(model: Windows, text: str, *categories: Category) -> list[list[str]]:
    """For each category the words that are shown; then the runs that this took are in ``model.runs``."""
    [reading] = await model.read([Pair(text)])
    scores = {category: float(reading.scores[CATEGORIES.index(category)]) for category in categories}
    model.runs = 0
    found = await moving_words(model, Sample(text), scores, reading.stretches)
    return [[text[span.start : span.end] for span in found[category]] for category in categories]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "text",
    [
        "you are a darn  fool, sir",
        f"{FILLER} darn {FILLER}",
        f"{LONG} {FILLER} darn {FILLER} {LONG}",
        f"{LONG} " * 12 + "darn",
        f"\n\u200b\U0001f692 {LONG}\n\n{LONG} darn\u3000{LONG}",
    ],
)
async def test_the_word_itself_is_found_however_long_the_text_is(text: str) -> None:
    model = Windows()
    assert await words_of(model, text, Category.VULGAR) == [["darn"]]
    assert model.runs <= MOST_CALLS


@pytest.mark.asyncio
async def test_the_runs_do_not_grow_with_the_text() -> None:
    model, runs = Windows(), []
    for copies in (2, 20, 100):
        assert await words_of(model, f"{LONG} darn " + f"{LONG} " * copies, Category.VULGAR) == [["darn"]]
        runs.append(model.runs)
    assert len(set(runs)) == 1


@pytest.mark.asyncio
@pytest.mark.parametrize("gap", ["and", FILLER, f"{FILLER} {FILLER} {FILLER}", f"{LONG} {LONG} {LONG}"])
async def test_an_offence_that_stands_there_twice_is_found_and_not_the_whole_text(gap: str) -> None:
    model, text = Windows(), f"{FILLER} darn {gap} darn {FILLER}"
    [words] = await words_of(model, text, Category.VULGAR)
    assert "darn" in words
    assert len(words) <= MOST_SPANS
    assert all("darn" in shown for shown in words)
    assert all(len(shown.split()) <= 7 for shown in words), "a twelfth of a window"
    assert model.runs <= MOST_CALLS


@pytest.mark.asyncio
async def test_the_judge_looks_at_the_window_that_decided() -> None:
    model, text = Windows(), f"{LONG} " * 40 + f"darn {LONG}"
    [verdict] = await Judge(model, [], load_policy())([Sample(text)])
    assert [text[span.start : span.end] for finding in verdict.findings for span in finding.spans] == ["darn"]
    assert model.runs <= len(model.windows(text)) + MOST_CALLS


@pytest.mark.asyncio
async def test_a_window_that_cuts_a_word_is_scored_without_it() -> None:
    text = f"painkiller {FILLER}"
    stretch = Span(start=text.index("kill"), end=len(text))
    found = await moving_words(Windows(), Sample(text), {Category.PUBLIC_SAFETY: 0.9}, [stretch] * len(CATEGORIES))
    assert found[Category.PUBLIC_SAFETY] == (stretch,)


@pytest.mark.asyncio
async def test_two_findings_of_a_long_text_have_each_its_own_window() -> None:
    model = Windows()
    text = f"{LONG} darn {LONG} {LONG} I kill you {LONG}"
    assert await words_of(model, text, Category.VULGAR, Category.PUBLIC_SAFETY) == [["darn"], ["kill"]]
    assert model.runs <= 2 * MOST_CALLS


@pytest.mark.asyncio
async def test_where_nothing_stands_out_it_is_the_window_and_for_off_topic_the_whole_text() -> None:
    model, text = Windows(), f"{LONG} " + "darn " * 80 + LONG
    assert await words_of(model, text, Category.VULGAR, Category.OFF_TOPIC) == [[("darn " * 80).strip()], [text]]
    assert model.runs <= 2 * MOST_CALLS


@pytest.mark.asyncio
async def test_a_text_without_blanks_shows_no_more_than_its_window() -> None:
    text = "a" * 500 + "darn" + "b" * 500
    found = await moving_words(
        Windows(), Sample(text), {Category.VULGAR: 0.97}, [Span(start=450, end=600)] * len(CATEGORIES)
    )
    assert found[Category.VULGAR] == (Span(start=450, end=600),)


@pytest.mark.asyncio
async def test_a_repeat_gives_the_same_spans() -> None:
    text = f"{LONG} darn {FILLER} darn {LONG}"
    assert await words_of(Windows(), text, Category.VULGAR) == await words_of(Windows(), text, Category.VULGAR)


@pytest.fixture(scope="module")
def shipped() -> OnnxModel:
    return OnnxModel(SHIPPED, workers=2)


PLAIN = "Thank you to everyone who came to the meeting about the new bus lane on Elm Street last night. "
PROFANE = "You fucking assholes."
THREAT = "Bring your guns and come shoot every cop at the station tonight, kill them all."


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "shape",
    ["{offence}", "{plain}{offence} {plain}", "{many}{offence} {many}", "{plain}{offence} {plain}{plain}{offence}"],
    ids=["alone", "in_a_window", "in_several_windows", "twice"],
)
async def test_the_shipped_models_spans_fall_on_profanity(shipped: OnnxModel, shape: str) -> None:
    text = shape.format(offence=PROFANE, plain=PLAIN, many=PLAIN * 12)
    judge = Judge(shipped, [], load_policy())
    [verdict], [again] = await judge([Sample(text)]), await judge([Sample(text)])
    assert verdict == again
    [finding] = [finding for finding in verdict.findings if finding.category is Category.VULGAR]
    shown = [text[span.start : span.end] for span in finding.spans]
    assert any(re.search("fucking|assholes", words) for words in shown), shown
    assert all(len(words.split()) <= 8 for words in shown), shown


@pytest.mark.asyncio
async def test_the_shipped_models_spans_fall_on_a_threat(shipped: OnnxModel) -> None:
    [reading] = await read(shipped, [Pair(THREAT)])
    score = float(reading.scores[CATEGORIES.index(Category.ILLEGAL_ACTIVITY)])
    found = await moving_words(shipped, Sample(THREAT), {Category.ILLEGAL_ACTIVITY: score}, reading.stretches)
    shown = " ".join(THREAT[span.start : span.end] for span in found[Category.ILLEGAL_ACTIVITY])
    assert re.search("guns|shoot|cop|kill", shown)


@pytest.mark.asyncio
async def test_the_shipped_model_tells_where_the_window_lies_in_the_original(shipped: OnnxModel) -> None:
    disguised = "Y\u200bou f*cking a$$holes."
    text = f"{' ' * 900}{PLAIN * 12}\n\n{disguised}  {PLAIN * 12}"
    [reading] = await read(shipped, [Pair(text)])
    stretch = reading.stretches[CATEGORIES.index(Category.VULGAR)]
    begin = text.index(disguised)
    assert stretch.start <= begin
    assert begin + len(disguised) <= stretch.end
    assert stretch.end - stretch.start < 700
    assert (reading.scores == (await shipped.score([Pair(text)]))[0]).all()


@pytest.mark.asyncio
async def test_a_comment_of_one_window_is_read_as_a_whole(shipped: OnnxModel) -> None:
    pairs = [Pair(f" {PLAIN}"), Pair(""), Pair("\u200b")]
    for pair, reading in zip(pairs, await read(shipped, pairs), strict=True):
        assert set(reading.stretches) == {Span(start=0, end=len(pair.comment))}
    assert await read(shipped, []) == []
