"""
The product as its users run it: real processes, started with `python -m services...`, for e2e, chaos, bench and demo.

It imports nothing of the product. It knows what an operator knows: commands, environment variables, URLs.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx2

ROOT = Path(__file__).resolve().parent.parent
SERVICES = ("ingest", "classify", "retention", "notify")

PAGE_ID = "102938475610293"
PAGE_TOKEN = "EAAB-page-token-riverbend-example"
APP_SECRET = "fb-app-secret-riverbend-0001"
VERIFY_TOKEN = "riverbend-verify"
LINK_SECRET = "a-link-secret-of-the-tests-0123456789"

T = TypeVar("T")


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(what: str, check: Callable[[], T], *, seconds: float = 60.0) -> T:
    """Poll ``check`` until it gives something true; raises `AssertionError` that names ``what`` when time is up."""
    deadline = time.monotonic() + seconds
    last: object = None
    while time.monotonic() < deadline:
        try:
            if found := check():
                return found
            last = found
        except (httpx2.HTTPError, OSError) as error:
            last = error
        time.sleep(0.1)
    raise AssertionError(f"{what} did not come within {seconds:.0f} s; last seen: {last!r}")


@dataclass
class Process:
    """One started program. Its output goes to ``log``."""

    name: str
    command: list[str]
    environment: Mapping[str, str]
    log: Path
    running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; what it prints is appended to the log."""
        with self.log.open("ab") as output:
            self.running = subprocess.Popen(
                self.command, cwd=ROOT, env={**os.environ, **self.environment}, stdout=output, stderr=output
            )

    def alive(self) -> bool:
        """Whether it runs."""
        return self.running is not None and self.running.poll() is None

    def kill(self) -> None:
        """``kill -9``: it gets no chance to tidy up."""
        if self.running is not None:
            self.running.kill()
            self.running.wait()

    def stop(self, *, seconds: float = 40.0) -> int:
        """``SIGTERM``, and wait for the end; gives back the exit code."""
        assert self.running is not None
        self.running.send_signal(signal.SIGTERM)
        return self.running.wait(seconds)

    def tail(self, lines: int = 30) -> str:
        """The end of its output, for failure messages."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:]) if self.log.exists() else ""


@dataclass
class System:
    """
    All processes of the product in one of its two forms.

    ``distributed`` needs ``bus_url`` and ``database_url``; embedded, one process holds all four services. Ports stay
    the same over restarts, as they do for a real installation.
    """

    folder: Path
    bus_url: str = ""
    database_url: str = ""
    extra: dict[str, str] = field(default_factory=dict)
    processes: dict[str, Process] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in SERVICES if self.distributed else ("services",):
            self.ports[name] = free_port()
            module = f"services.{name}" if self.distributed else "services"
            self.processes[name] = Process(
                name, [sys.executable, "-m", module], self.environment(name), self.folder / f"{name}.log"
            )

    @property
    def distributed(self) -> bool:
        """Whether each service is a process of its own."""
        return bool(self.bus_url)

    def environment(self, name: str = "") -> dict[str, str]:
        """The variables of one process."""
        return {
            "DATA_DIR": str(self.folder / "data"),
            "BUS_URL": self.bus_url,
            "DATABASE_URL": self.database_url,
            "HTTP_PORT": str(self.ports.get(name, 0)),
            "PYTHONUNBUFFERED": "1",
            "FACEBOOK_APP_SECRETS": APP_SECRET,
            "FACEBOOK_VERIFY_TOKEN": VERIFY_TOKEN,
            "NOTIFY_LINK_SECRET": LINK_SECRET,
            "FACEBOOK_PAGE_TOKENS": json.dumps({PAGE_ID: PAGE_TOKEN}),
            **self.extra,
        }

    def url(self, service: str) -> str:
        """Where ``service`` answers."""
        return f"http://127.0.0.1:{self.ports[service if self.distributed else 'services']}"

    def command(self, *arguments: str) -> str:
        """Run one of the product's commands; gives back what it printed. Raises on a bad exit code."""
        done = subprocess.run(
            [sys.executable, "-m", *arguments],
            cwd=ROOT,
            env={**os.environ, **self.environment()},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{' '.join(arguments)}: {done.stderr or done.stdout}"
        return done.stdout

    def start(self, names: Iterable[str] | None = None) -> None:
        """Start the processes and wait until each is ready."""
        for name in names or self.processes:
            self.processes[name].start()
        self.wait_ready(names)

    def wait_ready(self, names: Iterable[str] | None = None, *, seconds: float = 60.0) -> None:
        """Wait until ``/readyz`` is green for each."""
        for name in names or self.processes:
            process = self.processes[name]

            def ready(process: Process = process, name: str = name) -> bool:
                assert process.alive(), f"{name} ended:\n{process.tail()}"
                return httpx2.get(f"http://127.0.0.1:{self.ports[name]}/readyz", timeout=5).status_code == 200

            try:
                wait_for(f"readiness of {name}", ready, seconds=seconds)
            except AssertionError as error:
                raise AssertionError(f"{error}\n{process.tail()}") from None

    def stop(self) -> dict[str, int]:
        """Stop all that run; gives back the exit codes."""
        return {name: process.stop() for name, process in self.processes.items() if process.alive()}

    def kill(self) -> None:
        """End everything without mercy. Safe to repeat."""
        for process in self.processes.values():
            process.kill()

    def metric(self, service: str, name: str) -> dict[str, float]:
        """The samples of one metric, by their labels as written."""
        text = httpx2.get(f"{self.url(service)}/metrics", timeout=10).text
        samples = (line.rpartition(" ") for line in text.splitlines() if line.startswith(name))
        return {key.removeprefix(name): float(value) for key, _, value in samples if key.split("{")[0] == name}

    def logs(self) -> str:
        """Everything that the processes printed."""
        return "\n".join(process.log.read_text(errors="replace") for process in self.processes.values())


@dataclass
class Side:
    """A simulated platform or channel that runs beside the product, with its control API."""

    process: Process
    url: str

    def start(self, path: str = "/control/health") -> None:
        """Start it and wait until it answers."""
        self.process.start()
        wait_for(self.process.name, lambda: httpx2.get(self.url + path, timeout=2).status_code < 500)

    def post(self, path: str, body: Any = None) -> Any:
        """Call its control API."""
        answer = httpx2.post(self.url + path, json=body, timeout=30)
        assert answer.status_code < 300, (path, answer.status_code, answer.text)
        return answer.json() if answer.content else None

    def get(self, path: str) -> Any:
        """Read from its control API."""
        answer = httpx2.get(self.url + path, timeout=30)
        assert answer.status_code < 300, (path, answer.status_code, answer.text)
        return answer.json()
