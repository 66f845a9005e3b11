"""What is Kafka's alone: an outage, a rebalance under a batch, and the settings that can lose data."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from scripts.kafka import KafkaCluster
from scripts.processes import Missing
from shared.bus import DEAD_LETTERS, Message
from shared.bus.kafka import CONSUMER, PRODUCER, KafkaBus
from shared.errors import BusUnavailable
from shared.runtime import utc_now
from tests.conftest import really_used, unavailable
from tests.contract.test_bus import drain, message, values
from tests.system import Process, System, wait_for

pytestmark = pytest.mark.asyncio


@pytest.fixture(scope="module")
def cluster() -> Iterator[KafkaCluster]:
    found = KafkaCluster(die_with_parent=True)
    try:
        found.start()
    except Missing as error:
        unavailable("Apache Kafka", str(error))
    with found:
        really_used(f"Apache Kafka {found.version}")
        yield found


async def connect(cluster: KafkaCluster, *topics: str, publish_seconds: float = 5.0) -> KafkaBus:
    return await KafkaBus.open(
        f"kafka://{cluster.bootstrap}", topics=topics, now=utc_now, publish_seconds=publish_seconds
    )


async def test_nothing_is_acknowledged_while_the_broker_is_away_and_nothing_acknowledged_is_lost(
    cluster: KafkaCluster,
) -> None:
    topic = "test.outage.v1"
    bus = await connect(cluster, topic, publish_seconds=2.0)
    acknowledged = []
    for number in range(20):
        await bus.publish([message(topic, "k", number)])
        acknowledged.append(f"k/{number}")
    await asyncio.to_thread(cluster.kill)
    async with asyncio.timeout(20):
        with pytest.raises(BusUnavailable):
            await bus.publish([message(topic, "k", 20)])
        with pytest.raises(BusUnavailable):
            await bus.ping()
    await asyncio.to_thread(cluster.restart)
    async with asyncio.timeout(60):
        while True:
            try:
                await bus.publish([message(topic, "k", 20)])
                break
            except BusUnavailable:
                continue
    async with bus.subscribe(topic, "test.outage", member="0") as subscription:
        found = values(await drain(subscription, 21, seconds=60))
    assert set(found) >= {*acknowledged, "k/20"}
    await bus.close()


async def test_a_batch_that_a_rebalance_took_away_is_never_committed(cluster: KafkaCluster) -> None:
    topic = "test.rebalance.v1"
    bus, other = await connect(cluster, topic), await connect(cluster, topic)
    bus.finish_seconds = 0.2
    await bus.publish([message(topic, f"key-{number}", 0) for number in range(30)])
    async with bus.subscribe(topic, "test.rebalance", member="a") as first:
        taken = await drain(first, 30)
        async with other.subscribe(topic, "test.rebalance", member="b") as second:
            # The second member's joining takes everything from the first, which is still at work.
            theirs = await drain(second, 1, seconds=60)
            assert await first.commit(taken) == taken, "given up, not committed"
            rest = await drain(first, 30 - len(theirs), seconds=60)
            assert set(values([*theirs, *rest])) == set(values(taken)), "the owners of today read all of it again"
    await bus.close()
    await other.close()


async def test_a_batch_that_is_finished_in_time_is_committed_before_the_rebalance(cluster: KafkaCluster) -> None:
    topic = "test.finished.v1"
    bus, other = await connect(cluster, topic), await connect(cluster, topic)
    await bus.publish([message(topic, f"key-{number}", 0) for number in range(30)])
    async with bus.subscribe(topic, "test.finished", member="a") as first:
        taken = await drain(first, 30)
        joining = asyncio.create_task(_fetch_once(other, topic))
        assert list(await first.commit(taken)) == []
        async with asyncio.timeout(60):
            while not joining.done():
                await first.fetch(max_records=10, wait_seconds=0.2)
        assert await joining == []
    await bus.close()
    await other.close()


async def _fetch_once(bus: KafkaBus, topic: str) -> list[Message]:
    async with bus.subscribe(topic, "test.finished", member="b") as second:
        return [record.message for record in await second.fetch(max_records=50, wait_seconds=5)]


async def test_dead_letters_never_expire_and_the_rest_after_thirty_days(cluster: KafkaCluster) -> None:
    from aiokafka.admin import AIOKafkaAdminClient
    from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

    bus = await connect(cluster, DEAD_LETTERS, "test.kept.v1")
    admin = AIOKafkaAdminClient(bootstrap_servers=cluster.bootstrap)
    await admin.start()
    kept = {}
    for topic in (DEAD_LETTERS, "test.kept.v1"):
        [answer] = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
        rows = answer.resources[0][4]
        kept[topic] = next(row[1] for row in rows if row[0] == "retention.ms")
    assert kept == {DEAD_LETTERS: "-1", "test.kept.v1": str(30 * 24 * 3600 * 1000)}
    await admin.close()
    await bus.close()


async def test_the_settings_that_can_lose_data_are_explicit() -> None:
    assert (PRODUCER["acks"], PRODUCER["enable_idempotence"]) == ("all", True)
    assert (CONSUMER["auto_offset_reset"], CONSUMER["enable_auto_commit"]) == ("earliest", False)


async def test_sigterm_ends_a_process_whose_broker_is_away(cluster: KafkaCluster, tmp_path: Path) -> None:
    system = System(tmp_path / "system", f"kafka://{cluster.bootstrap}", f"sqlite:///{tmp_path / 'moderation.db'}")
    process = Process(
        "classify",
        [sys.executable, "-m", "services.classify"],
        system.environment("classify") | {"DRAIN_SECONDS": "3"},
        tmp_path / "classify.log",
    )
    process.start()
    url = f"http://127.0.0.1:{system.ports['classify']}/readyz"
    try:
        await asyncio.to_thread(wait_for, "classify", lambda: httpx2.get(url, timeout=5).status_code == 200)
        await asyncio.to_thread(cluster.kill)
        assert process.running is not None
        process.running.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.running.wait, 40) == 0, process.tail()
    finally:
        process.kill()
        await asyncio.to_thread(cluster.start)
