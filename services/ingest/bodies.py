"""
Reading a request's body within bounds: of one body, of all bodies in memory together, and of time.

A sender that is turned away with 503 comes again; memory that is full does not.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import Request


class Refused(Exception):
    """The body is not taken. ``status`` and ``reason`` are the answer."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


class Room:
    """How many deliveries, and how many of their bytes, may be in memory at once."""

    def __init__(self, *, deliveries: int, body_bytes: int, seconds: float) -> None:
        self._free, self._free_bytes, self._seconds = deliveries, body_bytes, seconds

    @asynccontextmanager
    async def body(self, request: Request, limit: int) -> AsyncIterator[bytes]:
        """
        The body, whose memory is counted until leaving.

        Raises `Refused`: 413 above ``limit``, 408 when it does not arrive in time, 503 when there is no room. Raises
        Starlette's ``ClientDisconnect``.
        """
        announced = request.headers.get("content-length", "")
        if announced.isdecimal() and (len(announced) > 12 or int(announced) > limit):
            raise Refused(413, "too_large")
        if self._free <= 0:
            raise Refused(503, "busy")
        self._free -= 1
        chunks, held = list[bytes](), 0
        try:
            try:
                async with asyncio.timeout(self._seconds):
                    async for chunk in request.stream():
                        if held + len(chunk) > limit:
                            raise Refused(413, "too_large")
                        if len(chunk) > self._free_bytes:
                            raise Refused(503, "busy")
                        held += len(chunk)
                        self._free_bytes -= len(chunk)
                        chunks.append(chunk)
            except TimeoutError:
                raise Refused(408, "too_slow") from None
            yield b"".join(chunks)
        finally:
            self._free += 1
            self._free_bytes += held
