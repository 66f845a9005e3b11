"""Reading never raises and loses nothing, whatever comes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.events import CommentReceived
from shared.platforms.facebook.inbound import FacebookInbound
from shared.platforms.registry import READERS

NOON = datetime(2026, 3, 4, 17, tzinfo=UTC)
PAGE = "102938475610293"

TEXT = st.text(st.characters(codec=None), max_size=12)  # lone surrogates and NUL too
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=8,
)
FIELDS = {
    "item": st.sampled_from(["comment", "post", "status", "photo", "like"]) | JSON,
    "verb": st.sampled_from(["add", "edited", "remove", "hide", "unhide", "block"]) | JSON,
    "comment_id": st.just("88_99") | JSON,
    "post_id": st.just(f"{PAGE}_88") | JSON,
    "parent_id": st.just("88_77") | JSON,
    "from": st.fixed_dictionaries({"id": st.just(PAGE) | JSON, "name": TEXT | JSON}) | JSON,
    "message": TEXT | JSON,
    "created_time": st.integers(0, 2**40) | JSON,
    "photo": TEXT | JSON,
    "permalink_url": TEXT | JSON,
}
VALUE = st.fixed_dictionaries({}, optional=FIELDS) | JSON
CHANGE = st.fixed_dictionaries({"field": st.just("feed"), "value": VALUE}) | JSON
ENTRY = st.fixed_dictionaries({"id": st.just(PAGE) | JSON, "changes": st.lists(CHANGE, max_size=4)})


@pytest.mark.parametrize("platform", sorted(READERS))
@given(body=st.binary(max_size=200))
def test_any_bytes_are_read_as_at_least_one_thing(platform: str, body: bytes) -> None:
    assert READERS[platform]().read(body, NOON)


@pytest.mark.parametrize("platform", sorted(READERS))
@given(value=JSON)
def test_any_json_is_read_as_at_least_one_thing(platform: str, value: Any) -> None:
    assert READERS[platform]().read(json.dumps(value).encode(), NOON)


@given(entries=st.lists(ENTRY, min_size=1, max_size=3))
def test_each_change_of_each_entry_is_accounted_for(entries: list[dict[str, Any]]) -> None:
    found = FacebookInbound().read(json.dumps({"object": "page", "entry": entries}).encode(), NOON)
    assert len(found) == sum(max(1, len(entry["changes"])) for entry in entries)
    for item in found:
        assert (item.event is None) == (item.kind in ("ignore", "unreadable"))
        if item.event is not None:
            item.event.model_dump_json().encode()  # nothing in it that a message cannot carry


@given(value=st.fixed_dictionaries({}, optional=FIELDS))
def test_what_the_platform_said_is_kept_exactly(value: dict[str, Any]) -> None:
    change = {"field": "feed", "value": {**value, "item": "comment", "verb": "add", "comment_id": "88_99"}}
    body = json.dumps({"object": "page", "entry": [{"id": PAGE, "changes": [change]}]})
    [found] = FacebookInbound().read(body.encode(), NOON)
    if isinstance(found.event, CommentReceived):
        assert json.loads(found.event.raw) == change["value"]


@pytest.mark.parametrize("depth", [500, 5_000, 200_000])
@pytest.mark.parametrize("opening", ["[", '{"a":'])
@pytest.mark.parametrize("platform", sorted(READERS))
def test_a_nested_bomb_is_one_unreadable_thing(platform: str, opening: str, depth: int) -> None:
    bomb = opening * depth + "1" + ("]" if opening == "[" else "}") * depth
    around = '{"object":"page","entry":[{"id":"1","changes":[{"field":"feed","value":BOMB}]}]}'
    for body in (bomb, around.replace("BOMB", bomb)):
        [found] = READERS[platform]().read(body.encode(), NOON)
        assert found.kind == "unreadable"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"\xff\xfe{}", "the body is not UTF-8"),
        (b'{"object":"page"', "the body is not JSON"),
        (b"1" * 5_000, "a number is too long"),
        (b"1e999", "a number is too large"),
        (b"", "the body is not JSON"),
    ],
)
def test_a_broken_body_says_why(body: bytes, why: str) -> None:
    [found] = FacebookInbound().read(body, NOON)
    assert (found.kind, found.why) == ("unreadable", why)


def test_what_no_database_takes_is_replaced_in_the_text_and_kept_in_raw() -> None:
    value = {"item": "comment", "verb": "add", "comment_id": "88_99", "message": "a\0b\ud800c"}
    body = json.dumps({"object": "page", "entry": [{"id": PAGE, "changes": [{"field": "feed", "value": value}]}]})
    [found] = FacebookInbound().read(body.encode(), NOON)
    assert isinstance(found.event, CommentReceived)
    assert found.event.text == "a\ufffdb\ufffdc"
    assert json.loads(found.event.raw) == value
