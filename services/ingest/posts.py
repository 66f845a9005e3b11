"""
The texts of official posts as the webhook path sees them: in memory, with the table behind, and never in its way.

* A delivery asks once for all its posts. While the database is away or slow, the answer is "not known", and the comment
  goes on at once without its post's text.
* What is learned and what is wanted waits here, bounded, until the worker writes it down. A crash loses a wish, never
  an event: the next comment on the post wishes again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from services.ingest.store import PostKey, PostStore
from shared.errors import DatabaseUnavailable

LONGEST_TEXT = 65_536
"""Characters kept of a post; Facebook allows 63,206."""
REMEMBERED = 2_000
"""Texts, wishes and lessons kept in memory, each."""
READ_SECONDS = 0.5
KNOWN_FOR, UNKNOWN_FOR = timedelta(seconds=60), timedelta(seconds=5)


class PostTexts:
    """A cache of `PostStore`. For use by the tasks of one event loop."""

    def __init__(self, store: PostStore, now: Callable[[], datetime]) -> None:
        self._store, self._now = store, now
        self._cache: dict[PostKey, tuple[str | None, datetime]] = {}
        self._away_until: datetime | None = None
        self.learned: dict[PostKey, str] = {}
        self.wanted: set[PostKey] = set()

    async def known(self, keys: Iterable[PostKey]) -> dict[PostKey, str]:
        """The texts that are known now; never raises for a database that is away."""
        wanted, now = set(keys), self._now()
        found = {key: self._cache[key] for key in wanted if key in self._cache and self._cache[key][1] > now}
        missing = [key for key in wanted if key not in found]
        answer = {key: text for key, (text, _) in found.items() if text is not None}
        if missing:
            read = await self._read(missing, now)
            for key in missing if read is not None else ():
                text = (read or {}).get(key)
                self._remember(key, text, now + (KNOWN_FOR if text is not None else UNKNOWN_FOR))
            answer |= read or {}
        return answer

    def learn(self, key: PostKey, text: str) -> None:
        """A post's text came by itself. The worker writes it down."""
        text = text[:LONGEST_TEXT]
        self._remember(key, text, self._now() + KNOWN_FOR)
        if len(self.learned) < REMEMBERED or key in self.learned:
            self.learned[key] = text

    def want(self, key: PostKey) -> None:
        """A comment answers a post whose text is not known. The worker fetches it."""
        if len(self.wanted) < REMEMBERED:
            self.wanted.add(key)

    async def _read(self, keys: list[PostKey], now: datetime) -> dict[PostKey, str] | None:
        if self._away_until is not None and now < self._away_until:
            return None
        try:
            async with asyncio.timeout(READ_SECONDS):
                return await self._store.texts(keys)
        except (DatabaseUnavailable, TimeoutError):
            self._away_until = now + UNKNOWN_FOR
            return None

    def _remember(self, key: PostKey, text: str | None, until: datetime) -> None:
        self._cache.pop(key, None)
        self._cache[key] = (text, until)
        while len(self._cache) > REMEMBERED:
            del self._cache[next(iter(self._cache))]
