"""
What both buses promise: order per key, at least once, replay for a new group, nothing skipped after a crash.

One suite runs on Apache Kafka and on the embedded log.
"""

from __future__ import annotations

import asyncio
import sys
from collections import defaultdict
from collections.abc import Sequence

import pytest

from shared.bus import PARTITIONS, Bus, Message, Record, Subscription
from shared.errors import BusUnavailable, SettingsInvalid
from tests.contract.conftest import OpenBus
from tests.system import ROOT

pytestmark = pytest.mark.asyncio


def message(topic: str, key: str, number: int) -> Message:
    return Message(topic, key, f"{key}/{number}".encode(), (("ce_id", str(number).encode()), ("odd", b"\xff\x00")))


async def publish(bus: Bus, topic: str, keys: int, each: int) -> None:
    for number in range(each):
        await bus.publish([message(topic, f"key-{key}", number) for key in range(keys)])


async def drain(subscription: Subscription, count: int, *, seconds: float = 40) -> list[Record]:
    """Fetch until ``count`` records came."""
    found: list[Record] = []
    async with asyncio.timeout(seconds):
        while len(found) < count:
            found += await subscription.fetch(max_records=50, wait_seconds=0.5)
    return found


def values(records: Sequence[Record]) -> list[str]:
    return sorted(record.message.value.decode() for record in records)


def in_order(records: Sequence[Record]) -> bool:
    by_key: dict[str, list[int]] = defaultdict(list)
    for record in records:
        key, _, number = record.message.value.decode().partition("/")
        by_key[key].append(int(number))
    return all(numbers == sorted(numbers) for numbers in by_key.values())


async def test_every_record_comes_once_whole_and_in_order_for_its_key(open_one: OpenBus, topic: str) -> None:
    bus = await open_one()
    await publish(bus, topic, keys=7, each=20)
    async with bus.subscribe(topic, "test.order", member="0") as subscription:
        records = await drain(subscription, 140)
        assert len(records) == 140
        assert in_order(records)
        assert len({(record.partition, record.offset) for record in records}) == 140
        partitions = {record.message.key: record.partition for record in records}
        assert len(set(partitions.values())) > 1
        assert all(0 <= partition < PARTITIONS for partition in partitions.values())
        assert records[0].message.headers[1] == ("odd", b"\xff\x00")
        assert await subscription.fetch(max_records=10, wait_seconds=0.2) == []


async def test_a_new_group_gets_everything_from_the_beginning(open_one: OpenBus, topic: str) -> None:
    bus = await open_one()
    await publish(bus, topic, keys=5, each=4)
    for group in ("test.first", "test.second"):
        async with bus.subscribe(topic, group, member="0") as subscription:
            records = await drain(subscription, 20)
            await subscription.commit(records)
            assert len(records) == 20


async def test_what_was_committed_is_not_fetched_again_and_the_rest_is(open_one: OpenBus, topic: str) -> None:
    bus = await open_one()
    await publish(bus, topic, keys=5, each=4)
    async with bus.subscribe(topic, "test.commit", member="0") as subscription:
        first = await drain(subscription, 20)
        done = [record for record in first if record.partition == first[0].partition]
        await subscription.commit(done)
    await bus.close()
    again = await open_one()
    async with again.subscribe(topic, "test.commit", member="0") as subscription:
        rest = await drain(subscription, 20 - len(done))
    assert values(rest) == values([record for record in first if record not in done])


async def test_a_rewind_gives_the_uncommitted_records_again_in_order(open_one: OpenBus, topic: str) -> None:
    bus = await open_one()
    await publish(bus, topic, keys=3, each=5)
    async with bus.subscribe(topic, "test.rewind", member="0") as subscription:
        first = await drain(subscription, 15)
        await subscription.rewind()
        second = await drain(subscription, 15)
        assert values(first) == values(second)
        assert in_order(second)


CRASH = """
import asyncio, os, sys
from shared.bus import open_bus
from shared.runtime import utc_now

async def main():
    bus = await open_bus(sys.argv[1], topics=[sys.argv[2]], now=utc_now)
    async with bus.subscribe(sys.argv[2], "test.crash", member="0") as subscription:
        found = []
        while len(found) < 6:
            found += await subscription.fetch(max_records=6 - len(found), wait_seconds=0.5)
        await subscription.commit(found)
        while len(found) < 10:
            found += await subscription.fetch(max_records=10, wait_seconds=0.5)
        print("worked", flush=True)
        os.kill(os.getpid(), 9)

asyncio.run(main())
"""


