"""
Signed deliveries with retries: what happened on the platform is pushed until somebody answers 2xx.

* Nothing here knows Facebook: a `Wire` turns what happened into bytes and headers.
* What must be told is a row first, in the same transaction as the change itself. A crash sends one twice, and loses
  none.
* A row is told alone, or together with others where batches are asked for. A failed request is tried again with growing
  waits, all its rows with it, until the attempts are used up.
* Disorder comes from a seed: the seed and a row's number alone decide whether the row is told twice, late, or after
  those that follow it. A restart decides the same.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol

import httpx2

from tests.fakes.graph.store import Row, Store

SCHEMA = """
CREATE TABLE IF NOT EXISTS deliveries (
    number INTEGER PRIMARY KEY, page_id TEXT NOT NULL, comment_id TEXT NOT NULL, verb TEXT NOT NULL,
    version INTEGER NOT NULL, value TEXT NOT NULL, repeat_of INTEGER, created REAL NOT NULL, due REAL NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, last_status INTEGER, last_request INTEGER, body_hash TEXT,
    acknowledged REAL, given_up REAL
);
CREATE INDEX IF NOT EXISTS deliveries_waiting ON deliveries (due) WHERE acknowledged IS NULL AND given_up IS NULL;
CREATE TABLE IF NOT EXISTS requests (
    number INTEGER PRIMARY KEY, at REAL NOT NULL, body_hash TEXT NOT NULL, bytes INTEGER NOT NULL,
    deliveries TEXT NOT NULL, status INTEGER NOT NULL, error TEXT
);
"""

WAITING = "acknowledged IS NULL AND given_up IS NULL"
LONGEST_NAP_SECONDS = 1.0


@dataclass(frozen=True)
class Notice:
    """One thing that happened, as the platform tells it. ``value`` is its own object."""

    page_id: str
    comment_id: str
    verb: str
    version: int
    value: Mapping[str, Any]


class Wire(Protocol):
    """How a platform writes and signs what it tells."""

    def request(self, notices: Sequence[Notice], sent_at: float) -> tuple[bytes, dict[str, str]]:
        """The bytes of one request, and its headers with a signature over exactly these bytes."""

    def challenge(self) -> tuple[dict[str, str], str]:
        """The query of the subscription's handshake, and the body that must come back."""


@dataclass
class Settings:
    """Where deliveries go and how unruly they are. All may be changed while it runs."""

    webhook: str = ""
    paused: bool = False
    batch: int = 1
    batch_seconds: float = 0.1
    at_once: int = 8
    timeout_seconds: float = 20.0
    retry_seconds: Sequence[float] = (0.2, 0.5, 1.0, 2.0, 5.0)
    attempts: int = 100_000
    repeat: float = 0.0
    repeat_seconds: float = 1.0
    reorder: float = 0.0
    reorder_seconds: float = 0.5
    late: float = 0.0
    late_seconds: float = 5.0
    seed: int = 1


