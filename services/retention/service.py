"""
Retention, wired: keeps every comment with its verdict, decides, hides what the policy says to hide, serves
the console.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from services.retention import handlers
from services.retention.console import console_router
from services.retention.invariants import INVARIANTS
from services.retention.settings import RetentionSettings
from services.retention.settle import LapseHides, PublishDecisions, SettleRevisions, WatchBacklog
from services.retention.store.acts import ActStore
from services.retention.store.standing import Judge
from services.retention.store.work import WorkStore
from services.retention.worker import HideWorker
from shared import events
from shared.calendar import ClosedDays
from shared.consumer import consumer
from shared.invariants import watch
from shared.loops import PollLoop
from shared.platforms.registry import open_outbound
from shared.service import Loop, Resources, Service
from shared.settings import FacebookSettings

log = logging.getLogger(__name__)


async def build(resources: Resources) -> Service:
    """Wire retention. Raises `SettingsInvalid`."""
    settings, facebook = RetentionSettings.load(), FacebookSettings.load()
    log.info("retention settings", extra={"settings": settings.effective() | facebook.effective()})
    platforms = open_outbound(resources.http, facebook, resources.now)
    closed = ClosedDays(resources.policy.holidays, resources.policy.zone)

    def hides_replies(platform: str) -> bool:
        return platform in platforms and platforms[platform].capabilities.hides_replies

    judge = Judge(resources.policy, closed.around, hides_replies)
    work = WorkStore(resources.db)
    hide = PollLoop(
        "retention.hide",
        HideWorker(
            ActStore(resources.db),
            platforms,
            resources.bus,
            resources.directory,
            resources.now,
            worker=resources.settings.instance,
            lease=timedelta(seconds=settings.lease_seconds),
            at_once=settings.acts_at_once,
        ),
    )
    keeper = handlers.Keeper(resources.db, resources.directory, judge, resources.now, hide.nudge)
    settle = SettleRevisions(keeper, work, platforms, resources.bus)
    loops: list[Loop] = [
        *_consumers(resources, keeper),
        hide,
        PollLoop("retention.settle", settle, idle_seconds=2.0),
        PollLoop("retention.lapse", LapseHides(keeper, work, resources.policy), idle_seconds=15.0),
        PollLoop("retention.publish", PublishDecisions(work, resources.bus, resources.now), idle_seconds=1.0),
        PollLoop("retention.backlog", WatchBacklog(work, resources.now), idle_seconds=5.0),
        watch("retention", resources.db, INVARIANTS, resources.now),
    ]
    secure = resources.settings.public_url.startswith("https://")
    router = console_router(
        resources.db, resources.directory, resources.bus, resources.policy, resources.now, secure=secure
    )
    return Service(
        name="retention",
        routers=[router] if settings.console else [],
        loops=loops,
        checks={"database": resources.db.ping, "bus": resources.bus.ping},
    )


def _consumers(resources: Resources, keeper: handlers.Keeper) -> list[Loop]:
    """One group for each topic that retention reads."""
    keep_alerts = handlers.KeepAlerts(keeper)
    table: list[tuple[str, Any, Any]] = [
        ("keep", events.CommentReceived, handlers.KeepComments(keeper)),
        ("judge", events.CommentClassified, handlers.JudgeComments(keeper)),
        ("remove", events.CommentRemoved, handlers.RemoveComments(keeper)),
        ("sight", events.CommentVisibilityChanged, handlers.SightComments(keeper)),
        ("review", events.CommentReviewed, handlers.ReviewComments(keeper)),
        ("report", events.CommentReported, handlers.KeepReports(keeper)),
        ("post", events.PostReceived, handlers.KeepPosts(keeper)),
        ("alert_raised", events.AlertRaised, keep_alerts),
        ("alert_acknowledged", events.AlertAcknowledged, keep_alerts),
        ("alert_escalated", events.AlertEscalated, keep_alerts),
        ("alert_exhausted", events.AlertExhausted, keep_alerts),
        ("dead_letter", events.MessageDeadLettered, handlers.KeepDeadLetters(keeper)),
    ]
    return [
        consumer(
            resources.bus,
            kind,
            group=f"retention.{name}",
            handle=handle,
            source="retention",
            member=resources.settings.instance,
            now=resources.now,
        )
        for name, kind, handle in table
    ]
