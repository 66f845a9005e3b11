"""What is on the simulated platform: posts, comments and their versions, and every call that changed or tried to."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any

SCHEMA = """
CREATE TABLE IF NOT EXISTS posts (id TEXT PRIMARY KEY, message TEXT NOT NULL, created REAL NOT NULL);
CREATE TABLE IF NOT EXISTS comments (
    id TEXT PRIMARY KEY, post_id TEXT NOT NULL, parent_id TEXT, author_id TEXT NOT NULL, author TEXT NOT NULL,
    message TEXT NOT NULL, created REAL NOT NULL, version INTEGER NOT NULL, hidden INTEGER NOT NULL,
    removed INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS calls (
    number INTEGER PRIMARY KEY, comment_id TEXT NOT NULL, hidden INTEGER NOT NULL, changed INTEGER NOT NULL,
    by TEXT NOT NULL, at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS deliveries (
    number INTEGER PRIMARY KEY, comment_id TEXT NOT NULL, verb TEXT NOT NULL, version INTEGER NOT NULL,
    body BLOB NOT NULL, due REAL NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, last_status INTEGER,
    acknowledged REAL
);
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
"""


class Store:
    """One platform's state. Used from one thread; every change is committed at once."""

    def __init__(self, file: Path | None, page_id: str) -> None:
        self.page_id = page_id
        self._db = sqlite3.connect(file or ":memory:", isolation_level=None, check_same_thread=False)
        self._db.row_factory = sqlite3.Row
        self._db.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;" + SCHEMA)

    def rows(self, query: str, *values: object) -> list[dict[str, Any]]:
        """All rows of a query."""
        return [dict(row) for row in self._db.execute(query, values)]

    def change(self, statement: str, *values: object) -> None:
        """One statement, committed."""
        self._db.execute(statement, values)

    def next(self, name: str) -> int:
        """The next number of a counter."""
        query = "INSERT INTO counters VALUES (?, 1) ON CONFLICT DO UPDATE SET value = value + 1 RETURNING value"
        return int(self._db.execute(query, (name,)).fetchone()[0])

    def add_post(self, message: str, post_id: str | None = None) -> str:
        """An official post; gives back its id."""
        post_id = post_id or f"{self.page_id}_{884412005561000 + self.next('post')}"
        self.change("INSERT OR REPLACE INTO posts VALUES (?, ?, ?)", post_id, message, time.time())
        return post_id

    def post(self, post_id: str) -> dict[str, Any] | None:
        """One post."""
        return next(iter(self.rows("SELECT * FROM posts WHERE id = ?", post_id)), None)

    def add_comment(self, post_id: str, message: str, author: str, parent_id: str | None, author_id: str) -> str:
        """A comment under a post; gives back its id."""
        number = self.next("comment")
        comment_id = f"{post_id.partition('_')[2]}_{990117733420000 + number}"
        row = (comment_id, post_id, parent_id, author_id or f"71200099{number:08d}", author, message, time.time())
        self.change("INSERT INTO comments VALUES (?, ?, ?, ?, ?, ?, ?, 1, 0, 0)", *row)
        return comment_id

    def comment(self, comment_id: str) -> dict[str, Any] | None:
        """One comment that is still there."""
        return next(iter(self.rows("SELECT * FROM comments WHERE id = ? AND NOT removed", comment_id)), None)

    def edit(self, comment_id: str, message: str) -> None:
        """A new text."""
        self.change("UPDATE comments SET message = ?, version = version + 1 WHERE id = ?", message, comment_id)

    def remove(self, comment_id: str) -> None:
        """The author removes it."""
        self.change("UPDATE comments SET removed = 1 WHERE id = ?", comment_id)

    def set_hidden(self, comment_id: str, hidden: bool, by: str) -> bool:
        """Hide or show; True when that changed something. Every call is counted."""
        comment = self.comment(comment_id)
        changed = comment is not None and bool(comment["hidden"]) != hidden
        self.change("UPDATE comments SET hidden = ? WHERE id = ?", int(hidden), comment_id)
        self.change(
            "INSERT INTO calls (comment_id, hidden, changed, by, at) VALUES (?, ?, ?, ?, ?)",
            *(comment_id, int(hidden), int(changed), by, time.time()),
        )
        return changed

    def overview(self) -> list[dict[str, Any]]:
        """Every comment with how often it was hidden, shown, and called for nothing."""
        return self.rows(
            "SELECT c.*,"
            " (SELECT COUNT(*) FROM calls k WHERE k.comment_id = c.id AND k.hidden AND k.changed) AS hides,"
            " (SELECT COUNT(*) FROM calls k WHERE k.comment_id = c.id AND NOT k.hidden AND k.changed) AS shows,"
            " (SELECT COUNT(*) FROM calls k WHERE k.comment_id = c.id AND NOT k.changed) AS repeats,"
            " (SELECT MIN(at) FROM calls k WHERE k.comment_id = c.id AND k.hidden AND k.changed) AS first_hidden"
            " FROM comments c ORDER BY c.created, c.id"
        )
