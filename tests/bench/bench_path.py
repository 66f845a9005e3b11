"""
The whole path: webhooks a second into the bus, and comments a second end to end, in both forms.

Beside them, in the same run, a bare uvicorn endpoint that only reads the body: the ratios are what can be compared. The
load comes from wrk, with bodies signed beforehand, each a comment of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import hmac
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import asyncpg
import httpx2

from scripts.kafka import KafkaCluster
from scripts.postgres import PostgresServer
from tests.bench.machine import print_head
from tests.system import APP_SECRET, PAGE_ID, Process, System, free_port, wait_for

CONNECTIONS = 32
WORDS = (
    "Thanks for the update. ", "When does the road open again? ", "This is the third time this year, and nobody "
    "answers the phone. ", "Great work today. ", "I do not agree with the chief on this one, and I will say so. ",
)  # fmt: skip


def delivery(number: int) -> tuple[str, str]:
    """One comment as Facebook sends it, of about 700 bytes, and its signature."""
    value = {
        "from": {"id": f"71200099{number:08d}", "name": "Dana Whitfield"},
        "post": {"status_type": "added_photos", "is_published": True, "id": f"{PAGE_ID}_884412005561010"},
        "message": f"{WORDS[number % len(WORDS)]}Comment {number}.",
        "post_id": f"{PAGE_ID}_884412005561010",
        "comment_id": f"884412005561010_{number:015d}",
        "created_time": 1772323202,
        "item": "comment",
        "parent_id": f"{PAGE_ID}_884412005561010",
        "verb": "add",
    }
    entry = {"id": PAGE_ID, "time": 1772323205, "changes": [{"field": "feed", "value": value}]}
    body = json.dumps({"object": "page", "entry": [entry]}, separators=(",", ":"))
    return body, "sha256=" + hmac.new(APP_SECRET.encode(), body.encode(), hashlib.sha256).hexdigest()


def wrk_script(folder: Path, count: int) -> Path:
    """A wrk script that sends ``count`` different deliveries, round and round."""
    rows = ",\n".join(f"{{{json.dumps(body)}, {json.dumps(mark)}}}" for body, mark in map(delivery, range(count)))
    file = folder / "deliveries.lua"
    file.write_text(
        f"local rows = {{\n{rows}\n}}\nlocal next_row = 0\n"
        "function request()\n"
        "  next_row = next_row % #rows + 1\n"
        "  local row = rows[next_row]\n"
        '  return wrk.format("POST", nil, {["Content-Type"] = "application/json",\n'
        '    ["X-Hub-Signature-256"] = row[2]}, row[1])\n'
        "end\n"
    )
    return file


def load(url: str, script: Path, seconds: int) -> tuple[float, str]:
    """Requests a second as wrk saw them, and its percentiles. Any answer but 2xx ends the run."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", "-s", str(script), url]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in printed:
        sys.exit(f"not all answers were 2xx:\n{printed}")
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", printed)[1])  # type: ignore[index]
    spread = re.findall(r"(50|99)%\s+(\S+)", printed)
    return rate, ", ".join(f"p{part} {value}" for part, value in spread)


def bare(folder: Path, script: Path, seconds: int) -> tuple[float, str]:
    """A uvicorn endpoint that reads the body and answers: the most that this machine gives."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "tests.bench.bare:app", "--port", str(port), "--log-level", "warning"]
    process = Process("bare", command, {}, folder / "bare.log")
    process.start()
    try:
        wait_for("bare endpoint", lambda: httpx2.get(f"http://127.0.0.1:{port}/").status_code == 200)
        return load(f"http://127.0.0.1:{port}/", script, seconds)
    finally:
        process.kill()


def add_page(system: System) -> None:
    """Register the page on which the comments are written."""
    arguments = ("accounts", "add", "facebook", PAGE_ID, "--name", "Riverbend PD", "--mode", "propose")
    system.command("services.retention", *arguments)


def intake(system: System, script: Path, seconds: int) -> tuple[float, str]:
    """Webhooks a second into the bus with one ingest process; nothing else runs."""
    first = "ingest" if system.distributed else "services"
    system.start([first])
    try:
        return load(f"{system.url('ingest')}/webhooks/facebook", script, seconds)
    finally:
        system.kill()


def end_to_end(system: System, count: int) -> float:
    """Comments a second from the first webhook until all are decided."""
    system.start()
    try:
        begun = time.monotonic()
        asyncio.run(post_all(system.url("ingest"), count))

        def decided() -> bool:
            return sum(system.metric("retention", "moderation_decisions_total").values()) >= count

        wait_for("decisions", decided, seconds=600)
        return count / (time.monotonic() - begun)
    finally:
        system.kill()


async def post_all(url: str, count: int) -> None:
    """Send ``count`` comments, as many at once as the load does."""
    room = asyncio.Semaphore(CONNECTIONS)

    async def post(client: httpx2.AsyncClient, number: int) -> None:
        body, mark = delivery(10**9 + number)
        async with room:
            answer = await client.post("/webhooks/facebook", content=body, headers={"X-Hub-Signature-256": mark})
        assert answer.status_code == 200, answer.text

    async with httpx2.AsyncClient(base_url=url, timeout=30) as client:
        await asyncio.gather(*(post(client, number) for number in range(count)))


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.bench_path", description=__doc__)
    parser.add_argument("--seconds", type=int, default=10, help="length of each load")
    parser.add_argument("--comments", type=int, default=1500, help="comments end to end")
    options = parser.parse_args()
    print_head()
    with tempfile.TemporaryDirectory() as name, KafkaCluster() as kafka, PostgresServer() as postgres:
        folder = Path(name)
        script = wrk_script(folder, 3000)
        print(f"Apache Kafka {kafka.version}, PostgreSQL {postgres.version}; wrk, {CONNECTIONS} connections\n")
        most, spread = bare(folder, script, options.seconds)
        row("bare uvicorn endpoint", most, "requests/s", most, spread)
        forms: list[tuple[str, Callable[[str], System]]] = [
            ("embedded", lambda part: System(folder / part)),
            (
                "Kafka and PostgreSQL",
                lambda part: System(folder / part, f"kafka://{kafka.bootstrap}", database(postgres, part)),
            ),
        ]
        for form, make in forms:
            system = make(f"intake-{form.split()[0].lower()}")
            prepare(system)
            rate, spread = intake(system, script, options.seconds)
            row(f"webhooks into the bus, {form}", rate, "webhooks/s", most, spread)
            system = make(f"path-{form.split()[0].lower()}")
            prepare(system)
            row(f"end to end, {form}", end_to_end(system, options.comments), "comments/s", most, "")
    return 0


def prepare(system: System) -> None:
    """Make the schema and register the page."""
    system.command("services", "migrate")
    add_page(system)


def database(postgres: PostgresServer, name: str) -> str:
    """A database of its own on the server."""

    async def create() -> None:
        connection = await asyncpg.connect(postgres.url.replace("+asyncpg", ""))
        await connection.execute(f'CREATE DATABASE "{name}"')
        await connection.close()

    asyncio.run(create())
    return f"{postgres.url.rpartition('/')[0]}/{name}"


def row(what: str, rate: float, unit: str, most: float, spread: str) -> None:
    """One line of the table."""
    print(f"{what:<44} {rate:>9.0f} {unit:<12} ratio to bare {rate / most:>6.3f}   {spread}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
