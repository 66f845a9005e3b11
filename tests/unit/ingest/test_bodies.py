"""Bodies are read within bounds, and what was taken is given back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.requests import Request

from services.ingest.bodies import Refused, Room


def request(*chunks: bytes, announced: int | None = None) -> Request:
    headers = [] if announced is None else [(b"content-length", str(announced).encode())]
    waiting = [*chunks]

    async def receive() -> dict[str, Any]:
        if not waiting:
            await asyncio.Event().wait()  # a sender that never ends its body
        chunk = waiting.pop(0)
        return {"type": "http.request", "body": chunk, "more_body": chunk != b""}

    return Request({"type": "http", "method": "POST", "headers": headers}, receive)


async def refusal(room: Room, *chunks: bytes, announced: int | None = None) -> tuple[int, str]:
    with pytest.raises(Refused) as caught:
        async with room.body(request(*chunks, announced=announced), 10):
            pass
    return caught.value.status, caught.value.reason


@pytest.mark.asyncio
async def test_a_body_is_refused_by_what_it_announces_and_by_what_it_is() -> None:
    room = Room(deliveries=1, body_bytes=100, seconds=5)
    assert await refusal(room, announced=11) == (413, "too_large")
    assert await refusal(room, b"123456", b"78901", b"") == (413, "too_large")
    async with room.body(request(b"12345", b"67890", b"", announced=10), 10) as body:
        assert body == b"1234567890"


@pytest.mark.asyncio
async def test_a_full_room_sheds_load_and_is_free_again_afterwards() -> None:
    room = Room(deliveries=1, body_bytes=12, seconds=5)
    async with room.body(request(b"1234567890", b""), 10):
        assert await refusal(room, b"1", b"") == (503, "busy")
    async with room.body(request(b"1234567890", b""), 10):
        pass
    narrow = Room(deliveries=2, body_bytes=12, seconds=5)
    async with narrow.body(request(b"1234567890", b""), 10):
        assert await refusal(narrow, b"123", b"") == (503, "busy")


@pytest.mark.asyncio
async def test_a_body_that_never_ends_is_given_up() -> None:
    room = Room(deliveries=1, body_bytes=100, seconds=0.01)
    assert await refusal(room, b"123") == (408, "too_slow")
    assert await refusal(room, b"123") == (408, "too_slow")
