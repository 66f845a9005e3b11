"""
Learning posts: write down what the webhook path saw, and fetch the texts that comments lack.

A claimed post is read from its platform, published as `PostReceived`, and only then marked. A platform that fails is
asked again later, with a growing pause; after `MOST_ATTEMPTS` the post is given up: its comments are judged without it
and are never found off topic.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Protocol

from services.ingest.posts import LONGEST_TEXT, PostTexts
from services.ingest.store import PostKey, PostStore
from shared.bus import Bus
from shared.bus.cloudevents import publish_events
from shared.errors import PlatformRefused, PlatformUnavailable
from shared.events import PostReceived

log = logging.getLogger(__name__)

MOST_ATTEMPTS = 8
LEASE = timedelta(seconds=120)
LONGEST_PAUSE_SECONDS = 6 * 3600.0


class PostReader(Protocol):
    """A platform from which a post can be read."""

    async def post(self, account: str, post_id: str) -> PostReceived:
        """The post as it is now. Raises `PlatformUnavailable` or `PlatformRefused`."""
        ...


class LearnPosts:
    """One step of the loop; see the module."""

    def __init__(
        self,
        store: PostStore,
        texts: PostTexts,
        readers: Mapping[str, PostReader],
        bus: Bus,
        now: Callable[[], datetime],
        *,
        limit: int,
    ) -> None:
        self._store, self._texts, self._readers, self._bus = store, texts, readers, bus
        self._now, self._limit = now, limit

    async def __call__(self) -> int:
        """Write down, then fetch what is due; gives back how many were fetched. Raises `Transient`."""
        await self._write_down()
        claimed = await self._store.claim_due(self._now(), limit=self._limit, lease=LEASE)
        for key, attempts in claimed:
            await self._fetch(key, attempts + 1)
        return len(claimed)

    async def _write_down(self) -> None:
        if self._texts.learned:
            learned = dict(self._texts.learned)
            await self._store.learn(learned, self._now())
            for key, text in learned.items():
                if self._texts.learned.get(key) == text:  # a newer text came meanwhile: keep that one
                    del self._texts.learned[key]
        if self._texts.wanted:
            wanted = {key for key in self._texts.wanted if key[0] in self._readers}
            await self._store.want(sorted(wanted), self._now())
            self._texts.wanted.clear()

    async def _fetch(self, key: PostKey, attempts: int) -> None:
        platform, account, post_id = key
        reader = self._readers.get(platform)
        if reader is None:
            await self._store.postpone(key, attempts, None)
            return
        try:
            post = await reader.post(account, post_id)
        except (PlatformUnavailable, PlatformRefused) as error:
            again = None if attempts >= MOST_ATTEMPTS else self._now() + timedelta(seconds=_pause(attempts, error))
            await self._store.postpone(key, attempts, again)
            facts = {"platform": platform, "attempts": attempts, "error": str(error), "given_up": again is None}
            log.warning("post not learned", extra=facts)
            return
        await publish_events(self._bus, "ingest", [post])
        text = (post.text or "")[:LONGEST_TEXT]
        await self._store.learn({key: text}, self._now())
        self._texts.learn(key, text)


def _pause(attempts: int, error: PlatformUnavailable | PlatformRefused) -> float:
    """Seconds until the next attempt: what the platform asks for, and at least a doubling pause."""
    asked = error.retry_after_seconds if isinstance(error, PlatformUnavailable) else None
    return max(asked or 0.0, min(LONGEST_PAUSE_SECONDS, 30.0 * 2.0**attempts))
