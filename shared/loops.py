"""
A loop that drives rows to their end: look for due work, do it, and look again when told or when time has passed.

`Transient` errors are waited out with backoff and jitter, as long as it takes; any other error ends the loop, and with
it the process (restarting is the orchestrator's work).
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable

from shared.errors import Transient

log = logging.getLogger(__name__)


class PollLoop:
    """Call ``step`` again and again: at once while it finds work, else after ``idle_seconds`` or a `nudge`."""

    def __init__(
        self,
        name: str,
        step: Callable[[], Awaitable[int]],
        *,
        idle_seconds: float = 1.0,
        max_backoff_seconds: float = 30.0,
    ) -> None:
        self.name = name
        self._step, self._idle, self._max_backoff = step, idle_seconds, max_backoff_seconds
        self._nudged = asyncio.Event()
        self._failures = 0

    def nudge(self) -> None:
        """Look now: there may be work. Safe to call from the loop's own event loop at any time."""
        self._nudged.set()

    def problem(self) -> str | None:
        """Not ready while the step keeps failing."""
        return f"{self.name} has failed {self._failures} times in a row" if self._failures >= 5 else None

    async def run(self, stop: asyncio.Event) -> None:
        """Drive until ``stop`` is set; the step under way is finished first."""
        while not stop.is_set():
            try:
                found = await self._step()
            except Transient as error:
                self._failures += 1
                log.warning(
                    "loop step failed",
                    extra={"loop": self.name, "error": str(error), "failures": self._failures},
                )
                await self._wait(stop, self._backoff())
                continue
            self._failures = 0
            if not found:
                await self._wait(stop, self._idle)

    def _backoff(self) -> float:
        ceiling: float = min(self._max_backoff, 0.1 * 2 ** min(self._failures, 12))
        return ceiling * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret

    async def _wait(self, stop: asyncio.Event, seconds: float) -> None:
        """Return when stopped, nudged, or after ``seconds``."""
        waiters = [asyncio.ensure_future(stop.wait()), asyncio.ensure_future(self._nudged.wait())]
        try:
            await asyncio.wait(waiters, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for waiter in waiters:
                waiter.cancel()
            await asyncio.gather(*waiters, return_exceptions=True)
            self._nudged.clear()