class Deliveries:
    """The sender. `run` sends what is due until cancelled; `send_due` sends it once."""

    def __init__(self, store: Store, wire: Wire, settings: Settings, http: httpx2.AsyncClient) -> None:
        self.store, self.wire, self.settings, self._http = store, wire, settings, http
        self._under_way: set[int] = set()
        self._stirred, self._answered = asyncio.Event(), asyncio.Event()
        store.create(SCHEMA)

    def tell(self, notice: Notice) -> None:
        """Queue a notice, perhaps twice, perhaps late. Call it in the transaction of the change."""
        number, chance = self.store.next("delivery"), self.settings
        draw = random.Random(f"{chance.seed}/{number}")
        delay = chance.batch_seconds if chance.batch > 1 else 0.0
        if draw.random() < chance.late:
            delay += chance.late_seconds * draw.uniform(0.5, 1.0)
        elif draw.random() < chance.reorder:
            delay += chance.reorder_seconds * draw.random()
        self._queue(number, notice, delay, None)
        if draw.random() < chance.repeat:
            again = delay + chance.repeat_seconds * draw.random()
            self._queue(self.store.next("delivery"), notice, again, number)
        self.stir()

    def stir(self) -> None:
        """Look at once for what is due, as after a change of settings."""
        self._stirred.set()

    def waiting(self) -> int:
        """How many were neither acknowledged nor given up."""
        return self._count(f"SELECT COUNT(*) AS n FROM deliveries WHERE {WAITING}")  # noqa: S608 - our own words

    async def run(self) -> None:
        """Send what is due, several requests at once, until cancelled."""
        async with asyncio.TaskGroup() as sending:
            while True:
                self._stirred.clear()
                while rows := self._take():
                    sending.create_task(self._send(rows))
                try:
                    async with asyncio.timeout(self._nap_seconds()):
                        await self._stirred.wait()
                except TimeoutError:
                    continue

    async def send_due(self) -> int:
        """Send once what is due now, one request after the other; gives back how many requests. For tests."""
        batches = []
        while rows := self._take(limit=None):
            batches.append(rows)
        for rows in batches:
            await self._send(rows)
        return len(batches)

    async def idle(self, seconds: float) -> bool:
        """Wait until nothing waits, at most so long; tells whether that is so."""
        try:
            async with asyncio.timeout(seconds):
                while self.waiting():
                    self._answered.clear()
                    await self._answered.wait()
        except TimeoutError:
            return not self.waiting()
        return True

    async def verify_webhook(self) -> dict[str, Any]:
        """Ask the webhook to prove that it knows us, as the platform does when a subscription is saved."""
        query, expected = self.wire.challenge()
        try:
            answer = await self._http.get(
                self.settings.webhook, params=query, timeout=self.settings.timeout_seconds, follow_redirects=False
            )
        except httpx2.HTTPError as error:
            return {"status": 0, "verified": False, "error": type(error).__name__}
        return {"status": answer.status_code, "verified": answer.status_code == 200 and answer.text == expected}

    def _queue(self, number: int, notice: Notice, delay: float, repeat_of: int | None) -> None:
        now = self.store.now()
        self.store.insert(
            "deliveries",
            number=number,
            page_id=notice.page_id,
            comment_id=notice.comment_id,
            verb=notice.verb,
            version=notice.version,
            value=json.dumps(notice.value),
            repeat_of=repeat_of,
            created=now,
            due=now + delay,
        )

    def _take(self, *, limit: float | None = 1.0) -> list[Row]:
        """The rows of the next request, marked as under way; none when nothing is due or enough is under way."""
        if self.settings.paused or not self.settings.webhook:
            return []
        if limit is not None and len(self._under_way) >= self.settings.at_once * max(1, self.settings.batch):
            return []
        now, batch = self.store.now(), max(1, self.settings.batch)
        # A batch takes those along that would be due while it was collected.
        horizon = now + self.settings.batch_seconds if batch > 1 else now
        query = f"SELECT * FROM deliveries WHERE {WAITING} AND due <= ? ORDER BY due, number LIMIT ?"  # noqa: S608
        rows = self.store.rows(query, horizon, batch + len(self._under_way))
        rows = [row for row in rows if row["number"] not in self._under_way][:batch]
        if not rows or rows[0]["due"] > now:
            return []
        self._under_way |= {row["number"] for row in rows}
        return rows

    async def _send(self, rows: list[Row]) -> None:
        numbers = [row["number"] for row in rows]
        sent_at = self.store.now()
        body, headers = self.wire.request([_notice(row) for row in rows], sent_at)
        status, error = 0, None
        try:
            async with asyncio.timeout(self.settings.timeout_seconds):
                answer = await self._http.post(
                    self.settings.webhook, content=body, headers=headers, timeout=None, follow_redirects=False
                )
            status = answer.status_code
        except (httpx2.HTTPError, TimeoutError) as failed:
            error = type(failed).__name__
        finally:
            self._under_way.difference_update(numbers)
        self._note(rows, sent_at, body, status, error)
        self._answered.set()
        self.stir()

    def _note(self, rows: list[Row], sent_at: float, body: bytes, status: int, error: str | None) -> None:
        """Write down what one request came to."""
        digest, now, waits = hashlib.sha256(body).hexdigest(), self.store.now(), self.settings.retry_seconds
        with self.store.transaction():
            request = self.store.next("request")
            self.store.insert(
                "requests",
                number=request,
                at=sent_at,
                body_hash=digest,
                bytes=len(body),
                deliveries=json.dumps([row["number"] for row in rows]),
                status=status,
                error=error,
            )
            for row in rows:
                tried = row["attempts"] + 1
                good = 200 <= status < 300
                self.store.change(
                    "UPDATE deliveries SET attempts = ?, last_status = ?, last_request = ?, body_hash = ?,"
                    " acknowledged = ?, given_up = ?, due = ? WHERE number = ?",
                    *(tried, status, request, digest, now if good else None),
                    now if not good and tried >= self.settings.attempts else None,
                    row["due"] if good else now + waits[min(tried, len(waits)) - 1],
                    row["number"],
                )

    def _nap_seconds(self) -> float:
        """Until the next row is due, or a second."""
        query = f"SELECT MIN(due) AS due FROM deliveries WHERE {WAITING} AND due > ?"  # noqa: S608 - our own words
        now = self.store.now()
        row = self.store.row(query, now)
        due = row["due"] if row and row["due"] is not None else now + LONGEST_NAP_SECONDS
        return float(min(max(due - now, 0.001), LONGEST_NAP_SECONDS))

    def _count(self, query: str) -> int:
        row = self.store.row(query)
        return int(row["n"]) if row else 0


def change_settings(settings: Settings, given: Mapping[str, Any]) -> list[str]:
    """Take over those of ``given`` that are settings here; gives back their names."""
    known = {field.name for field in fields(settings)}
    names = [name for name in given if name in known]
    for name in names:
        setattr(settings, name, given[name])
    return names


def _notice(row: Row) -> Notice:
    value = json.loads(row["value"])
    return Notice(row["page_id"], row["comment_id"], row["verb"], row["version"], value)
