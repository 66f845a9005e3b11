"""
Fixtures for all tests.

`clock` is a time that the test moves by hand. `database` runs on both SQLite and PostgreSQL: a test that asks for it
runs twice. PostgreSQL and Kafka are started once, by our own scripts, when the first test asks for them.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NoReturn
from uuid import uuid4

import pytest
import pytest_asyncio
from sqlalchemy import text

from scripts.postgres import PostgresServer
from scripts.processes import Missing
from shared.db import Database
from shared.migrate import migrate
from shared.policy import Policy, load_policy

NOON = datetime(2026, 3, 4, 17, 0, tzinfo=UTC)
"""A Wednesday, noon in Riverbend: business hours."""


class Clock:
    """A moment that moves only when told to."""

    def __init__(self, moment: datetime = NOON) -> None:
        self.moment = moment

    def __call__(self) -> datetime:
        return self.moment

    def advance(self, **delta: float) -> datetime:
        self.moment += timedelta(**delta)
        return self.moment


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def policy() -> Policy:
    return load_policy()


_USED: set[str] = set()


def really_used(*backends: str) -> None:
    """Say in the report that these really ran; each names its version."""
    _USED.update(backends)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name the backends that were really used."""
    if _USED:
        terminalreporter.write_line(f"really used: {', '.join(sorted(_USED))}")


def unavailable(what: str, why: str) -> NoReturn:
    """A missing backend: a failure in CI, a skip with the reason on a laptop."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} is needed in CI: {why}", pytrace=False)
    pytest.skip(f"{what} is not available: {why}")


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a PostgreSQL of our own, started once; or of the one that ``TEST_POSTGRES_URL`` names."""
    if url := os.environ.get("TEST_POSTGRES_URL"):
        yield url
        return
    server = PostgresServer(die_with_parent=True)
    try:
        server.start()
    except Missing as error:
        unavailable("PostgreSQL", str(error))
    with server:
        really_used(f"PostgreSQL {server.version}")
        yield server.url


@pytest_asyncio.fixture
async def sqlite_database(tmp_path: Path) -> AsyncIterator[Database]:
    """An empty database with the schema, on SQLite."""
    db = Database.open(f"sqlite:///{tmp_path / 'test.db'}")
    await _prepare(db)
    yield db
    await db.close()


@pytest_asyncio.fixture(params=["sqlite", "postgresql"])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    """An empty database with the schema: the test runs on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        db = Database.open(f"sqlite:///{tmp_path / 'test.db'}")
        await _prepare(db)
        yield db
        await db.close()
        return
    url: str = request.getfixturevalue("postgres_url")
    name = f"test_{uuid4().hex}"
    server = Database.open(url)
    await _administer(server, f"CREATE DATABASE {name}")
    db = Database.open(url.rpartition("/")[0] + f"/{name}")
    await _prepare(db)
    yield db
    await db.close()
    await _administer(server, f"DROP DATABASE {name} WITH (FORCE)")
    await server.close()


async def _administer(server: Database, statement: str) -> None:
    async with server.read() as connection:
        await (await connection.execution_options(isolation_level="AUTOCOMMIT")).execute(text(statement))


async def _prepare(db: Database) -> None:
    await migrate(db)
