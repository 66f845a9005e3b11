"""Dead letters fit into a message, hold the original exactly, and are the same on a repeat."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.dead_letters import PART_BYTES, unreadable
from shared.bus.cloudevents import to_message
from shared.events import MessageDeadLettered

NOON = datetime(2026, 3, 4, 17, tzinfo=UTC)


def original(letters: list[MessageDeadLettered]) -> bytes:
    parts = sorted(letters, key=lambda letter: int(letter.headers.get("part", "1")))
    return b"".join(
        base64.b64decode(letter.value) if letter.encoding == "base64" else letter.value.encode() for letter in parts
    )


@given(content=st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_the_original_comes_back_exactly(content: bytes) -> None:
    assert original(list(unreadable("facebook", content, "why", NOON))) == content


@pytest.mark.parametrize("content", [b'"' * PART_BYTES, b"\n" * PART_BYTES, b"\xff" * (3 * PART_BYTES + 1), b"\0" * 9])
def test_every_part_fits_into_a_message(content: bytes) -> None:
    letters = list(unreadable("facebook", content, "why", NOON))
    assert original(letters) == content
    assert all(len(to_message(letter, "ingest").value) < 900_000 for letter in letters)
    assert not any("\0" in letter.value for letter in letters)


def test_a_repeat_has_the_same_ids_and_another_body_others() -> None:
    first, again, other = (unreadable("facebook", body, "why", NOON)[0].id for body in (b"a", b"a", b"b"))
    assert first == again != other
