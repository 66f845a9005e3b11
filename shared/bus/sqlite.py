"""
The embedded bus: a durable log in one SQLite file, with Kafka's promises for one process.

* WAL and ``synchronous=FULL``: a publish has reached the disk when it returns. Publishes that wait at the same moment
  share one commit.
* A record's partition follows from its key, its offset from the partition's head, in the same transaction.
* Each group has a committed place in each partition; a new group starts at the beginning.
* The service process holds the file's lock. A command line beside it may append; waiting fetches see that within half a
  second.
* Records older than thirty days go, except dead letters and what a known group has not committed.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import sqlite3
import zlib
from base64 import b64decode, b64encode
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TextIO, TypeVar

from shared.bus import DEAD_LETTERS, PARTITIONS, RETENTION, Lag, Message, Record
from shared.errors import BusUnavailable, SettingsInvalid

T = TypeVar("T")

SCHEMA = """
CREATE TABLE IF NOT EXISTS log (
    topic TEXT NOT NULL, partition INTEGER NOT NULL, offset INTEGER NOT NULL, time TEXT NOT NULL,
    key TEXT NOT NULL, value BLOB NOT NULL, headers TEXT NOT NULL,
    PRIMARY KEY (topic, partition, offset)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS heads (
    topic TEXT NOT NULL, partition INTEGER NOT NULL, next INTEGER NOT NULL, PRIMARY KEY (topic, partition)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS places (
    member_group TEXT NOT NULL, topic TEXT NOT NULL, partition INTEGER NOT NULL, next INTEGER NOT NULL,
    PRIMARY KEY (member_group, topic, partition)
) WITHOUT ROWID;
"""
OTHER_PROCESS_SECONDS = 0.5
"""How long a record that another process appended can stay unseen."""

Change = Callable[[sqlite3.Connection], None]


@dataclass
class _Waiting:
    """A change that waits for the next commit."""

    change: Change
    done: asyncio.Future[None]


class SqliteBus:
    """The log in one file. Safe for use by many tasks of one event loop."""

    def __init__(self, file: Path, now: Callable[[], datetime]) -> None:
        self._file, self._now = file, now
        self._writer = ThreadPoolExecutor(1, "bus-writer")
        self._reader = ThreadPoolExecutor(1, "bus-reader")
        self._queue: list[_Waiting] = []
        self._flushing: asyncio.Task[None] | None = None
        self._appended: dict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._members: set[tuple[str, str]] = set()
        self._lock: TextIO | None = None
        self._purged_at: datetime | None = None

    @classmethod
    async def open(cls, url: str, *, topics: Sequence[str], now: Callable[[], datetime]) -> SqliteBus:
        """
        Open or create the file that ``url`` (``sqlite:///FILE``) names; topics need no making here.

        Raises `SettingsInvalid` for a URL without a file, `BusUnavailable` when it cannot be opened.
        """
        name = url.removeprefix("sqlite:///")
        if not name or name == url:
            raise SettingsInvalid("BUS_URL must be sqlite:///FILE")
        bus = cls(Path(name), now)
        bus._file.parent.mkdir(parents=True, exist_ok=True)
        bus._write_connection = await bus._in(bus._writer, bus._connect)
        bus._read_connection = await bus._in(bus._reader, bus._connect)
        return bus

    async def publish(self, messages: Sequence[Message]) -> None:
        """Append in order; returns when they are on the disk. Raises `BusUnavailable`: nothing was kept."""
        if messages:
            time = _text(self._now())
            await self._write(lambda connection: _append(connection, messages, time))
            for topic in {message.topic for message in messages}:
                self._appended[topic].set()

    @asynccontextmanager
    async def subscribe(self, topic: str, group: str, *, member: str) -> AsyncIterator[SqliteSubscription]:
        """Read ``topic`` as ``group``. Raises `SettingsInvalid` for a second member, here or in another process."""
        if (topic, group) in self._members:
            raise SettingsInvalid(f"{group} reads {topic} already: the embedded bus allows one member a group")
        self._hold_lock()
        self._members.add((topic, group))
        try:
            subscription = SqliteSubscription(self, topic, group)
            await subscription.rewind()
            yield subscription
        finally:
            self._members.discard((topic, group))

    async def ping(self) -> None:
        """Return when the file can be read; raises `BusUnavailable`."""
        await self._read(lambda connection: connection.execute("SELECT 1 FROM heads LIMIT 1").fetchone())

    async def lag(self, subscriptions: Mapping[str, str]) -> Sequence[Lag]:
        """How far each ``group`` is behind on its topic. Raises `BusUnavailable`."""

        def find(connection: sqlite3.Connection) -> list[Lag]:
            return [self._lag(connection, topic, group) for group, topic in subscriptions.items()]

        return await self._read(find)

    async def close(self) -> None:
        """Finish what waits and close the file. Safe to repeat."""
        if self._flushing:
            await self._flushing
        for pool, name in ((self._writer, "_write_connection"), (self._reader, "_read_connection")):
            if connection := self.__dict__.pop(name, None):
                await self._in(pool, connection.close)
            pool.shutdown()
        if self._lock:
            self._lock.close()
            self._lock = None

    async def wait_for_append(self, topic: str, seconds: float) -> None:
        """Return when ``topic`` grew in this process, or after ``seconds``."""
        appended = self._appended[topic]
        try:
            async with asyncio.timeout(seconds):
                await appended.wait()
        except TimeoutError:
            return

    def expect_append(self, topic: str) -> None:
        """Forget the appends so far: called before looking, so that none between look and wait is missed."""
        self._appended[topic].clear()

    async def _read(self, look: Callable[[sqlite3.Connection], T]) -> T:
        with _translated():
            return await self._in(self._reader, look, self._read_connection)

    async def _write(self, change: Change) -> None:
        """Put ``change`` into the next commit and wait for it."""
        waiting = _Waiting(change, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.create_task(self._flush(), name="bus-flush")
        await asyncio.shield(waiting.done)

    async def _flush(self) -> None:
        """Commit what waits, together, until nothing does. Nothing is awaited between the last look and the end."""
        await self._purge()
        while self._queue:
            batch, self._queue = self._queue, []
            try:
                with _translated():
                    await self._in(self._writer, _commit, self._write_connection, [item.change for item in batch])
            except BusUnavailable as error:
                for item in batch:
                    item.done.set_exception(BusUnavailable(str(error)))
                    item.done.exception()  # a caller that was cancelled does not look
            else:
                for item in batch:
                    item.done.set_result(None)
            if not self._queue:
                await self._purge()  # inside the loop: what came meanwhile is seen before this task ends

    async def _purge(self) -> None:
        """Remove what is older than the retention, at most once an hour. A failure waits for the next time."""
        now = self._now()
        if self._purged_at and now - self._purged_at < timedelta(hours=1):
            return
        self._purged_at = now
        limit = _text(now - RETENTION)
        try:
            with _translated():
                await self._in(self._writer, _commit, self._write_connection, [lambda c: _remove_old(c, limit)])
        except BusUnavailable:
            self._purged_at = None

    def _lag(self, connection: sqlite3.Connection, topic: str, group: str) -> Lag:
        rows = connection.execute(
            "SELECT h.partition, h.next, COALESCE(p.next, 0) FROM heads h LEFT JOIN places p"
            " ON p.topic = h.topic AND p.partition = h.partition AND p.member_group = ? WHERE h.topic = ?",
            (group, topic),
        ).fetchall()
        behind = [(partition, place) for partition, head, place in rows if head > place]
        times = [
            connection.execute(
                "SELECT time FROM log WHERE topic = ? AND partition = ? AND offset >= ? ORDER BY offset LIMIT 1",
                (topic, partition, place),
            ).fetchone()
            for partition, place in behind
        ]
        oldest = min((_moment(found[0]) for found in times if found), default=self._now())
        age = max(0.0, (self._now() - oldest).total_seconds())
        return Lag(topic, group, sum(head - place for _, head, place in rows), age)

    def _hold_lock(self) -> None:
        """One process reads the log: its first subscription takes the lock, the kernel frees it when it dies."""
        if self._lock:
            return
        handle = self._file.with_name(self._file.name + ".lock").open("a")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.close()
            raise SettingsInvalid(f"another process reads {self._file.name}: the embedded bus allows one") from None
        self._lock = handle

    def _connect(self) -> sqlite3.Connection:
        with _translated():
            connection = sqlite3.connect(self._file, timeout=5.0, isolation_level=None, check_same_thread=False)
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=5000"):
                connection.execute(f"PRAGMA {pragma}")
            connection.executescript(SCHEMA)
            return connection

    @staticmethod
    async def _in(pool: ThreadPoolExecutor, work: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(pool, work, *arguments)

    _write_connection: sqlite3.Connection
    _read_connection: sqlite3.Connection


@dataclass
class SqliteSubscription:
    """The one member of a group on a topic."""

    _bus: SqliteBus
    _topic: str
    _group: str
    _next: dict[int, int] = field(default_factory=dict)

    async def fetch(self, *, max_records: int, wait_seconds: float) -> Sequence[Record]:
        """The next records, partition by partition in order; empty after ``wait_seconds``. Raises `BusUnavailable`."""
        deadline = asyncio.get_running_loop().time() + wait_seconds
        while True:
            self._bus.expect_append(self._topic)
            records = await self._bus._read(lambda connection: self._select(connection, max_records))
            for record in records:
                self._next[record.partition] = record.offset + 1
            left = deadline - asyncio.get_running_loop().time()
            if records or left <= 0:
                return records
            await self._bus.wait_for_append(self._topic, min(left, OTHER_PROCESS_SECONDS))

    async def commit(self, records: Sequence[Record]) -> Sequence[Record]:
        """Keep the place after ``records``; nothing can be taken away here, so it gives back none."""
        places = {record.partition: 0 for record in records}
        for record in records:
            places[record.partition] = max(places[record.partition], record.offset + 1)
        rows = [(self._group, self._topic, partition, place) for partition, place in places.items()]

        def keep(connection: sqlite3.Connection) -> None:
            connection.executemany(
                "INSERT INTO places VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET next = MAX(next, excluded.next)", rows
            )

        if rows:
            await self._bus._write(keep)
        return ()

    async def rewind(self) -> None:
        """Go back to the committed place. Raises `BusUnavailable`."""

        def find(connection: sqlite3.Connection) -> dict[int, int]:
            query = "SELECT partition, next FROM places WHERE member_group = ? AND topic = ?"
            return dict(connection.execute(query, (self._group, self._topic)).fetchall())

        self._next = await self._bus._read(find)

    def stuck(self) -> bool:
        """Never: there is no client that could die inside."""
        return False

    def _select(self, connection: sqlite3.Connection, max_records: int) -> list[Record]:
        heads = connection.execute("SELECT partition, next FROM heads WHERE topic = ?", (self._topic,)).fetchall()
        waiting = [partition for partition, head in heads if head > self._next.get(partition, 0)]
        records: list[Record] = []
        for number, partition in enumerate(waiting):
            share = max(1, (max_records - len(records)) // (len(waiting) - number))
            if len(records) < max_records:
                records += self._of_partition(connection, partition, share)
        return records

    def _of_partition(self, connection: sqlite3.Connection, partition: int, limit: int) -> list[Record]:
        rows = connection.execute(
            "SELECT offset, time, key, value, headers FROM log"
            " WHERE topic = ? AND partition = ? AND offset >= ? ORDER BY offset LIMIT ?",
            (self._topic, partition, self._next.get(partition, 0), limit),
        ).fetchall()
        return [
            Record(Message(self._topic, key, value, _headers(headers)), partition, offset, _moment(time))
            for offset, time, key, value, headers in rows
        ]


def partition_of(key: str) -> int:
    """The partition of a key: the same for ever, since order per key hangs on it."""
    return zlib.crc32(key.encode("utf-8", "surrogatepass")) % PARTITIONS


def _append(connection: sqlite3.Connection, messages: Sequence[Message], time: str) -> None:
    for message in messages:
        place = (message.topic, partition_of(message.key))
        [offset] = connection.execute(
            "INSERT INTO heads VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET next = next + 1 RETURNING next - 1", place
        ).fetchone()
        headers = json.dumps([[name, b64encode(value).decode()] for name, value in message.headers])
        row = (*place, offset, time, message.key, message.value, headers)
        connection.execute("INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?)", row)


def _remove_old(connection: sqlite3.Connection, limit: str) -> None:
    connection.execute(
        "DELETE FROM log WHERE time < ? AND topic <> ? AND NOT EXISTS (SELECT 1 FROM places p WHERE p.topic = log.topic"
        " AND p.partition = log.partition AND p.next <= log.offset)",
        (limit, DEAD_LETTERS),
    )


def _commit(connection: sqlite3.Connection, changes: Sequence[Change]) -> None:
    """All changes in one transaction, or none."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        for change in changes:
            change(connection)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


class _translated:
    """Turn SQLite's and the disk's errors into `BusUnavailable`."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, at: object) -> None:
        if isinstance(error, sqlite3.Error | OSError):
            raise BusUnavailable(f"the embedded bus failed: {error}") from error


def _headers(text: str) -> tuple[tuple[str, bytes], ...]:
    return tuple((name, b64decode(value)) for name, value in json.loads(text))


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
