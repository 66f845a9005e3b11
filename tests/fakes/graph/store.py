"""
What is on a simulated platform: pages, posts, comments with all their texts, and every call that changed or tried to.

* Nothing here knows Facebook: another platform's module uses the same store.
* One SQLite file holds everything, deliveries too, so a platform killed at any point goes on where it was.
  `tests/fakes/README.md` describes the tables: a chaos script may read the file while the platform runs.
* `Store.transaction` joins a change with its announcement: there is never one without the other.
* Times are unix seconds, UTC.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Row = dict[str, Any]

SCHEMA = """
CREATE TABLE IF NOT EXISTS pages (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, subscribed INTEGER NOT NULL DEFAULT 1
);
CREATE TABLE IF NOT EXISTS tokens (
    token TEXT PRIMARY KEY, page_id TEXT, expired INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS posts (
    id TEXT PRIMARY KEY, page_id TEXT NOT NULL, author_id TEXT NOT NULL, author TEXT NOT NULL, message TEXT NOT NULL,
    title TEXT, created REAL NOT NULL, updated REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS comments (
    id TEXT PRIMARY KEY, post_id TEXT NOT NULL, parent_id TEXT, author_id TEXT NOT NULL, author TEXT NOT NULL,
    message TEXT NOT NULL, photo TEXT, created REAL NOT NULL, version INTEGER NOT NULL, hidden INTEGER NOT NULL,
    removed INTEGER NOT NULL, can_hide INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS comments_of_post ON comments (post_id, created);
CREATE TABLE IF NOT EXISTS revisions (
    comment_id TEXT NOT NULL, version INTEGER NOT NULL, message TEXT NOT NULL, at REAL NOT NULL,
    PRIMARY KEY (comment_id, version)
);
CREATE TABLE IF NOT EXISTS calls (
    number INTEGER PRIMARY KEY, comment_id TEXT NOT NULL, hidden INTEGER NOT NULL, changed INTEGER NOT NULL,
    by TEXT NOT NULL, at REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS calls_of_comment ON calls (comment_id);
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
"""

OVERVIEW = """
SELECT c.*,
    (SELECT COUNT(*) FROM calls k WHERE k.comment_id = c.id AND k.hidden AND k.changed) AS hides,
    (SELECT COUNT(*) FROM calls k WHERE k.comment_id = c.id AND NOT k.hidden AND k.changed) AS shows,
    (SELECT COUNT(*) FROM calls k WHERE k.comment_id = c.id AND NOT k.changed) AS repeats,
    (SELECT MIN(at) FROM calls k WHERE k.comment_id = c.id AND k.hidden AND k.changed) AS first_hidden
FROM comments c
"""


class Store:
    """One platform's state. Used from one thread."""

    def __init__(self, file: Path | None = None, now: Callable[[], float] = time.time) -> None:
        self.now = now
        self._depth = 0
        self._db = sqlite3.connect(file or ":memory:", isolation_level=None, check_same_thread=False)
        self._db.row_factory = sqlite3.Row
        # NORMAL survives kill -9 of this process; only a loss of power could take the last commits.
        self._db.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;" + SCHEMA)

    def close(self) -> None:
        """Close the file. Nothing is lost without it."""
        self._db.close()

    def create(self, schema: str) -> None:
        """Add the tables of another part that keeps its rows in this file."""
        self._db.executescript(schema)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing. A transaction inside another is part of it."""
        outermost = self._depth == 0
        if outermost:
            self._db.execute("BEGIN IMMEDIATE")
        self._depth += 1
        try:
            yield
        except BaseException:
            if outermost:
                self._db.execute("ROLLBACK")
            raise
        else:
            if outermost:
                self._db.execute("COMMIT")
        finally:
            self._depth -= 1

    def rows(self, query: str, *values: object) -> list[Row]:
        """All rows of a query."""
        return [dict(row) for row in self._db.execute(query, values)]

    def row(self, query: str, *values: object) -> Row | None:
        """The first row of a query."""
        return next(iter(self.rows(query, *values)), None)

    def change(self, statement: str, *values: object) -> int:
        """One statement; gives back how many rows it changed."""
        return self._db.execute(statement, values).rowcount

    def next(self, name: str) -> int:
        """The next number of a counter."""
        query = "INSERT INTO counters VALUES (?, 1) ON CONFLICT DO UPDATE SET value = value + 1 RETURNING value"
        return int(self._db.execute(query, (name,)).fetchone()[0])

    def add_page(self, page_id: str, name: str, token: str | None = None) -> None:
        """A page, and the token that acts for it. Safe to repeat: a subscription that was ended stays ended."""
        with self.transaction():
            self.change(
                "INSERT INTO pages (id, name) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET name = excluded.name",
                *(page_id, name),
            )
            if token:
                self.change("INSERT OR IGNORE INTO tokens (token, page_id) VALUES (?, ?)", token, page_id)

    def page(self, page_id: str) -> Row | None:
        """One page."""
        return self.row("SELECT * FROM pages WHERE id = ?", page_id)

    def insert(self, table: str, **row: object) -> None:
        """A row of ``table``. Raises `sqlite3.IntegrityError` when its key is taken."""
        names, marks = ", ".join(row), ", ".join("?" * len(row))
        self.change(f"INSERT INTO {table} ({names}) VALUES ({marks})", *row.values())  # noqa: S608 - our own names

    def post(self, post_id: str) -> Row | None:
        """One post."""
        return self.row("SELECT * FROM posts WHERE id = ?", post_id)

    def comment(self, comment_id: str) -> Row | None:
        """One comment that is still there, hidden or not."""
        return self.row("SELECT * FROM comments WHERE id = ? AND NOT removed", comment_id)

    def comments_of(self, post_id: str) -> list[Row]:
        """All comments of a post that are still there, oldest first."""
        return self.rows("SELECT * FROM comments WHERE post_id = ? AND NOT removed ORDER BY created, id", post_id)

    def add_comment(self, **row: object) -> None:
        """A comment and its first text."""
        with self.transaction():
            self.insert("comments", **row, version=1, hidden=0, removed=0)
            self.insert("revisions", comment_id=row["id"], version=1, message=row["message"], at=row["created"])

    def edit_comment(self, comment_id: str, message: str) -> None:
        """A new text."""
        with self.transaction():
            self.change("UPDATE comments SET message = ?, version = version + 1 WHERE id = ?", message, comment_id)
            self.change(
                "INSERT INTO revisions SELECT id, version, message, ? FROM comments WHERE id = ?",
                *(self.now(), comment_id),
            )

    def set_hidden(self, comment_id: str, *, hidden: bool, by: str) -> bool:
        """Hide or show; True when that changed something. Every call is kept, with its time and who made it."""
        with self.transaction():
            query = "UPDATE comments SET hidden = ? WHERE id = ? AND NOT removed AND hidden <> ?"
            changed = self.change(query, int(hidden), comment_id, int(hidden)) == 1
            self.insert("calls", comment_id=comment_id, hidden=int(hidden), changed=int(changed), by=by, at=self.now())
        return changed

    def overview(self, comment_id: str | None = None) -> list[Row]:
        """Every comment, removed ones too, with how often it was hidden, shown, and called for nothing."""
        if comment_id is None:
            return self.rows(OVERVIEW + "ORDER BY c.created, c.id")
        return self.rows(OVERVIEW + "WHERE c.id = ?", comment_id)
