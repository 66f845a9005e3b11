"""Both buses, and Kafka of our own, started once."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio

from scripts.kafka import KafkaCluster
from scripts.processes import Missing
from shared.bus import DEAD_LETTERS, Bus, open_bus
from shared.runtime import utc_now
from tests.conftest import really_used, unavailable

OpenBus = Callable[[], Awaitable[Bus]]


@pytest.fixture(scope="session")
def kafka_url() -> Iterator[str]:
    """The URL of an Apache Kafka of our own; or of the broker that ``KAFKA_BOOTSTRAP`` names."""
    if servers := os.environ.get("KAFKA_BOOTSTRAP"):
        yield f"kafka://{servers}"
        return
    cluster = KafkaCluster(die_with_parent=True)
    try:
        cluster.start()
    except Missing as error:
        unavailable("Apache Kafka", str(error))
    with cluster:
        really_used(f"Apache Kafka {cluster.version}")
        yield f"kafka://{cluster.bootstrap}"


@pytest.fixture
def topic() -> str:
    """A topic of this test alone."""
    return f"test.{uuid4().hex}.v1"


@pytest.fixture(params=["sqlite", "kafka"])
def bus_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a bus: the test runs on both."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'bus.db'}"
    return str(request.getfixturevalue("kafka_url"))


@pytest_asyncio.fixture
async def open_one(bus_url: str, topic: str) -> AsyncIterator[OpenBus]:
    """Opens a connection to the bus; all are closed at the end."""
    opened: list[Bus] = []

    async def connect() -> Bus:
        bus = await open_bus(bus_url, topics=[topic, DEAD_LETTERS], now=utc_now)
        opened.append(bus)
        return bus

    yield connect
    for bus in opened:
        await bus.close()
