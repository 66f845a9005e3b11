"""A history line by line: what a line must hold, what is told of a wrong one, and what is counted."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from services.classify.judge import Judge
from services.classify.lines import MOST_NAMES, read
from services.classify.model import Pair, Scores
from services.classify.scoring import BATCH, Tally, score_history
from shared.categories import CATEGORIES
from shared.policy import load_policy

POLICY = load_policy()
GOOD = b'{"id": 1, "text": "Thanks!"}'


class WordModel:
    """Finds vulgar where the word "darn" stands, off-topic everywhere, and no number where "nan" stands."""

    version = "words"

    def __init__(self) -> None:
        self.closed = 0

    async def score(self, pairs: Sequence[Pair]) -> Scores:
        rows = np.full((len(pairs), len(CATEGORIES)), 0.01, np.float32)
        rows[:, 0] = 0.99
        for number, pair in enumerate(pairs):
            rows[number, 1] = 0.99 if "darn" in pair.comment else 0.02
            rows[number, 2] = np.nan if "nan" in pair.comment else 0.02
        return rows

    async def close(self) -> None:
        self.closed += 1


def scored(history: bytes) -> tuple[list[dict[str, Any]], Tally]:
    """The answers, read as strict JSON, and the tally."""

    def refuse(constant: str) -> None:
        pytest.fail(f"{constant} is not JSON")

    output, steps, model = io.StringIO(), list[int](), WordModel()
    tally = score_history(io.BytesIO(history), Judge(model, [], POLICY), POLICY, output, steps.append)
    assert (sum(steps), model.closed) == (tally.lines, 1)
    return [json.loads(line, parse_constant=refuse) for line in output.getvalue().splitlines()], tally


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b'{"id": 1, "text": 5}', "text must be a string, not a number"),
        (b'{"id": 1, "text": 5.5}', "text must be a string, not a decimal number"),
        (b'{"id": 1, "text": NaN}', "text must be a string, not NaN"),
        (b'{"id": 1, "text": null}', "text must be a string, not null"),
        (b'{"id": 1, "text": ["a"]}', "text must be a string, not an array"),
        (b'{"id": 1, "text": "a", "post": {}}', "post must be a string, not an object"),
        (b'{"id": 1, "text": "a", "platform": 7}', "platform must be a string, not a number"),
        (b'{"id": 1}', "text must be a string and is missing"),
        (b'{"id": 1, "txt": "a"}', "text must be a string and is missing; fields that are not known: txt"),
        (b'{"text": "a"}', "id must be a string or an integer and is missing"),
        (b'{"id": null, "text": "a"}', "id must be a string or an integer, not null"),
        (b'{"id": NaN, "text": "a"}', "id must be a string or an integer, not NaN"),
        (b'{"id": 1.0, "text": "a"}', "id must be a string or an integer, not a decimal number"),
        (b'{"id": true, "text": "a"}', "id must be a string or an integer, not true or false"),
        (
            b'{"id": {}, "text": 5}',
            "id must be a string or an integer, not an object; text must be a string, not a number",
        ),
        (b'["a"]', "the line must be an object with id and text, not an array"),
        (b"NaN", "the line must be an object with id and text, not NaN"),
        (b"{", "the line is not JSON"),
        (b'{"id": ' + b"1" * 5000 + b"}", "the line is not JSON"),
        (b'{"id": 1, "text": "\xff"}', "the line is not UTF-8"),
    ],
)
def test_a_wrong_line_is_told_by_field_and_kind(line: bytes, error: str) -> None:
    found = read(7, line)
    assert (found.number, found.sample, found.error) == (7, None, error)


def test_a_refused_line_keeps_its_id_only_where_it_is_one() -> None:
    rows, _ = scored(b'{"id": "a", "text": 5}\n{"id": NaN, "text": "a"}\n{"id": [1], "text": "a"}\n')
    assert [row.get("id") for row in rows] == ["a", None, None]
    assert [row["line"] for row in rows] == [1, 2, 3]


@pytest.mark.parametrize("more", [{}, {"post": None, "platform": None}, {"post": "", "platform": "facebook"}])
def test_what_is_optional_may_be_null(more: dict[str, object]) -> None:
    found = read(1, json.dumps({"id": "a", "text": "", **more}).encode())
    assert found.error == ""
    assert found.sample is not None
    assert (found.sample.text, found.sample.post) == ("", None)


def test_the_words_of_a_line_are_never_told() -> None:
    found = read(1, json.dumps({"id": 1, "txt": "secret", "Call me, secret": 1, "se" * 30: 2}).encode())
    assert found.unknown == ("txt",)
    assert "se" not in found.error


@given(
    st.dictionaries(
        st.sampled_from(["id", "text", "post", "platform", "txt"]),
        st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=3),
    )
)
@hypothesis_settings(max_examples=100, deadline=None)
def test_a_line_has_a_sample_or_an_error(fields: dict[str, object]) -> None:
    found = read(1, json.dumps(fields).encode())
    assert (found.sample is None) == bool(found.error)


def test_a_byte_order_mark_and_windows_line_ends_are_read() -> None:
    rows, tally = scored(b"\xef\xbb\xbf" + GOOD + b"\r\n\r\n" + GOOD + b"\r\n")
    assert ([row["id"] for row in rows], tally) == ([1, 1], Tally(lines=2))


@pytest.mark.parametrize("history", [b"", b"\n \r\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\r\n"])
def test_an_empty_history_has_no_answers(history: bytes) -> None:
    assert scored(history) == ([], Tally())


def test_a_wrong_line_stops_nobody_and_the_first_is_remembered() -> None:
    history = [GOOD, b"", b"not JSON", *[GOOD] * BATCH, b'{"id": 2}', GOOD]
    rows, tally = scored(b"\n".join(history))
    assert ["error" in row for row in rows] == [False, True, *[False] * BATCH, True, False]
    assert tally == Tally(lines=BATCH + 4, failed=2, first=3)
    assert [row["line"] for row in rows if "error" in row] == [3, BATCH + 4]


def test_a_score_that_is_no_number_is_an_error_and_never_written() -> None:
    rows, tally = scored(b'{"id": 1, "text": "nan"}\n' + GOOD)
    assert rows[0] == {"id": 1, "line": 1, "error": "the model gave a score that is no number"}
    assert ("scores" in rows[1], tally.failed, tally.first) == (True, 1, 1)


def test_fields_that_are_not_read_are_counted_up_to_a_bound() -> None:
    lines = [{"id": 1, "text": "a", f"field_{number}": 1} for number in range(20)]
    _, tally = scored("\n".join(map(json.dumps, lines)).encode())
    assert (tally.failed, len(tally.unknown), tally.unknown[0]) == (0, MOST_NAMES, "field_0")


def test_a_line_without_a_post_is_scored_off_topic_and_never_found_so() -> None:
    rows, _ = scored(b'{"id": 1, "text": "Thanks!"}\n{"id": 2, "text": "Thanks!", "post": "The road is open."}')
    assert [row["scores"]["off_topic"] for row in rows] == [0.99, 0.99]
    assert [[finding["category"] for finding in row["findings"]] for row in rows] == [[], ["off_topic"]]


def test_spans_count_code_points_of_the_text_as_given() -> None:
    text = "\U0001f692\U0001f692 e\u0301 darn it"
    [row], _ = scored(json.dumps({"id": 1, "text": text}).encode())
    [finding] = row["findings"]
    assert [text[span["start"] : span["end"]] for span in finding["spans"]] == ["darn"]