async def test_a_crash_between_work_and_commit_brings_the_work_again(
    open_one: OpenBus, bus_url: str, topic: str
) -> None:
    bus = await open_one()
    await bus.publish([message(topic, "one-key", number) for number in range(10)])
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CRASH, bus_url, topic, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await child.communicate()
    assert (out, child.returncode) == (b"worked\n", -9)
    async with bus.subscribe(topic, "test.crash", member="0") as subscription:
        records = await drain(subscription, 4, seconds=60)
    assert values(records) == [f"one-key/{number}" for number in range(6, 10)]


async def test_two_members_share_the_partitions_or_the_second_is_refused(
    open_one: OpenBus, bus_url: str, topic: str
) -> None:
    bus, other = await open_one(), await open_one()
    await publish(bus, topic, keys=40, each=2)
    async with bus.subscribe(topic, "test.share", member="a") as first:
        if bus_url.startswith("sqlite"):
            with pytest.raises(SettingsInvalid, match="one"):
                async with bus.subscribe(topic, "test.share", member="b"):
                    pytest.fail("a second member was let in")
            with pytest.raises(SettingsInvalid, match="one"):
                async with other.subscribe(topic, "test.share", member="b"):
                    pytest.fail("a second process was let in")
            return
        async with other.subscribe(topic, "test.share", member="b") as second:
            both: dict[str, dict[tuple[int, int], Record]] = {"a": {}, "b": {}}

            async def read(name: str, subscription: Subscription) -> None:
                while len({**both["a"], **both["b"]}) < 80 or not both["b"]:
                    for record in await subscription.fetch(max_records=20, wait_seconds=0.5):
                        both[name][record.partition, record.offset] = record
                    held = [record for record in both[name].values()]
                    await subscription.commit(held[-20:])

            async with asyncio.timeout(60):
                await asyncio.gather(read("a", first), read("b", second))
            assert len({**both["a"], **both["b"]}) == 80


async def test_a_waiting_fetch_wakes_when_something_comes(open_one: OpenBus, topic: str) -> None:
    bus = await open_one()
    async with bus.subscribe(topic, "test.wake", member="0") as subscription:
        await subscription.fetch(max_records=1, wait_seconds=0.1)
        waiting = asyncio.create_task(subscription.fetch(max_records=1, wait_seconds=30))
        await bus.publish([message(topic, "k", 1)])
        async with asyncio.timeout(20):
            assert values(await waiting) == ["k/1"]


async def test_lag_counts_what_a_group_has_not_committed(open_one: OpenBus, topic: str) -> None:
    bus = await open_one()
    await publish(bus, topic, keys=5, each=4)
    [before] = await bus.lag({"test.lag": topic})
    assert before.records == 20
    async with bus.subscribe(topic, "test.lag", member="0") as subscription:
        await subscription.commit(await drain(subscription, 20))
    [after] = await bus.lag({"test.lag": topic})
    assert after.records == 0


async def test_many_publishers_at_once_lose_nothing(open_one: OpenBus, topic: str) -> None:
    bus = await open_one()
    await asyncio.gather(*(bus.publish([message(topic, f"key-{n % 9}", n)]) for n in range(300)))
    async with bus.subscribe(topic, "test.many", member="0") as subscription:
        assert len({record.message.value for record in await drain(subscription, 300)}) == 300


async def test_publishing_nothing_and_answering_a_ping(open_one: OpenBus) -> None:
    bus = await open_one()
    await bus.publish([])
    await bus.ping()


@pytest.mark.parametrize("url", ["mqtt://x", "memory://", ""])
async def test_another_bus_is_refused_in_words(url: str) -> None:
    from shared.bus import open_bus
    from shared.runtime import utc_now

    with pytest.raises(SettingsInvalid, match="BUS_URL"):
        await open_bus(url, topics=[], now=utc_now)


async def test_a_kafka_that_is_away_is_a_passing_fault_in_bounded_time() -> None:
    from shared.bus import open_bus
    from shared.runtime import utc_now

    async with asyncio.timeout(60):
        with pytest.raises(BusUnavailable):
            await open_bus("kafka://127.0.0.1:1", topics=[], now=utc_now)
