"""
The bus: a durable log of events, partitioned by key, read by consumer groups.

Two adapters keep one promise (`tests/contract/test_bus.py` runs on both): `shared/bus/kafka.py` on Apache Kafka, and
`shared/bus/sqlite.py`, an embedded log in one file. `open_bus` chooses by the scheme of `BUS_URL`.

What both promise:

* `publish` returns when the records are durable, in the order given for each key, and not before.
* Every group reads every record at least once; a new group starts at the beginning.
* Records of one key are fetched in order. What was fetched and not committed is fetched again after a crash or a
  `rewind`.
* Members of one group share the partitions on Kafka; the embedded log is one process and refuses a second member.
* A record is bytes. Decoding is the consumer's, so that a poisoned record cannot kill a client (engineering fact B2.9).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol
from urllib.parse import urlsplit

from shared.errors import SettingsInvalid

PARTITIONS = 12
"""Partitions of every topic, in both forms: the most members that one group can use."""

RETENTION = timedelta(days=30)
"""How long the log keeps a record, in both forms. The archive is the record; the log is transport."""

DEAD_LETTERS = "message.deadlettered.v1"
"""The topic that never expires: its records end by a replay or by a person's act."""


@dataclass(frozen=True, slots=True)
class Message:
    """What is published: CloudEvents attributes in the headers, the event's JSON as value."""

    topic: str
    key: str
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class Record:
    """A message at its place in the log. ``time`` is when the bus took it, aware UTC."""

    message: Message
    partition: int
    offset: int
    time: datetime

    @property
    def place(self) -> str:
        """``topic/partition/offset``: names the record in logs and dead letters."""
        return f"{self.message.topic}/{self.partition}/{self.offset}"


@dataclass(frozen=True)
class Lag:
    """How far a group is behind on one topic: records not committed, and the age of the oldest of them in seconds."""

    topic: str
    group: str
    records: int
    oldest_seconds: float = field(default=0.0)


class Subscription(Protocol):
    """One member of a group on one topic. Not safe for use by two tasks at once."""

    async def fetch(self, *, max_records: int, wait_seconds: float) -> Sequence[Record]:
        """
        The next records of the partitions that this member holds; empty after ``wait_seconds`` without any.

        Raises `BusUnavailable` when the bus cannot be reached; calling again is the retry.
        """
        ...

    async def commit(self, records: Sequence[Record]) -> Sequence[Record]:
        """
        Say that ``records`` (whole prefixes of what was fetched, partition by partition) are done.

        Gives back those that could not be committed because their partition was taken away by a rebalance: the new
        owner will read them again. Raises `BusUnavailable`; a repeat is safe.
        """
        ...

    async def rewind(self) -> None:
        """Forget what was fetched and not committed: the next fetch starts at the committed place."""
        ...

    def stuck(self) -> bool:
        """Whether records wait and none was fetched for longer than the limit: the client has died inside (B2.5)."""
        ...


class Bus(Protocol):
    """A connection to the log. Safe for use by many tasks of one event loop."""

    async def publish(self, messages: Sequence[Message]) -> None:
        """
        Append; returns when all are durable (Kafka: acks=all; SQLite: committed, synchronous=FULL).

        Raises `BusUnavailable` when it was not confirmed in time; some or all may land later, so publish the same
        again.
        """
        ...

    def subscribe(self, topic: str, group: str, *, member: str) -> AbstractAsyncContextManager[Subscription]:
        """
        Join ``group`` (``service.handler``) on ``topic`` as ``member``, a name that stays the same over restarts.

        Leaving the context gives the partitions back. Raises `BusUnavailable`, `SettingsInvalid` for a second member
        on the embedded log.
        """
        ...

    async def ping(self) -> None:
        """Return when the bus answers; raises `BusUnavailable`."""
        ...

    async def lag(self, subscriptions: Mapping[str, str]) -> Sequence[Lag]:
        """The lag of each ``group: topic``. Raises `BusUnavailable`."""
        ...

    async def close(self) -> None:
        """Flush and disconnect. Safe to repeat."""
        ...


async def open_bus(url: str, *, topics: Sequence[str], now: Callable[[], datetime]) -> Bus:
    """
    Connect to the bus that ``url`` names and create the ``topics`` that are missing.

    Args:
        url: ``sqlite:///FILE`` or ``kafka://HOST:PORT[,HOST:PORT]``.
        topics: all topic names; each gets `PARTITIONS` partitions and 30 days of retention, dead letters for ever.
        now: the clock, aware UTC.

    Raises `SettingsInvalid` for another scheme, `BusUnavailable` when it does not answer.
    """
    scheme = urlsplit(url).scheme
    if scheme == "sqlite":
        from shared.bus.sqlite import SqliteBus

        return await SqliteBus.open(url, topics=topics, now=now)
    if scheme == "kafka":
        from shared.bus.kafka import KafkaBus

        return await KafkaBus.open(url, topics=topics, now=now)
    raise SettingsInvalid("BUS_URL must begin with sqlite:/// or kafka://")
