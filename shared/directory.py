"""
The directory: which accounts are official (A.1), and who may act (A.4).

Retention writes it (commands and console), all services read it. Accounts are read through a short cache that keeps the
last good copy while the database is away. People are read each time: a revoked grant must bind at once.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Column, RowMapping, String, Table, UniqueConstraint, select, update

from shared.db import Database, Document, Instant, insert_once, metadata
from shared.errors import DatabaseUnavailable, SettingsInvalid
from shared.policy import Mode

accounts = Table(
    "directory_accounts",
    metadata,
    Column("platform", String(32), primary_key=True),
    Column("account", String(255), primary_key=True),
    Column("name", String(255), nullable=False),
    Column("mode", String(16), nullable=False),
    Column("added_at", Instant, nullable=False),
    Column("added_by", String(255), nullable=False),
)

people = Table(
    "directory_people",
    metadata,
    Column("person", String(64), primary_key=True),
    Column("name", String(255), nullable=False),
    Column("roles", Document, nullable=False),
    Column("token_hash", String(64), nullable=False),
    Column("added_at", Instant, nullable=False),
    Column("revoked_at", Instant, nullable=True),
    UniqueConstraint("token_hash"),
)


class Role(StrEnum):
    """What a person is authorized to do (A.4)."""

    MEMBER = "member"
    DESIGNATED = "designated"
    ADMINISTRATOR = "administrator"
    RECORDS = "records"


@dataclass(frozen=True)
class Account:
    """An official account. There is no default mode: it was stated when the account was added."""

    platform: str
    account: str
    name: str
    mode: Mode


@dataclass(frozen=True)
class Person:
    """Somebody with a grant."""

    person: str
    name: str
    roles: frozenset[Role]

    @property
    def actor(self) -> str:
        """The `actor` of this person's acts, such as ``person:rivera``."""
        return f"person:{self.person}"

    def may_review(self) -> bool:
        """Whether this person may confirm, restore and hide (A.4, A.10)."""
        return bool(self.roles & {Role.DESIGNATED, Role.ADMINISTRATOR})


class Directory:
    """Reads and writes accounts and people."""

    def __init__(self, db: Database, now: Callable[[], datetime], *, cache_seconds: float = 5.0) -> None:
        self._db, self._now = db, now
        self._cache_for = timedelta(seconds=cache_seconds)
        self._accounts: dict[tuple[str, str], Account] | None = None
        self._read_at: datetime | None = None

    async def account(self, platform: str, account: str) -> Account | None:
        """
        The official account, or None when it is not known.

        The answer may be some seconds old; an unknown account is looked up afresh. While the database is away the last
        good copy answers; raises `DatabaseUnavailable` when there is none yet.
        """
        key = (platform, account)
        fresh = self._read_at is not None and self._now() - self._read_at < self._cache_for
        if not fresh or self._accounts is None or key not in self._accounts:
            await self._refresh()
        return (self._accounts or {}).get(key)

    async def accounts(self) -> list[Account]:
        """All official accounts, by platform and name. Raises `DatabaseUnavailable`."""
        async with self._db.read() as connection:
            rows = await connection.execute(select(accounts).order_by(accounts.c.platform, accounts.c.name))
            return [_account(row) for row in rows.mappings()]

    async def add_account(self, account: Account, *, actor: str) -> bool:
        """
        Register an official account (A.1), or change its name and mode. True when it is new.

        Safe to repeat. Raises `DatabaseUnavailable`.
        """
        row = {
            "platform": account.platform,
            "account": account.account,
            "name": account.name,
            "mode": account.mode.value,
            "added_at": self._now(),
            "added_by": actor,
        }
        here = (accounts.c.platform == account.platform, accounts.c.account == account.account)
        async with self._db.write() as connection:
            new = (await connection.execute(select(accounts.c.account).where(*here))).first() is None
            [stored] = await insert_once(connection, accounts, [row])
            if (stored["name"], stored["mode"]) != (account.name, account.mode.value):
                change = update(accounts).where(*here).values(name=account.name, mode=account.mode.value)
                await connection.execute(change)
        self._read_at = None
        return new

    async def add_person(self, person: str, name: str, roles: frozenset[Role], *, token: str | None = None) -> str:
        """
        Grant ``roles`` to a person; gives back the token, which is shown once and kept only as a hash.

        A known person gets the new roles and a new token, and a revoked one is granted again. Raises `SettingsInvalid`
        for an identifier that cannot be one, `DatabaseUnavailable`.
        """
        if not person.replace("-", "").replace(".", "").replace("_", "").isalnum() or len(person) > 64:
            raise SettingsInvalid("a person's identifier is letters, digits, '.', '_' and '-', 64 at most")
        token = token or secrets.token_urlsafe(24)
        values = {"name": name, "roles": sorted(roles), "token_hash": hash_token(token), "revoked_at": None}
        async with self._db.write() as connection:
            await insert_once(connection, people, [{"person": person, "added_at": self._now(), **values}])
            await connection.execute(update(people).where(people.c.person == person).values(**values))
        return token

    async def revoke_person(self, person: str) -> bool:
        """Take every grant away, at once. True when the person had one. Safe to repeat."""
        async with self._db.write() as connection:
            done = await connection.execute(
                update(people)
                .where(people.c.person == person, people.c.revoked_at.is_(None))
                .values(revoked_at=self._now())
            )
        return bool(done.rowcount > 0)

    async def person(self, person: str) -> Person | None:
        """The person with a grant in force, read now; None when unknown or revoked."""
        return await self._find(people.c.person == person)

    async def person_by_token(self, token: str) -> Person | None:
        """Whose token this is, read now; None when it is nobody's. The hash is compared, never the token."""
        return await self._find(people.c.token_hash == hash_token(token))

    async def people(self) -> list[Person]:
        """Everybody with a grant in force, by identifier."""
        async with self._db.read() as connection:
            rows = await connection.execute(
                select(people).where(people.c.revoked_at.is_(None)).order_by(people.c.person)
            )
            return [_person(row) for row in rows.mappings()]

    async def _find(self, condition: object) -> Person | None:
        async with self._db.read() as connection:
            query = select(people).where(condition, people.c.revoked_at.is_(None))  # type: ignore[arg-type]
            row = (await connection.execute(query)).mappings().first()
        return _person(row) if row else None

    async def _refresh(self) -> None:
        try:
            found = await self.accounts()
        except DatabaseUnavailable:
            if self._accounts is None:
                raise
            return
        self._accounts = {(account.platform, account.account): account for account in found}
        self._read_at = self._now()


def hash_token(token: str) -> str:
    """SHA-256 in hex. Enough for a random token of 192 bits, which cannot be guessed from a dictionary."""
    return hashlib.sha256(token.encode()).hexdigest()


def _account(row: RowMapping) -> Account:
    return Account(row["platform"], row["account"], row["name"], Mode(row["mode"]))


def _person(row: RowMapping) -> Person:
    return Person(row["person"], row["name"], frozenset(Role(role) for role in row["roles"]))
