"""
A steady stream of comments while processes are killed, and the count at the end.

Residents write, edit and remove comments on the simulated Facebook, which delivers them with repeats, reorders and late
ones, and retries until it gets a 2xx. Meanwhile every process of the product is killed with -9 again and again; in the
distributed form the Kafka broker and PostgreSQL are killed and started as well. Then everything is left to settle.

The ledger is the platform's own: what it had acknowledged must be in the archive, what had to be hidden must be hidden,
once, and nothing may be hidden without its record.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx2

from scripts.kafka import KafkaCluster
from scripts.postgres import PostgresServer
from tests.system import Side, System, wait_for

CLEAN = (
    "Thanks for telling us, this is comment {n}.",
    "When will the street open again? Asking for the {n}th time.",
    "The Chief has failed this city, and I will say it {n} times.",
)
BAD = "Earn from home at easy-cash-{n}.example.com today"


@dataclass(frozen=True)
class Plan:
    """How much and how rough. ``kills`` is for each process."""

    comments: int
    kills: int
    broker_stops: int
    per_second: float
    seed: int


@dataclass
class Counts:
    """What was found at the end. All of the second block must be zero."""

    comments: int = 0
    revisions_acknowledged: int = 0
    webhooks_acknowledged: int = 0
    webhook_attempts: int = 0
    hidden: int = 0
    repeated_calls: int = 0
    kills: dict[str, int] = field(default_factory=dict)

    lost: int = 0
    kept_twice: int = 0
    not_hidden: int = 0
    hidden_twice: int = 0
    hidden_wrongly: int = 0
    hidden_without_record: int = 0
    hidden_before_record: int = 0
    dead_letters: int = 0
    invariants_broken: int = 0

    def faults(self) -> dict[str, int]:
        """What must be zero and is not."""
        names = (
            "lost kept_twice not_hidden hidden_twice hidden_wrongly hidden_without_record hidden_before_record"
            " dead_letters invariants_broken"
        )
        return {name: value for name in names.split() if (value := getattr(self, name))}

    def report(self) -> str:
        """One line for each count."""
        return "\n".join(f"  {name:<26} {value}" for name, value in vars(self).items())


class Storm:
    """One run over one form of the product."""

    def __init__(
        self,
        system: System,
        graph: Side,
        plan: Plan,
        *,
        kafka: KafkaCluster | None = None,
        postgres: PostgresServer | None = None,
    ) -> None:
        self.system, self.graph, self.plan = system, graph, plan
        self.kafka, self.postgres = kafka, postgres
        self._random = random.Random(plan.seed)
        self.counts = Counts()
        self._texts: dict[str, list[str]] = {}

    def run(self) -> Counts:
        """Blow, settle, count."""
        post = self.graph.post("/control/posts", {"message": "5th Street is closed until Friday."})["id"]
        written = threading.Event()
        killer = threading.Thread(target=self._kill, args=(written,))
        killer.start()
        try:
            self._write(post)
        finally:
            written.set()
            killer.join()
        for name, process in self.system.processes.items():
            if not process.alive():
                self.system.start([name])
        self.system.wait_ready(seconds=120)
        self._settle()
        return self._count()

    def _write(self, post: str) -> None:
        """Residents write, edit and remove at a steady pace."""
        with httpx2.Client(base_url=self.graph.url, timeout=30) as client:
            for number in range(self.plan.comments):
                text = BAD.format(n=number) if number % 4 == 0 else self._random.choice(CLEAN).format(n=number)
                body = {"post_id": post, "message": text, "author": f"Resident {number}"}
                comment = client.post("/control/comments", json=body).json()["id"]
                self._texts[comment] = [text]
                if number % 10 == 5:
                    edited = f"{text} Edited." if number % 20 == 5 else BAD.format(n=f"e{number}")
                    client.post(f"/control/comments/{comment}/edit", json={"message": edited})
                    self._texts[comment].append(edited)
                if number % 17 == 3:
                    client.post(f"/control/comments/{comment}/remove")
                time.sleep(1 / self.plan.per_second)

    def _kill(self, written: threading.Event) -> None:
        """Kill each process in turn, and the broker and the database now and then, until each had its share."""
        names = list(self.system.processes)
        todo = [name for name in names for _ in range(self.plan.kills)]
        if self.kafka:
            todo += ["kafka", "postgres"] * self.plan.broker_stops
        self._random.shuffle(todo)
        pause = self.plan.comments / self.plan.per_second / len(todo)
        for name in todo:
            time.sleep(pause * self._random.uniform(0.1, 1.0))
            self._kill_one(name)
            self.counts.kills[name] = self.counts.kills.get(name, 0) + 1
        written.wait()

    def _kill_one(self, name: str) -> None:
        if name == "kafka" and self.kafka:
            self.kafka.kill()
            time.sleep(self._random.uniform(0.5, 2.0))
            self.kafka.restart()
        elif name == "postgres" and self.postgres:
            self.postgres.kill()
            time.sleep(self._random.uniform(0.5, 2.0))
            self.postgres.restart()
        else:
            process = self.system.processes[name]
            process.kill()
            time.sleep(self._random.uniform(0.0, 0.5))
            process.start()
            self._wait_up(process.alive, name)

    def _wait_up(self, alive: Callable[[], bool], name: str) -> None:
        """Wait until the process answers, so that each kill meets one at work; start it again if it could not start."""
        url = f"http://127.0.0.1:{self.system.ports[name]}/healthz"

        def up() -> bool:
            if not alive():  # the broker or the database was away: the orchestrator's restart
                self.system.processes[name].start()
            return httpx2.get(url, timeout=2).status_code == 200

        wait_for(f"{name} after a kill", up, seconds=120)

    def _settle(self) -> None:
        """Wait until the platform has delivered all, and nothing waits inside."""
        wait_for("deliveries", lambda: self.graph.get("/control/idle")["idle"], seconds=300)

        def quiet() -> bool:
            left = self._query(
                "SELECT (SELECT COUNT(*) FROM retention_revisions r LEFT JOIN retention_verdicts v"
                " ON v.subject = r.subject AND v.revision = r.revision WHERE v.subject IS NULL) AS unjudged,"
                " (SELECT COUNT(*) FROM retention_visibility WHERE next_attempt_at IS NOT NULL) AS due,"
                " (SELECT COUNT(*) FROM retention_comments WHERE unsettled_at IS NOT NULL"
                "   AND removed_at IS NULL) AS unsettled,"
                " (SELECT COUNT(*) FROM retention_comments WHERE standing = 'unjudged') AS undecided"
            )[0]
            return not any(left.values())

        wait_for("quiet", quiet, seconds=300)
        # The last events may still be on their way: what was acknowledged must be there in the end.
        try:
            wait_for("all acknowledged revisions", lambda: not self._lost(), seconds=60)
        except AssertionError:
            return

    def _acknowledged(self) -> set[tuple[str, str]]:
        """Comment and text of each revision whose webhook was answered 2xx."""
        found = set()
        for row in self.graph.get("/control/deliveries"):
            if row["acknowledged"] and row["verb"] in ("add", "edited"):
                found.add((row["comment_id"], self._texts[row["comment_id"]][row["version"] - 1]))
        return found

    def _kept(self) -> list[tuple[str, str]]:
        rows = self._query("SELECT subject, text FROM retention_revisions")
        return [(row["subject"].rpartition(":")[2], row["text"]) for row in rows]

    def _lost(self) -> set[tuple[str, str]]:
        return self._acknowledged() - set(self._kept())

    def _count(self) -> Counts:
        counts, kept = self.counts, self._kept()
        deliveries = self.graph.get("/control/deliveries")
        counts.comments = len(self._texts)
        counts.revisions_acknowledged = len(self._acknowledged())
        counts.webhooks_acknowledged = sum(row["acknowledged"] is not None for row in deliveries)
        counts.webhook_attempts = sum(row["attempts"] for row in deliveries)
        counts.lost = len(self._lost())
        counts.kept_twice = len(kept) - len(set(kept))
        records = {
            row["subject"].rpartition(":")[2]: row["made_at"]
            for row in self._query(
                "SELECT subject, MIN(made_at) AS made_at FROM retention_records WHERE TRIM(reason) <> ''"
                " GROUP BY subject"
            )
        }
        for seen in self.graph.get("/control/comments"):
            self._count_comment(seen, records)
        counts.dead_letters = len(self._query("SELECT number FROM retention_dead_letters"))
        services = ("retention", "notify")
        broken = [self.system.metric(name, "moderation_invariant_violations") for name in services]
        counts.invariants_broken = int(sum(sum(found.values()) for found in broken))
        return counts

    def _count_comment(self, seen: dict[str, Any], records: dict[str, Any]) -> None:
        counts, texts = self.counts, self._texts[seen["id"]]
        bad = texts[-1].startswith("Earn from home")
        counts.repeated_calls += seen["repeats"]
        counts.hidden += seen["hidden"]
        if bad and not seen["removed"] and not seen["hidden"]:
            counts.not_hidden += 1
        # An edit from bad to bad keeps the comment hidden; nothing here turns a bad text clean.
        if seen["hides"] > 1:
            counts.hidden_twice += 1
        if seen["hides"] and not any(text.startswith("Earn from home") for text in texts):
            counts.hidden_wrongly += 1
        if seen["hides"] and seen["id"] not in records:
            counts.hidden_without_record += 1
        if seen["hides"] and seen["id"] in records and seen["first_hidden"] < _seconds(records[seen["id"]]):
            counts.hidden_before_record += 1

    def _query(self, sql: str) -> list[dict[str, Any]]:
        """Read the product's database, as an auditor would."""
        if not self.system.distributed:
            file = Path(self.system.environment()["DATA_DIR"]) / "moderation.db"
            with sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=30) as connection:
                connection.row_factory = sqlite3.Row
                return [dict(row) for row in connection.execute(sql)]

        async def ask() -> list[dict[str, Any]]:
            connection = await asyncpg.connect(self.system.database_url.replace("+asyncpg", ""))
            try:
                return [dict(row) for row in await connection.fetch(sql)]
            finally:
                await connection.close()

        return asyncio.run(ask())


def _seconds(moment: Any) -> float:
    """Seconds since 1970 of a moment as either database gives it."""
    if isinstance(moment, str):
        from datetime import UTC, datetime

        return datetime.strptime(moment, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC).timestamp()
    return float(moment.timestamp())
