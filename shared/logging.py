"""
Logs: JSON lines on stdout, a constant message and facts as fields.

A comment's text and its author never appear in a log; neither does a secret. Nothing here can hold that: the callers
do, and `tests/e2e` searches the logs of a whole run for them.
"""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime

from pythonjsonlogger.json import JsonFormatter

QUIET = ("aiokafka", "httpx2", "httpcore2", "uvicorn.access", "apprise", "asyncio", "aiosqlite", "alembic")
"""Libraries that write a line for each call, or ten a second while a broker is away."""


class _Lines(JsonFormatter):
    """Adds the time as ISO 8601 UTC, the level and the logger."""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _Limit(logging.Filter):
    """Let each message of a noisy library through once in ``seconds``."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds, self._last = seconds, dict[str, float]()

    def filter(self, record: logging.LogRecord) -> bool:
        key = f"{record.name}/{record.msg}"
        if record.created - self._last.get(key, 0.0) < self._seconds:
            return False
        self._last[key] = record.created
        return True


def configure(level: str) -> None:
    """Send all logs to stdout as JSON lines. Safe to repeat."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        _Lines(
            "%(asctime)s %(levelname)s %(name)s %(message)s",
            rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in QUIET:
        library = logging.getLogger(name)
        library.setLevel(logging.WARNING)
        library.filters[:] = [_Limit(60.0)]
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).handlers[:] = []
        logging.getLogger(name).setLevel(logging.WARNING)
