"""
Run one service or all four: open what they share, serve, and leave in order.

* Fail before serving: settings, policy, schema and bus are checked first; a fault is one line on stderr and exit code
  2.
* ``SIGTERM`` and ``SIGINT`` drain: no new requests, work under way is finished, exit code 0 within ``DRAIN_SECONDS``.
* A loop that ends by itself takes the process down with exit code 1: restarting is the orchestrator's work.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import uvicorn

from shared import logging as logs
from shared import metrics
from shared.bus import open_bus
from shared.db import Database, hold_lock
from shared.directory import Directory
from shared.errors import ModerationError, SettingsInvalid
from shared.events import TOPICS
from shared.http import build_app
from shared.migrate import migrate, require_current
from shared.policy import load_policy
from shared.service import Build, Resources, Service
from shared.settings import SystemSettings

log = logging.getLogger(__name__)

VERSION = "0.1.0"
LEAVE_SECONDS = 6.0
"""How long a cancelled loop, and then the closing of clients, may take."""
Welcome = Callable[[Resources, str], Awaitable[None]]
"""Called once requests are answered, with the address."""


def utc_now() -> datetime:
    """The wall clock, aware UTC. The only place that reads it."""
    return datetime.now(UTC)


def run(*builds: Build, welcome: Welcome | None = None) -> None:
    """
    Run the services until told to stop, then exit the process: 0 drained, 1 a loop died, 2 could not start.

    ``welcome`` is called with the resources and the address once requests are answered.
    """
    try:
        settings = SystemSettings.load()
        logs.configure(settings.log_level)
        code = _run_loop(serve(builds, settings, welcome))
    except ModerationError as error:
        print(f"cannot start: {error}", file=sys.stderr)  # noqa: T201 - the operator's terminal
        sys.exit(2)
    sys.exit(code)


def _run_loop(main: Coroutine[object, object, int]) -> int:
    """Run on uvloop where it is installed: 3.6 times the requests (`docs/measured.md`)."""
    factory: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
    try:
        import uvloop

        factory = uvloop.new_event_loop
    except ImportError:
        log.warning("uvloop is not installed: requests are slower")
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main)


@asynccontextmanager
async def open_resources(settings: SystemSettings, *, exclusive: bool = True) -> AsyncIterator[Resources]:
    """
    Open bus, database, directory, policy and HTTP client; close them on leaving.

    Embedded, migrations are applied; else the schema must be current. ``exclusive`` holds the lock that refuses a
    second service process on the same file (command lines do not take it). Raises `SettingsInvalid` or `Transient`.
    """
    policy = load_policy(settings.policy_file)
    async with AsyncExitStack() as stack:
        if settings.embedded() and exclusive:
            stack.enter_context(hold_lock(Path(settings.database().removeprefix("sqlite:///"))))
        db = Database.open(settings.database())
        stack.push_async_callback(db.close)
        await (migrate(db) if settings.embedded() else require_current(db))
        bus = await open_bus(settings.bus(), topics=list(TOPICS), now=utc_now)
        stack.push_async_callback(bus.close)
        http = await stack.enter_async_context(httpx2.AsyncClient(timeout=10.0, follow_redirects=False))
        yield Resources(bus, db, Directory(db, utc_now), policy, http, utc_now, settings)


async def serve(
    builds: Sequence[Build],
    settings: SystemSettings,
    welcome: Welcome | None = None,
) -> int:
    """Run until a signal or the death of a loop; gives back the exit code."""
    stop = asyncio.Event()
    with _signals(stop):
        async with open_resources(settings) as resources, AsyncExitStack() as stack:
            services = [await build(resources) for build in builds]
            for service in services:
                if service.close:
                    stack.push_async_callback(service.close)
            log.info("starting", extra={"services": [s.name for s in services], "settings": settings.effective()})
            metrics.BUILD.labels(VERSION).set(1)
            return await _supervise(services, resources, stop, welcome)


async def _supervise(
    services: Sequence[Service],
    resources: Resources,
    stop: asyncio.Event,
    welcome: Welcome | None,
) -> int:
    settings = resources.settings
    listener = _listen(settings.http_host, settings.http_port)
    address = f"http://{settings.http_host}:{listener.getsockname()[1]}"
    server = _Server(
        uvicorn.Config(
            build_app(services),
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            limit_concurrency=512,
            timeout_graceful_shutdown=max(1, int(settings.drain_seconds) - 2),
        )
    )
    web = asyncio.create_task(server.serve(sockets=[listener]), name="http")
    loops = {
        asyncio.create_task(loop.run(stop), name=loop.name): loop for service in services for loop in service.loops
    }
    await server.answering(web)
    log.info("ready", extra={"address": address})
    if welcome:
        await welcome(resources, address)
    stopped = asyncio.create_task(stop.wait(), name="signal")
    done, _ = await asyncio.wait({web, stopped, *loops}, return_when=asyncio.FIRST_COMPLETED)
    # After a signal loops may end by themselves, even before this looks: only an error is a death then.
    died = [task for task in done if task is not stopped and (not stop.is_set() or _failed(task))]
    for task in died:
        error = task.exception() if not task.cancelled() else None
        log.critical("loop died", extra={"loop": task.get_name(), "error": type(error).__name__}, exc_info=error)
    stop.set()
    server.should_exit = True
    _leave_in_any_case(settings.drain_seconds + 2 * LEAVE_SECONDS, 1 if died else 0)
    drained = await _drain([web, *loops], settings.drain_seconds)
    stopped.cancel()
    log.info("stopped", extra={"drained": drained})
    return 1 if died else 0


def _leave_in_any_case(seconds: float, code: int) -> None:
    """
    End the process when draining and closing hang, as a client can whose broker is away: what is not done is
    redone.
    """

    def leave() -> None:
        log.error("left without closing everything", extra={"seconds": seconds})
        os._exit(code)

    timer = threading.Timer(seconds, leave)
    timer.daemon = True
    timer.start()


def _failed(task: asyncio.Task[Any]) -> bool:
    return task.cancelled() or task.exception() is not None


async def _drain(tasks: Sequence[asyncio.Task[None]], seconds: float) -> bool:
    """Wait for the work under way; what is not done in time is cancelled: it will be done again after the restart."""
    _, late = await asyncio.wait(tasks, timeout=seconds)
    for task in late:
        log.warning("cancelled after the drain time", extra={"loop": task.get_name()})
        task.cancel()
    if late:
        await asyncio.wait(late, timeout=LEAVE_SECONDS)
    return not late


@contextmanager
def _signals(stop: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


def _listen(host: str, port: int) -> socket.socket:
    """Bind before the services start, so that a taken port is told at once. Raises `SettingsInvalid`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise SettingsInvalid(f"HTTP_HOST/HTTP_PORT {host}:{port} cannot be used: {error.strerror}") from None
    listener.set_inheritable(True)
    return listener


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers: the runtime drains everything together."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._answering = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Tell when requests are answered."""
        await super().startup(sockets)
        self._answering.set()

    async def answering(self, task: asyncio.Task[None]) -> None:
        """Return when requests are answered, or when the server's task ended before."""
        begun = asyncio.create_task(self._answering.wait())
        await asyncio.wait({task, begun}, return_when=asyncio.FIRST_COMPLETED)
        begun.cancel()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the runtime."""
        yield
