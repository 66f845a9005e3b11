"""
Webhooks as Meta sends them: its bytes, its signature, and retries until somebody answers 2xx.

Every delivery is a row first, so none is lost when this process is killed. A seed decides which ones are repeated, sent
late, or sent before those that they follow.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx2

from tests.fakes.graph.store import Store

AT_ONCE = 8


@dataclass
class Settings:
    """Where to deliver, with which secret, and how unruly."""

    webhook: str
    secret: str
    verify_token: str
    repeat: float = 0.0
    reorder: float = 0.0
    late: float = 0.0
    late_seconds: float = 5.0
    retry_seconds: Sequence[float] = (0.2, 0.5, 1.0, 2.0, 5.0)
    seed: int = 1
    paused: bool = False


def meta_json(value: object) -> bytes:
    """JSON as Meta writes it: other than ASCII as lower-case ``\\uXXXX``, and ``/`` as ``\\/``."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    return text.replace("/", "\\/").encode()


def signature(body: bytes, secret: str) -> str:
    """The value of ``X-Hub-Signature-256``."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


class Deliveries:
    """The sender. `run` delivers what is due until cancelled."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self.store, self.settings = store, settings
        self._random = random.Random(settings.seed)
        self._due = asyncio.Event()

    def announce(self, comment: dict[str, Any], verb: str) -> None:
        """Queue what happened to a comment, perhaps twice, perhaps late."""
        value = self._value(comment, verb)
        copies = 2 if self._random.random() < self.settings.repeat else 1
        for _ in range(copies):
            delay = 0.0
            if self._random.random() < self.settings.late:
                delay = self.settings.late_seconds * self._random.uniform(0.5, 1.0)
            elif self._random.random() < self.settings.reorder:
                delay = self._random.uniform(0.05, 0.5)
            self._queue(comment["id"], verb, comment["version"], value, delay)

    def _queue(self, node: str, verb: str, version: int, value: dict[str, Any], delay: float) -> None:
        self.store.change(
            "INSERT INTO deliveries (comment_id, verb, version, body, due) VALUES (?, ?, ?, ?, ?)",
            *(node, verb, version, json.dumps(value), time.time() + delay),
        )
        self._due.set()

    def announce_post(self, post: dict[str, Any]) -> None:
        """Queue the page's own new post."""
        value = {
            "from": {"id": self.store.page_id, "name": "The page"},
            "message": post["message"],
            "post_id": post["id"],
            "created_time": int(post["created"]),
            "item": "status",
            "published": 1,
            "verb": "add",
        }
        self._queue(post["id"], "post", 1, value, 0.0)

    def waiting(self) -> int:
        """How many were not acknowledged yet."""
        [row] = self.store.rows("SELECT COUNT(*) AS waiting FROM deliveries WHERE acknowledged IS NULL")
        return int(row["waiting"])

    async def run(self) -> None:
        """Deliver what is due, several at once, in the order of their times."""
        under_way: dict[int, asyncio.Task[None]] = {}
        async with httpx2.AsyncClient(timeout=20) as client:
            while True:
                under_way = {number: task for number, task in under_way.items() if not task.done()}
                if not self.settings.paused:
                    for row in self._next(under_way):
                        under_way[row["number"]] = asyncio.create_task(self._deliver(client, row))
                self._due.clear()
                try:
                    async with asyncio.timeout(0.05):
                        await self._due.wait()
                except TimeoutError:
                    continue

    async def verify(self) -> dict[str, Any]:
        """Run the handshake against the webhook, as saving the subscription does."""
        challenge = str(self._random.randrange(10**9))
        query = {
            "hub.mode": "subscribe",
            "hub.verify_token": self.settings.verify_token,
            "hub.challenge": challenge,
        }
        async with httpx2.AsyncClient(timeout=20) as client:
            answer = await client.get(self.settings.webhook, params=query)
        return {"status": answer.status_code, "verified": answer.status_code == 200 and answer.text == challenge}

    def _next(self, under_way: dict[int, asyncio.Task[None]]) -> list[dict[str, Any]]:
        query = "SELECT * FROM deliveries WHERE acknowledged IS NULL AND due <= ? ORDER BY due LIMIT ?"
        rows = self.store.rows(query, time.time(), AT_ONCE + len(under_way))
        return [row for row in rows if row["number"] not in under_way][: AT_ONCE - len(under_way)]

    async def _deliver(self, client: httpx2.AsyncClient, row: dict[str, Any]) -> None:
        change = {"field": "feed", "value": json.loads(row["body"])}
        entry = {"id": self.store.page_id, "time": int(time.time()), "changes": [change]}
        body = meta_json({"object": "page", "entry": [entry]})
        headers = {
            "Content-Type": "application/json",
            "X-Hub-Signature-256": signature(body, self.settings.secret),
        }
        try:
            status = (await client.post(self.settings.webhook, content=body, headers=headers)).status_code
        except httpx2.HTTPError:
            status = 0
        waits = self.settings.retry_seconds
        wait = waits[min(row["attempts"], len(waits) - 1)]
        done = time.time() if 200 <= status < 300 else None
        self.store.change(
            "UPDATE deliveries SET attempts = attempts + 1, last_status = ?, acknowledged = ?, due = ?"
            " WHERE number = ?",
            *(status, done, time.time() + wait, row["number"]),
        )

    def _value(self, comment: dict[str, Any], verb: str) -> dict[str, Any]:
        """The change's value, as the facts file shows it."""
        post_id = comment["post_id"]
        value: dict[str, Any] = {
            "from": {"id": comment["author_id"], "name": comment["author"]},
            "post_id": post_id,
            "comment_id": comment["id"],
            "item": "comment",
            "parent_id": comment["parent_id"] or post_id,
            "verb": verb,
        }
        if verb in ("add", "edited"):
            value["message"] = comment["message"]
            value["created_time"] = int(comment["created"])
            value["post"] = {"status_type": "mobile_status_update", "is_published": True, "id": post_id}
        return value
