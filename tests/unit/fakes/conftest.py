"""The simulated Facebook with one post, everything delivered."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.unit.fakes.place import Place, place


@pytest_asyncio.fixture
async def fb() -> AsyncIterator[Place]:
    async with place() as one:
        yield one
