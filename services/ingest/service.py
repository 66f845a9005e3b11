"""Ingest, wired: verifies what platforms push and publishes it; learns the posts that comments answer."""

from __future__ import annotations

import logging

from services.ingest.bodies import Room
from services.ingest.handlers import TakeDelivery
from services.ingest.posts import PostTexts
from services.ingest.routes import Webhooks, webhook_routes
from services.ingest.settings import IngestSettings
from services.ingest.store import PostStore
from services.ingest.worker import LearnPosts
from shared.loops import PollLoop
from shared.platforms.registry import READERS, open_facebook, open_inbound
from shared.service import Resources, Service
from shared.settings import FacebookSettings, GenericSettings

log = logging.getLogger(__name__)


async def build(resources: Resources) -> Service:
    """Wire ingest. Raises `SettingsInvalid`; a platform without its secret is left out and said so in the log."""
    settings, facebook, generic = IngestSettings.load(), FacebookSettings.load(), GenericSettings.load()
    inbounds = open_inbound(facebook, generic)
    missing = sorted(set(READERS) - set(inbounds))
    log.info("platforms", extra={"configured": sorted(inbounds), "not_configured": missing})
    log.info("ingest settings", extra={"settings": settings.effective()})

    graph = open_facebook(resources.http, facebook, resources.now)
    store = PostStore(resources.db)
    posts = PostTexts(store, resources.now)
    learn = LearnPosts(store, posts, {"facebook": graph}, resources.bus, resources.now, limit=settings.posts_per_step)
    loop = PollLoop("ingest.learn_posts", learn, idle_seconds=5.0)

    def can_fetch(platform: str, account: str) -> bool:
        return settings.learn_posts and platform == graph.platform and graph.can_read(account)

    take = TakeDelivery(resources.bus, resources.directory, posts, resources.now, can_fetch=can_fetch, nudge=loop.nudge)
    room = Room(
        deliveries=settings.max_deliveries, body_bytes=settings.max_pending_bytes, seconds=settings.body_seconds
    )
    return Service(
        name="ingest",
        routes=webhook_routes(Webhooks(inbounds, frozenset(READERS), take, room, resources.now)),
        loops=[loop],
        checks={"bus": resources.bus.ping},
    )
