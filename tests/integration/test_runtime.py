"""Starting, refusing to start, draining and dying: as an operator and an orchestrator see it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.system import ROOT, Process, System, free_port, wait_for

DYING = """
import asyncio
from shared.runtime import run
from shared.service import Service

class Loop:
    name = "test.dies"
    def problem(self): return None
    async def run(self, stop):
        await asyncio.sleep(0.2)
        {how}

async def build(resources):
    return Service("test", loops=[Loop()])

run(build)
"""


STUBBORN = """
import asyncio
from shared.runtime import run
from shared.service import Service

class Loop:
    name = "test.stubborn"
    def problem(self): return None
    async def run(self, stop):
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                pass

async def build(resources):
    return Service("test", loops=[Loop()])

run(build)
"""


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    found = System(tmp_path / "system")
    yield found
    found.kill()


def start(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *(arguments or ("-m", "services"))]
    return subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_first_start_prints_where_to_look_and_a_second_process_is_refused(system: System) -> None:
    system.start()
    log = system.processes["services"].log
    wait_for("the welcome", lambda: "accounts add facebook" in log.read_text())
    token = (Path(system.environment()["DATA_DIR"]) / "console-token").read_text().strip()
    for words in ("Console", "/webhooks/facebook", token):
        assert words in log.read_text()
    second = start({**system.environment("services"), "HTTP_PORT": "0"})
    assert second.returncode == 2
    assert "another process is running on moderation.db" in second.stderr
    assert second.stderr.count("\n") == 1, "one line, no traceback"
    assert system.stop() == {"services": 0}
    system.start()
    wait_for("the same token again", lambda: log.read_text().count(token) == 2)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains_and_exits_0(system: System, number: signal.Signals) -> None:
    system.start()
    running = system.processes["services"].running
    assert running is not None
    running.send_signal(number)
    assert running.wait(30) == 0
    stopped = [json.loads(line) for line in system.logs().splitlines() if '"stopped"' in line]
    assert [line["drained"] for line in stopped] == [True]


def test_a_loop_that_never_ends_cannot_hold_the_process(tmp_path: Path) -> None:
    port = free_port()
    settings = {"DATA_DIR": str(tmp_path), "HTTP_PORT": str(port), "DRAIN_SECONDS": "0.5"}
    process = Process("stubborn", [sys.executable, "-c", STUBBORN], settings, tmp_path / "stubborn.log")
    process.start()
    try:
        wait_for("it", lambda: httpx2.get(f"http://127.0.0.1:{port}/healthz").status_code == 200)
        assert process.stop() == 0
        assert "left without closing everything" in process.tail()
    finally:
        process.kill()


@pytest.mark.parametrize("how", ["raise ZeroDivisionError", "return"])
def test_a_loop_that_ends_by_itself_takes_the_process_down(tmp_path: Path, how: str) -> None:
    done = start({"DATA_DIR": str(tmp_path), "HTTP_PORT": "0"}, "-c", DYING.format(how=how))
    assert done.returncode == 1
    assert "loop died" in done.stdout


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"HTTP_PORT": "many"}, "HTTP_PORT"),
        ({"BUS_URL": "amqp://x"}, "BUS_URL"),
        ({"DATABASE_URL": "mysql://x/y"}, "DATABASE_URL"),
        ({"POLICY_FILE": "/nowhere/policy.toml"}, "POLICY_FILE policy.toml cannot be read"),
        ({"CLASSIFY_MODEL_DIR": "/nowhere"}, "CLASSIFY_MODEL_DIR"),
        ({"FACEBOOK_PAGE_TOKENS": "{secret"}, "page_tokens"),
        ({"NOTIFY_ONCALL": '[{"person": "a"}]'}, "NOTIFY"),
        ({"BUS_URL": "kafka://127.0.0.1:1"}, "Kafka did not confirm"),
    ],
)
def test_a_wrong_setting_is_named_before_serving(tmp_path: Path, settings: dict[str, str], told: str) -> None:
    done = start({"DATA_DIR": str(tmp_path), "HTTP_PORT": "0", **settings})
    assert done.returncode == 2, done.stdout[-2000:]
    assert "cannot start:" in done.stderr
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert "{secret" not in done.stderr


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    port = free_port()
    holder = Process(
        "holder", [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"], {}, tmp_path / "holder.log"
    )
    holder.start()
    try:
        wait_for("the holder", lambda: httpx2.get(f"http://127.0.0.1:{port}/").status_code == 200)
        done = start({"DATA_DIR": str(tmp_path), "HTTP_PORT": str(port)})
        assert (done.returncode, f"127.0.0.1:{port} cannot be used" in done.stderr) == (2, True)
    finally:
        holder.kill()


def test_an_old_schema_is_refused_with_the_command_that_mends_it(tmp_path: Path, postgres_url: str) -> None:
    settings = {
        "DATA_DIR": str(tmp_path), "HTTP_PORT": "0", "DATABASE_URL": postgres_url, "NOTIFY_LINK_SECRET": "x" * 40
    }  # fmt: skip
    before = start(settings)
    assert (before.returncode, "python -m services migrate" in before.stderr) == (2, True)
    assert start(settings, "-m", "services", "migrate").stdout.startswith("schema 0001")
    assert start(settings, "-m", "services", "migrate").returncode == 0


def test_settings_and_policy_can_be_checked_without_starting(tmp_path: Path) -> None:
    good = start({"DATA_DIR": str(tmp_path)}, "-m", "services", "check")
    assert (good.returncode, "are valid" in good.stdout) == (0, True)
    bad = start({"DATA_DIR": str(tmp_path), "LOG_LEVEL": "LOUD"}, "-m", "services", "check")
    assert (bad.returncode, "LOG_LEVEL" in bad.stderr) == (2, True)
