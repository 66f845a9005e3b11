"""
The bus on Apache Kafka, through aiokafka. Every setting that can lose data is explicit here (engineering facts B2).

* Producer: ``acks=all``, idempotent, and a bound round each publish: an idempotent batch never expires by itself. What
  timed out may still land later; its ids are the same, so the repeat is swallowed.
* Consumer: from the earliest record, no automatic commit, static membership, bytes only.
* Rebalances are eager here: every partition is taken away first. The batch under way is given time to finish and
  commit; what is not done by then is given up and read again by the new owner, never committed blindly.
* Every error of the client becomes `BusUnavailable` at this edge.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError, TopicAlreadyExistsError

from shared.bus import DEAD_LETTERS, PARTITIONS, RETENTION, Lag, Message, Record
from shared.errors import BusUnavailable

log = logging.getLogger(__name__)

PUBLISH_SECONDS = 5.0
"""A platform waits 5 to 30 s for its answer: by then it must have one."""
FINISH_SECONDS = 15.0
"""How long a rebalance waits for the batch under way; below the session timeout."""
STUCK_SECONDS = 60.0
CLOSE_SECONDS = 5.0

PRODUCER = {"acks": "all", "enable_idempotence": True, "request_timeout_ms": 10_000, "linger_ms": 2}
CONSUMER = {
    "auto_offset_reset": "earliest",
    "enable_auto_commit": False,
    "session_timeout_ms": 30_000,
    "heartbeat_interval_ms": 3_000,
    "max_poll_interval_ms": 300_000,
    "fetch_max_bytes": 8 * 2**20,
    "max_partition_fetch_bytes": 2 * 2**20,
    "request_timeout_ms": 10_000,
}


class KafkaBus:
    """A connection to the cluster. Safe for use by many tasks of one event loop."""

    def __init__(
        self, servers: str, producer: AIOKafkaProducer, now: Callable[[], datetime], publish_seconds: float
    ) -> None:
        self._servers, self._producer, self._now = servers, producer, now
        self._publish_seconds = publish_seconds
        self.finish_seconds = FINISH_SECONDS
        self._admin: AIOKafkaAdminClient | None = None
        self._observer: AIOKafkaConsumer | None = None
        self._asking = asyncio.Lock()

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        topics: Sequence[str],
        now: Callable[[], datetime],
        publish_seconds: float = PUBLISH_SECONDS,
    ) -> KafkaBus:
        """Connect to ``kafka://HOST:PORT[,...]`` and make the missing topics. Raises `BusUnavailable`."""
        servers = url.removeprefix("kafka://").rstrip("/")
        producer = AIOKafkaProducer(bootstrap_servers=servers, **PRODUCER)
        bus = cls(servers, producer, now, publish_seconds)
        try:
            with _translated():
                await producer.start()
                await bus._make_topics(topics)
        except BusUnavailable:
            await bus.close()
            raise
        return bus

    async def publish(self, messages: Sequence[Message]) -> None:
        """
        Append in order per key; returns when all replicas that count have it.

        Raises `BusUnavailable` in bounded time.
        """
        sent: list[asyncio.Future[object]] = []
        try:
            with _translated():
                async with asyncio.timeout(self._publish_seconds):
                    for message in messages:
                        sent.append(
                            await self._producer.send(
                                message.topic, message.value, message.key.encode(), headers=list(message.headers)
                            )
                        )
                    # `wait` leaves the sends alone when time is up: a cancelled one would be lost to the client.
                    if sent:
                        await asyncio.wait(sent)
                for future in sent:
                    future.result()
        except BusUnavailable:
            for future in sent:
                future.add_done_callback(_looked_at)
            raise

    @asynccontextmanager
    async def subscribe(self, topic: str, group: str, *, member: str) -> AsyncIterator[KafkaSubscription]:
        """Join ``group`` as ``member``; static, so that a quick restart takes its partitions up again."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._servers, group_id=group, group_instance_id=f"{group}.{member}", **CONSUMER
        )
        subscription = KafkaSubscription(topic, group, consumer, self.finish_seconds)
        try:
            with _translated():
                consumer.subscribe([topic], listener=subscription.listener)
                await consumer.start()
            yield subscription
        finally:
            await _bounded(consumer.stop())

    async def ping(self) -> None:
        """Return when a broker answers; raises `BusUnavailable`."""
        with _translated():
            async with asyncio.timeout(self._publish_seconds):
                await (await self._administrator()).describe_cluster()

    async def lag(self, subscriptions: Mapping[str, str]) -> Sequence[Lag]:
        """How far each ``group`` is behind on its topic. Raises `BusUnavailable`."""
        with _translated():
            async with self._asking, asyncio.timeout(2 * self._publish_seconds):
                admin, observer = await self._administrator(), await self._observing()
                found = []
                for group, topic in subscriptions.items():
                    partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
                    ends = await observer.end_offsets(partitions)
                    begins = await observer.beginning_offsets(partitions)
                    places = await admin.list_consumer_group_offsets(group)
                    behind = 0
                    for partition, end in ends.items():
                        place = places[partition].offset if partition in places else -1
                        behind += max(0, end - max(place, begins[partition]))
                    found.append(Lag(topic, group, behind))
                return found

    async def close(self) -> None:
        """Flush and disconnect. Safe to repeat."""
        closing = [_bounded(self._producer.stop())]
        if self._observer:
            closing.append(_bounded(self._observer.stop()))
        if self._admin:
            closing.append(_bounded(self._admin.close()))
        self._observer, self._admin = None, None
        for result in await asyncio.gather(*closing, return_exceptions=True):
            if isinstance(result, BaseException):
                log.warning("kafka client did not close cleanly", extra={"error": type(result).__name__})

    async def _make_topics(self, topics: Sequence[str]) -> None:
        admin = await self._administrator()
        brokers = len((await admin.describe_cluster())["brokers"])
        known = set(await admin.list_topics())
        missing = [_new_topic(topic, brokers) for topic in topics if topic not in known]
        if missing:
            try:
                await admin.create_topics(missing)
            except TopicAlreadyExistsError:
                log.info("topics were made by another process")

    async def _administrator(self) -> AIOKafkaAdminClient:
        if self._admin is None:
            admin = AIOKafkaAdminClient(bootstrap_servers=self._servers, request_timeout_ms=10_000)
            await admin.start()
            self._admin = admin
        return self._admin

    async def _observing(self) -> AIOKafkaConsumer:
        if self._observer is None:
            observer = AIOKafkaConsumer(bootstrap_servers=self._servers, enable_auto_commit=False)
            await observer.start()
            self._observer = observer
        return self._observer


class KafkaSubscription:
    """One member of a group. Used by one task; the rebalance's callbacks come from the client's own."""

    def __init__(self, topic: str, group: str, consumer: AIOKafkaConsumer, finish_seconds: float) -> None:
        self._topic, self._group, self._consumer = topic, group, consumer
        self._finish_seconds = finish_seconds
        self.listener = _Listener(self)
        self._epoch = 0
        self._fetched_in = 0
        # By partition: the first record that was fetched and not committed, and the last that was fetched.
        self._open: dict[int, int] = {}
        self._last: dict[int, int] = {}
        self._settled = asyncio.Event()
        self._settled.set()
        self._progress_at = asyncio.get_running_loop().time()
        self._behind = False

    async def fetch(self, *, max_records: int, wait_seconds: float) -> Sequence[Record]:
        """The next records of the partitions that this member holds. Raises `BusUnavailable`."""
        with _translated():
            found = await self._consumer.getmany(timeout_ms=int(wait_seconds * 1000), max_records=max_records)
            records = [_record(row) for rows in found.values() for row in rows]
            now = asyncio.get_running_loop().time()
            if records:
                self._fetched_in, self._progress_at, self._behind = self._epoch, now, False
                self._settled.clear()
                for record in records:
                    self._open.setdefault(record.partition, record.offset)
                    self._last[record.partition] = record.offset
            elif now - self._progress_at > STUCK_SECONDS / 2:
                self._behind = await self._records_wait()
                if not self._behind:
                    self._progress_at = now
            return records

    async def commit(self, records: Sequence[Record]) -> Sequence[Record]:
        """Say that ``records`` are done; gives back those whose partition was taken away meanwhile."""
        places: dict[TopicPartition, int] = {}
        for record in records:
            partition = TopicPartition(self._topic, record.partition)
            places[partition] = max(places.get(partition, 0), record.offset + 1)
        if self._fetched_in != self._epoch:
            self._settled.set()
            return records
        try:
            with _translated():
                await self._consumer.commit(places)
        except (CommitFailedError, IllegalStateError) as error:
            log.info("commit met a rebalance", extra={"group": self._group, "error": type(error).__name__})
            return records
        finally:
            self._settled.set()
        self._close(places)
        return ()

    async def rewind(self) -> None:
        """
        Go back to the first record of every partition that was fetched and not committed.

        The client's own `seek_to_committed` leaves a partition without any commit where it is, and would skip records.
        """
        self._settled.set()
        for partition, offset in self._open.items():
            try:
                self._consumer.seek(TopicPartition(self._topic, partition), offset)
            except IllegalStateError:
                log.info("rewind met a rebalance", extra={"group": self._group})
        self._open.clear()

    def stuck(self) -> bool:
        """Whether records wait and none came for a minute."""
        return self._behind and asyncio.get_running_loop().time() - self._progress_at > STUCK_SECONDS

    async def revoked(self) -> None:
        """A rebalance takes everything away: let the batch under way finish, then give it up."""
        try:
            async with asyncio.timeout(self._finish_seconds):
                await self._settled.wait()
        except TimeoutError:
            log.warning("a rebalance took a batch away", extra={"group": self._group})
        self._epoch += 1
        self._open.clear()

    def _close(self, places: Mapping[TopicPartition, int]) -> None:
        """Forget what was committed; what was fetched beyond it stays open."""
        for partition, place in places.items():
            if self._last.get(partition.partition, 0) >= place:
                self._open[partition.partition] = place
            else:
                self._open.pop(partition.partition, None)

    async def _records_wait(self) -> bool:
        held = self._consumer.assignment()
        ends = await self._consumer.end_offsets(list(held)) if held else {}
        for partition, end in ends.items():
            if end > await self._consumer.position(partition):
                return True
        return False


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    def __init__(self, subscription: KafkaSubscription) -> None:
        self._subscription = subscription

    async def on_partitions_revoked(self, revoked: object) -> None:
        await self._subscription.revoked()

    async def on_partitions_assigned(self, assigned: object) -> None:
        return None


def _new_topic(topic: str, brokers: int) -> NewTopic:
    copies = min(3, brokers)
    retention = -1 if topic == DEAD_LETTERS else int(RETENTION.total_seconds() * 1000)
    settings = {"retention.ms": str(retention), "min.insync.replicas": "2" if copies == 3 else "1"}
    return NewTopic(topic, PARTITIONS, copies, topic_configs=settings)


def _record(row: object) -> Record:
    key = (row.key or b"").decode(errors="replace")  # type: ignore[attr-defined]
    message = Message(row.topic, key, row.value or b"", tuple(row.headers))  # type: ignore[attr-defined]
    moment = datetime.fromtimestamp(row.timestamp / 1000, UTC)  # type: ignore[attr-defined]
    return Record(message, row.partition, row.offset, moment)  # type: ignore[attr-defined]


async def _bounded(closing: Coroutine[object, object, None]) -> None:
    """Close a client, but not for ever: while the broker is away it would wait for it."""
    task = asyncio.ensure_future(closing)
    _, late = await asyncio.wait([task], timeout=CLOSE_SECONDS)
    if late:
        log.warning("kafka client did not close in time")
        task.cancel()


def _looked_at(future: asyncio.Future[object]) -> None:
    """A send that ended after its time is nobody's error any more."""
    if not future.cancelled():
        future.exception()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (CommitFailedError, IllegalStateError):
        raise
    except (KafkaError, OSError, TimeoutError) as error:
        raise BusUnavailable(f"Kafka did not confirm: {type(error).__name__}") from error
