"""How the detectors are measured: levels that may hide, intervals, halves, own sites, and the stream with floods."""

from __future__ import annotations

import json
import random

import pytest

from services.classify.detectors import Evidence
from services.classify.training.consequences import evidence_of
from services.classify.training.data import AUTHORED, Row
from services.classify.training.detectors import (
    ALTERATIONS,
    DETECTORS,
    ENOUGH,
    MOST_COPIES,
    SPREAD,
    Placed,
    replay,
    share,
    stream,
    table,
    tuned_rows,
)
from shared.categories import CATEGORIES, Category
from shared.decision import ONLY_PROPOSES
from shared.policy import load_policy

LINE = "Everybody call the mayor today and tell her the Elm Street station must stay open"


def row(text: str, *categories: Category, post: str = "A post.", setting: str = "here") -> Row:
    labels = tuple(int(category in categories) for category in CATEGORIES)
    return Row(text, text, post, text, post, labels, False, setting, "test")


def texts(count: int) -> list[str]:
    draw = random.Random(7)
    return [" ".join(f"w{draw.randrange(5000)}" for _ in range(draw.randint(3, 25))) for _ in range(count)]


def test_a_level_counts_what_scores_at_it_or_above_and_may_hide_only_where_all_is_certain() -> None:
    rows = [row("a", Category.SPAM_LINKS), row("b", Category.SPAM_LINKS), row("c"), row("d", Category.SPAM_LINKS)]
    sources = [(1.0, "links"), (0.85, "likely_link"), (0.85, "likely_link")]
    evidence = [[Evidence(Category.SPAM_LINKS, score, source, (), "x")] for score, source in sources]
    _, _, certain, all_of_them = table(rows, [*evidence, []])
    assert certain == f"| links | spam_links | 1.00 | yes | 1 | {share(1, 1)} | {share(1, 3)} |"
    assert all_of_them == f"| links | spam_links | 0.85 | no | 3 | {share(2, 3)} | {share(2, 3)} |"
    assert share(2, 3) == "66.7 % (20.8 to 93.9)"


def test_each_source_that_only_proposes_belongs_to_a_detector() -> None:
    assert set(DETECTORS) >= ONLY_PROPOSES - {"flood"}


def test_own_sites_and_the_policys_own_numbers_are_no_finds() -> None:
    number = load_policy().city.phone_numbers[0]
    rows = [
        row("see permits.calderlake.gov/boats", post="Rules at calderlake.gov/boating", setting="lake"),
        row("see permits.calderlake.gov/boats", setting="valley"),
        row(f"her cell is {number}"),
        row("her cell is 757-555-0182"),
    ]
    found = evidence_of(rows, load_policy())
    assert [[item.source for item in seen] for seen in found] == [[], ["links"], [], ["personal"]]


@pytest.mark.parametrize(("file", "tuned"), [("city_police", True), ("small_town", False)])
def test_a_row_is_of_the_half_of_its_file(file: str, tuned: bool) -> None:
    given = json.loads((AUTHORED / f"{file}.jsonl").read_text().splitlines()[0])
    assert tuned_rows([row(given["comment"], post=given["post"])]) == [tuned]


def test_the_stream_is_the_same_each_time_and_holds_every_page_comment_in_its_order() -> None:
    given = texts(SPREAD + 300)
    placed = stream(given, seed=3, floods=5)
    assert placed == stream(given, seed=3, floods=5)
    assert placed != stream(given, seed=4, floods=5)
    assert [item.text for item in placed if not item.alteration] == given
    for flood in range(5):
        places = [at for at, item in enumerate(placed) if item.flood == flood and item.alteration]
        assert 5 <= len(places) <= MOST_COPIES
        assert places[-1] - places[0] <= SPREAD + 5 * MOST_COPIES
    assert {item.alteration for item in placed} <= {"", *ALTERATIONS}


def test_too_short_a_stream_is_refused() -> None:
    with pytest.raises(ValueError, match="range"):
        stream(texts(SPREAD), floods=1)


def test_a_replay_counts_what_is_found_right_and_missed() -> None:
    name = "word for word"
    other = "The lanterns on the bridge were lovely and my grandmother cried when the band began"
    copies = [Placed(LINE, 0, name) for _ in range(ENOUGH + 2)]
    missed = Placed("We all know that it is time to think of what the children need in winter", 0, name)
    not_planted = [Placed(other) for _ in range(ENOUGH + 1)]
    lines = replay([*copies, missed, *not_planted])
    listed = ENOUGH + ENOUGH + 1
    assert f"| found: of a flood (precision) | 3 | {share(2, 3)} |" in lines
    assert f"| listed as alike: of the same flood | {listed + ENOUGH} | {share(listed, listed + ENOUGH)} |" in lines
    assert f"| to be found: found (recall) | 3 | {share(2, 3)} |" in lines
    assert f"| of these, {name} | 3 | {share(2, 3)} |" in lines


def test_copies_that_come_too_late_are_not_to_be_found() -> None:
    gap = [Placed(text) for text in texts(2000)]
    lines = replay([*(Placed(LINE, 0, "word for word") for _ in range(ENOUGH)), *gap, Placed(LINE, 0, "word for word")])
    assert f"| to be found: found (recall) | 0 | {share(0, 0)} |" in lines
