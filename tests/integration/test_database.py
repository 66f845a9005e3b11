"""The database layer keeps its promises on SQLite and PostgreSQL alike."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from uuid import uuid4

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, insert, select

from shared.db import Database, database_now, hold_lock, insert_once, metadata
from shared.directory import Account, Directory, Role, accounts, people
from shared.errors import DatabaseUnavailable, SettingsInvalid
from shared.migrate import migrate, require_current
from shared.policy import Mode
from tests.conftest import Clock

pytestmark = pytest.mark.asyncio

AT = datetime(2026, 3, 4, 17, 0, 0, 123456, tzinfo=UTC)


def row(**fields: object) -> dict[str, object]:
    values = {"platform": "facebook", "account": "1", "name": "Riverbend PD", "mode": "hide"}
    return {**values, "added_at": AT, "added_by": "person:rivera", **fields}


async def test_a_repeat_changes_nothing_and_gives_back_what_is_stored(database: Database) -> None:
    async with database.write() as connection:
        await insert_once(connection, accounts, [row()])
    async with database.write() as connection:
        stored = await insert_once(connection, accounts, [row(account="2", name="Second"), row(name="Later words")])
    assert [item["name"] for item in stored] == ["Second", "Riverbend PD"]


async def test_a_row_given_twice_at_once_is_stored_once(database: Database) -> None:
    async with database.write() as connection:
        stored = await insert_once(connection, accounts, [row(name="first"), row(name="second")])
    assert [item["name"] for item in stored] == ["first", "first"]


async def test_many_rows_come_back_in_the_order_given(database: Database) -> None:
    rows = [row(account=str(number)) for number in range(450, 0, -1)]
    async with database.write() as connection:
        stored = await insert_once(connection, accounts, rows)
    assert [item["account"] for item in stored] == [item["account"] for item in rows]


async def test_moments_keep_their_microseconds_and_come_back_in_utc(database: Database) -> None:
    local = AT.astimezone(timezone(timedelta(hours=-5)))
    async with database.write() as connection:
        [stored] = await insert_once(connection, accounts, [row(added_at=local)])
    assert stored["added_at"] == AT
    assert stored["added_at"].utcoffset() == timedelta(0)


async def test_moments_sort_by_time(database: Database) -> None:
    moments = [AT + timedelta(microseconds=shift) for shift in (5, -1, 1_000_000, 0)]
    async with database.write() as connection:
        await insert_once(connection, accounts, [row(account=str(n), added_at=at) for n, at in enumerate(moments)])
    async with database.read() as connection:
        found = (await connection.execute(select(accounts.c.added_at).order_by(accounts.c.added_at))).scalars().all()
    assert list(found) == sorted(moments)


async def test_a_naive_moment_is_refused(sqlite_database: Database) -> None:
    with pytest.raises(Exception, match="a moment must be aware"):
        async with sqlite_database.write() as connection:
            await connection.execute(insert(accounts).values(**row(added_at=datetime(2026, 3, 4))))  # noqa: DTZ001


async def test_an_error_rolls_the_whole_transaction_back(database: Database) -> None:
    async def fail_halfway() -> None:
        async with database.write() as connection:
            await connection.execute(insert(accounts).values(**row()))
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        await fail_halfway()
    async with database.read() as connection:
        assert (await connection.execute(select(accounts))).first() is None


async def test_writers_wait_for_each_other(database: Database) -> None:
    async def add(number: int) -> None:
        async with database.write() as connection:
            await connection.execute(insert(accounts).values(**row(account=str(number))))

    await asyncio.gather(*(add(number) for number in range(40)))
    async with database.read() as connection:
        assert len((await connection.execute(select(accounts))).all()) == 40


async def test_readers_go_on_while_a_transaction_is_open(database: Database) -> None:
    async with database.write() as writing:
        await writing.execute(insert(accounts).values(**row()))
        async with database.read() as reading:
            assert (await reading.execute(select(accounts))).first() is None


async def test_the_databases_clock_is_aware_and_near(database: Database) -> None:
    async with database.read() as connection:
        moment = await database_now(connection)
    assert abs(moment - datetime.now(UTC)) < timedelta(minutes=1)


async def test_a_database_that_is_away_is_a_passing_fault_without_its_password() -> None:
    db = Database.open("postgresql://moderation:hunter2@127.0.0.1:1/none")
    with pytest.raises(DatabaseUnavailable) as failure:
        await db.ping()
    assert "hunter2" not in str(failure.value)
    await db.close()


@pytest.mark.parametrize("url", ["mysql://x/y", "sqlite://", "not a url", "postgresql"])
async def test_another_database_is_refused_in_words(url: str) -> None:
    with pytest.raises(SettingsInvalid, match="DATABASE_URL"):
        Database.open(url)


async def test_a_second_process_is_refused_and_the_lock_is_freed(tmp_path: Path) -> None:
    file = tmp_path / "moderation.db"
    with hold_lock(file):
        program = (
            "import sys; from pathlib import Path; from shared.db import hold_lock\n"
            "with hold_lock(Path(sys.argv[1])): print('taken')"
        )
        import sys

        second = await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, str(file), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        out, err = await second.communicate()
        assert second.returncode != 0
        assert b"another process is running on moderation.db" in err
        assert not out
    with hold_lock(file):
        pass


async def test_an_account_is_added_once_and_can_be_changed(database: Database, clock: Clock) -> None:
    directory = Directory(database, clock)
    account = Account("facebook", "1029", "Riverbend PD", Mode.PROPOSE)
    assert await directory.add_account(account, actor="person:rivera")
    assert not await directory.add_account(account, actor="person:rivera")
    changed = Account("facebook", "1029", "Riverbend Police", Mode.HIDE)
    clock.advance(seconds=1)
    assert not await directory.add_account(changed, actor="person:okafor")
    assert await directory.account("facebook", "1029") == changed


async def test_an_unknown_account_is_looked_up_afresh(database: Database, clock: Clock) -> None:
    reader, writer = Directory(database, clock), Directory(database, clock)
    assert await reader.account("facebook", "1029") is None
    await writer.add_account(Account("facebook", "1029", "Riverbend PD", Mode.HIDE), actor="person:rivera")
    assert await reader.account("facebook", "1029") is not None


async def test_the_last_good_copy_answers_while_the_database_is_away(tmp_path: Path, clock: Clock) -> None:
    db = Database.open(f"sqlite:///{tmp_path / 'a.db'}")
    async with db.write() as connection:
        await connection.run_sync(lambda sync: metadata.create_all(sync, [accounts, people]))
    directory = Directory(db, clock)
    await directory.add_account(Account("facebook", "1029", "Riverbend PD", Mode.HIDE), actor="person:rivera")
    assert await directory.account("facebook", "1029") is not None
    async with db.write() as connection:
        await connection.run_sync(lambda sync: metadata.drop_all(sync, [accounts]))
    clock.advance(minutes=5)
    assert await directory.account("facebook", "1029") is not None
    with pytest.raises(DatabaseUnavailable):
        await Directory(db, clock).account("facebook", "1029")
    await db.close()


@pytest.mark.policy("A.4")
async def test_a4_a_revoked_grant_binds_at_once(database: Database, clock: Clock) -> None:
    directory = Directory(database, clock)
    token = await directory.add_person("rivera", "Sgt. Rivera", frozenset({Role.DESIGNATED}))
    person = await directory.person_by_token(token)
    assert person is not None
    assert person.may_review()
    assert person.actor == "person:rivera"
    assert await directory.revoke_person("rivera")
    assert await directory.person_by_token(token) is None
    assert await directory.person("rivera") is None
    assert not await directory.revoke_person("rivera")


@pytest.mark.policy("A.4")
async def test_a4_a_token_is_kept_as_a_hash_and_a_new_one_replaces_it(database: Database, clock: Clock) -> None:
    directory = Directory(database, clock)
    old = await directory.add_person("rivera", "Sgt. Rivera", frozenset({Role.MEMBER}))
    new = await directory.add_person("rivera", "Sgt. Rivera", frozenset({Role.DESIGNATED}))
    assert await directory.person_by_token(old) is None
    assert (await directory.person_by_token(new)).may_review()  # type: ignore[union-attr]
    async with database.read() as connection:
        stored = (await connection.execute(select(people.c.token_hash))).scalars().all()
    assert len(stored) == 1
    assert new not in stored


async def test_an_identifier_that_cannot_be_one_is_refused(sqlite_database: Database, clock: Clock) -> None:
    with pytest.raises(SettingsInvalid, match="identifier"):
        await Directory(sqlite_database, clock).add_person(f"a b {uuid4()}", "x", frozenset())


async def test_the_migrations_make_what_the_code_expects(database: Database) -> None:
    import services.ingest.store
    import services.notify.tables
    import services.retention.tables

    assert {services.ingest.store, services.notify.tables, services.retention.tables}, "their tables are declared"

    def difference(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        return list(compare_metadata(context, metadata))

    async with database.write() as connection:
        assert await connection.run_sync(difference) == []
    assert await migrate(database) == "0001"
    await require_current(database)
