"""
The database: SQLAlchemy Core on SQLite (embedded) or PostgreSQL (distributed), with one schema.

Rules:

* Transactions are short and never open across a network call. `Database.write` is one transaction.
* On SQLite: WAL, ``synchronous=FULL``, one writer connection behind a lock, ``BEGIN IMMEDIATE``, readers apart; a lock
  file refuses a second service process. On PostgreSQL: a pool, ``READ COMMITTED``, the primary only.
* Every moment is stored and given back as aware UTC (`Instant`).
* A driver's error that a later try can mend becomes `DatabaseUnavailable` here, at the edge.
* `insert_once` is how a repeat changes nothing: the primary key swallows it and the stored row comes back.
"""

from __future__ import annotations

import asyncio
import fcntl
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    JSON,
    DateTime,
    MetaData,
    RowMapping,
    Table,
    event,
    func,
    literal_column,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.engine import Dialect, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.types import String, TypeDecorator, TypeEngine

from shared.errors import DatabaseUnavailable, SettingsInvalid

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
"""All tables of the system; each bears its service's name, and only that service uses it."""

RETRIABLE_SQLSTATES = ("08", "40", "53", "55", "57")
"""PostgreSQL error classes that a later try can mend: connection, rollback, resources, state, intervention."""


class Instant(TypeDecorator[datetime]):
    """An aware UTC moment: ``timestamptz`` on PostgreSQL, sortable ISO 8601 text with microseconds on SQLite."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Text on SQLite, which has no type for it."""
        return dialect.type_descriptor(String(27) if dialect.name == "sqlite" else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Refuse a naive moment: it would be a guess."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment must be aware")
        moment = value.astimezone(UTC)
        return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ") if dialect.name == "sqlite" else moment

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Give it back aware, in UTC."""
        if value is None:
            return None
        if isinstance(value, str):
            return datetime.strptime(value, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
        return value.astimezone(UTC)  # type: ignore[no-any-return]


Document = JSON
"""A small JSON value. Kept as text in both databases, so that it comes back as it went in."""


class Database:
    """One database. Safe for use by many tasks of one event loop."""

    def __init__(self, writer: AsyncEngine, reader: AsyncEngine) -> None:
        self._writer, self._reader = writer, reader
        self._lock = asyncio.Lock() if writer.dialect.name == "sqlite" else None

    @classmethod
    def open(cls, url: str, *, pool_size: int = 8) -> Database:
        """
        Prepare connections to ``url`` (``sqlite:///FILE`` or ``postgresql://...``); connects at first use.

        Raises `SettingsInvalid` for another scheme or a broken URL.
        """
        try:
            parsed = make_url(url)
        except Exception as error:  # noqa: BLE001 - the library's own parse error would show the password
            raise SettingsInvalid("DATABASE_URL cannot be read as a URL") from error.__cause__
        kind = parsed.get_backend_name()
        if kind == "sqlite" and parsed.database:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
            target = parsed.set(drivername="sqlite+aiosqlite")
            return cls(_sqlite_engine(target, "IMMEDIATE", 1), _sqlite_engine(target, "DEFERRED", pool_size))
        if kind == "postgresql":
            engine = create_async_engine(
                parsed.set(drivername="postgresql+asyncpg"),
                pool_size=pool_size,
                max_overflow=0,
                pool_timeout=10,
                pool_pre_ping=True,
                connect_args={"timeout": 5, "command_timeout": 30},
            )
            return cls(engine, engine)
        raise SettingsInvalid("DATABASE_URL must begin with sqlite:/// or postgresql://")

    @property
    def dialect(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return self._writer.dialect.name

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """One transaction, committed on leaving, rolled back on an error. Raises `DatabaseUnavailable`."""
        with translated():
            if self._lock is None:
                async with self._writer.begin() as connection:
                    yield connection
            else:
                async with self._lock, self._writer.begin() as connection:
                    yield connection

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A consistent read. Raises `DatabaseUnavailable`."""
        with translated():
            async with self._reader.connect() as connection:
                yield connection

    async def ping(self) -> None:
        """Return when the database answers; raises `DatabaseUnavailable`."""
        async with self.read() as connection:
            await connection.execute(select(literal_column("1")))

    async def close(self) -> None:
        """Close all connections. Safe to repeat."""
        await self._writer.dispose()
        await self._reader.dispose()


def _sqlite_engine(url: Any, begin: str, pool_size: int) -> AsyncEngine:
    engine = create_async_engine(url, pool_size=pool_size, max_overflow=0, pool_timeout=30, connect_args={"timeout": 5})

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, below
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=5000"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def start(connection: Any) -> None:
        connection.exec_driver_sql(f"BEGIN {begin}")

    return engine


@contextmanager
def translated() -> Iterator[None]:
    """Turn a driver's passing failure into `DatabaseUnavailable`; let bugs and broken constraints through."""
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeoutError, OSError, TimeoutError) as error:
        raise DatabaseUnavailable(f"the database did not answer: {type(error).__name__}") from error
    except DBAPIError as error:
        state = str(getattr(error.orig, "sqlstate", "") or "")
        if error.connection_invalidated or state.startswith(RETRIABLE_SQLSTATES):
            raise DatabaseUnavailable(f"the database gave up: {type(error.orig).__name__} {state}") from error
        raise


async def insert_once(connection: AsyncConnection, table: Table, rows: Sequence[Mapping[str, Any]]) -> list[RowMapping]:
    """
    Insert the rows whose primary key is new; give back all of them as stored, in the order given.

    The stored row wins over the one given, so a repeat with a newer model, policy or clock changes nothing.
    """
    if not rows:
        return []
    insert = sqlite_insert if connection.dialect.name == "sqlite" else postgresql_insert
    await connection.execute(insert(table).on_conflict_do_nothing(), [dict(row) for row in rows])
    columns = list(table.primary_key.columns)
    keys = [tuple(row[column.name] for column in columns) for row in rows]
    found: dict[tuple[Any, ...], RowMapping] = {}
    for begin in range(0, len(keys), 200):
        chunk = keys[begin : begin + 200]
        match = columns[0].in_([key[0] for key in chunk]) if len(columns) == 1 else tuple_(*columns).in_(chunk)
        for row in (await connection.execute(select(table).where(match))).mappings():
            found[tuple(row[column.name] for column in columns)] = row
    return [found[key] for key in keys]


async def database_now(connection: AsyncConnection) -> datetime:
    """The database's clock, aware UTC: leases go by it, since several processes share them."""
    if connection.dialect.name == "sqlite":
        text = (await connection.exec_driver_sql("SELECT strftime('%Y-%m-%dT%H:%M:%f', 'now')")).scalar_one()
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f").replace(tzinfo=UTC)
    moment: datetime = (await connection.execute(select(func.clock_timestamp()))).scalar_one()
    return moment.astimezone(UTC)


@contextmanager
def hold_lock(file: Path) -> Iterator[None]:
    """
    Refuse a second service process on ``file``: hold an exclusive lock on ``FILE.lock`` until leaving.

    The kernel frees the lock when the process dies. Raises `SettingsInvalid` when another process holds it.
    """
    path = file.with_name(file.name + ".lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SettingsInvalid(f"another process is running on {file.name}; stop it, or set DATA_DIR") from None
        yield
