"""
Schema migrations with Alembic: one history for all services, the same on SQLite and PostgreSQL.

Embedded mode migrates at start. Distributed, ``python -m services migrate`` does it once per release, and a service
refuses to start on another schema than its own.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from shared.db import Database
from shared.errors import SettingsInvalid

FOLDER = Path(__file__).with_name("migrations")


async def migrate(db: Database) -> str:
    """
    Bring the schema to this release's and give back its revision. Safe to repeat, and by several processes at once.

    Raises `DatabaseUnavailable`.
    """
    async with db.write() as connection:
        if connection.dialect.name == "postgresql":
            await connection.exec_driver_sql("SELECT pg_advisory_xact_lock(19030001)")
        await connection.run_sync(_upgrade)
        return await connection.run_sync(_revision) or ""


async def require_current(db: Database) -> None:
    """
    Return when the schema is this release's; raises `SettingsInvalid` that names the command,
    `DatabaseUnavailable`.
    """
    async with db.read() as connection:
        found = await connection.run_sync(_revision)
    wanted = ScriptDirectory.from_config(_config()).get_current_head()
    if found != wanted:
        raise SettingsInvalid(
            f"the database has schema {found or 'none'}, this release needs {wanted}: run `python -m services migrate`"
        )


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    return config


def _upgrade(connection: Connection) -> None:
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()
