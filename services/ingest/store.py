"""
What ingest keeps: the texts of official posts, learned ahead, so that a comment can be judged beside its post.

The webhook path can do without this table; the bus is the record of everything else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Column, Index, Integer, String, Table, Text, and_, or_, select, tuple_, update

from shared.db import Database, Instant, database_now, insert_once, metadata

PostKey = tuple[str, str, str]
"""Platform, account, post id."""

posts = Table(
    "ingest_posts",
    metadata,
    Column("platform", String(32), primary_key=True),
    Column("account", String(255), primary_key=True),
    Column("post_id", String(255), primary_key=True),
    Column("text", Text, nullable=True, comment="null while not known"),
    Column("fetched_at", Instant, nullable=True),
    Column("wanted_at", Instant, nullable=True, comment="when a comment first answered it and its text was not known"),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt_at", Instant, nullable=True, comment="null: known, or given up"),
    Column("claimed_until", Instant, nullable=True, comment="by the database's clock"),
    Index("ix_ingest_posts_next_attempt_at", "next_attempt_at"),
)


def _at(key: PostKey) -> tuple[object, ...]:
    return (posts.c.platform == key[0], posts.c.account == key[1], posts.c.post_id == key[2])


class PostStore:
    """Named queries on `ingest_posts`. Every method raises `DatabaseUnavailable`."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def texts(self, keys: Iterable[PostKey]) -> dict[PostKey, str]:
        """The texts that are known, in one read for each 200 posts."""
        wanted, found = list(keys), dict[PostKey, str]()
        columns = tuple_(posts.c.platform, posts.c.account, posts.c.post_id)
        async with self._db.read() as connection:
            for begin in range(0, len(wanted), 200):
                query = select(posts).where(columns.in_(wanted[begin : begin + 200]), posts.c.text.is_not(None))
                for row in (await connection.execute(query)).mappings():
                    found[row["platform"], row["account"], row["post_id"]] = row["text"]
        return found

    async def learn(self, texts: Mapping[PostKey, str], now: datetime) -> None:
        """Store the texts, new or changed. Safe to repeat."""
        if not texts:
            return
        async with self._db.write() as connection:
            await insert_once(connection, posts, [_row(key, now) for key in texts])
            for key, text in texts.items():
                known = {"text": text, "fetched_at": now, "next_attempt_at": None, "claimed_until": None}
                await connection.execute(update(posts).where(*_at(key)).values(**known))  # type: ignore[arg-type]

    async def want(self, keys: Iterable[PostKey], now: datetime) -> None:
        """Note that the texts are wanted. Changes nothing for a post that is known, waits already or was given up."""
        rows = [{**_row(key, now), "wanted_at": now, "next_attempt_at": now} for key in keys]
        async with self._db.write() as connection:
            await insert_once(connection, posts, rows)

    async def claim_due(self, now: datetime, *, limit: int, lease: timedelta) -> Sequence[tuple[PostKey, int]]:
        """Posts whose text is due to be fetched and the attempts so far; they are ours until the lease ends."""
        async with self._db.write() as connection:
            clock = await database_now(connection)
            free = or_(posts.c.claimed_until.is_(None), posts.c.claimed_until < clock)
            due = and_(posts.c.next_attempt_at.is_not(None), posts.c.next_attempt_at <= now, free)
            query = select(posts).where(due).order_by(posts.c.next_attempt_at).limit(limit)
            rows = (await connection.execute(query.with_for_update(skip_locked=True))).mappings().all()
            claimed = [((row["platform"], row["account"], row["post_id"]), int(row["attempts"])) for row in rows]
            for key, _ in claimed:
                change = update(posts).where(*_at(key)).values(claimed_until=clock + lease)  # type: ignore[arg-type]
                await connection.execute(change)
        return claimed

    async def postpone(self, key: PostKey, attempts: int, next_attempt_at: datetime | None) -> None:
        """Try again at a later moment, or, with None, not again."""
        values = {"attempts": attempts, "next_attempt_at": next_attempt_at, "claimed_until": None}
        async with self._db.write() as connection:
            await connection.execute(update(posts).where(*_at(key)).values(**values))  # type: ignore[arg-type]


def _row(key: PostKey, now: datetime) -> dict[str, object]:
    platform, account, post_id = key
    empty = dict.fromkeys(("text", "fetched_at", "wanted_at", "next_attempt_at", "claimed_until"))
    return {"platform": platform, "account": account, "post_id": post_id, "attempts": 0, **empty}
