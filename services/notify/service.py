"""Notify, wired: the only module that knows the others."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from services.notify.channels.apprise import AppriseChannels
from services.notify.delivery_store import DeliveryStore
from services.notify.handlers import Desk, HearDecisions, HearFailedHides, HearReports
from services.notify.invariants import invariants
from services.notify.links import Links, kept_secret
from services.notify.policy import rules_of
from services.notify.rota import TEAM, Contacts, ListedRota, Recipient
from services.notify.routes import AlertPage, page_router
from services.notify.settings import NotifySettings
from services.notify.store import IncidentStore
from services.notify.worker import Announce, CountOpen, Escalate, Tell
from shared.bus.cloudevents import publish_events
from shared.calendar import ClosedDays
from shared.consumer import consumer
from shared.errors import SettingsInvalid
from shared.events import CommentDecided, CommentHideFailed, CommentReported
from shared.invariants import watch
from shared.loops import PollLoop
from shared.service import Loop, Resources, Service

log = logging.getLogger(__name__)


async def build(resources: Resources) -> Service:
    """
    Wire notify: keep what must be told, tell it, and go on until somebody answers.

    Raises `SettingsInvalid` for a setting, a channel or a holiday calendar that cannot be used.
    """
    settings = NotifySettings.load()
    log.info("notify settings", extra={"settings": settings.effective()})
    channels = AppriseChannels(seconds=settings.channel_seconds)
    contacts = open_contacts(settings, channels)
    links = Links(_link_secret(settings, resources), resources.settings.address(), resources.now)
    incidents = IncidentStore(resources.db)
    rules = rules_of(resources.policy)
    gap = contacts.gaps(resources.now())
    if gap:
        log.warning("not everybody can be told", extra={"gap": gap})
    page = AlertPage(incidents, links, resources.policy, resources.now, console_url=_console_url(settings, resources))
    return Service(
        name="notify",
        routers=[page_router(page)],
        loops=[
            *_consumers(resources, incidents),
            *_workers(resources, settings, contacts, links),
            watch("notify", resources.db, invariants(rules), resources.now),
        ],
        checks={"database": resources.db.ping},
        notices={"contacts": gap} if gap else {},
        close=channels.close,
    )


def open_contacts(settings: NotifySettings, channels: AppriseChannels) -> Contacts:
    """Everybody whom the settings name. Raises `SettingsInvalid` for an address that is none."""
    people = [
        Recipient(
            one.person,
            one.name,
            channels.open([address.get_secret_value() for address in one.channels], f"NOTIFY_ONCALL {one.person}"),
        )
        for one in settings.oncall
    ]
    team = channels.open([address.get_secret_value() for address in settings.team], "NOTIFY_TEAM")
    return Contacts(ListedRota(people), Recipient(TEAM, "the team", team) if team else None)


def _consumers(resources: Resources, store: IncidentStore) -> Sequence[Loop]:
    closed = ClosedDays(resources.policy.holidays, resources.policy.zone)
    closed.around(resources.now())  # an unknown calendar is told now, not on the first comment
    desk = Desk(store, rules_of(resources.policy), closed, resources.now)

    async def account_name(platform: str, account: str) -> str:
        known = await resources.directory.account(platform, account)
        return known.name if known else ""

    listen = partial(consumer, resources.bus, source="notify", member=resources.settings.instance, now=resources.now)
    return [
        listen(CommentDecided, group="notify.decided", handle=HearDecisions(desk)),
        listen(CommentHideFailed, group="notify.hide_failed", handle=HearFailedHides(desk)),
        listen(CommentReported, group="notify.reported", handle=HearReports(desk, account_name)),
    ]


def _workers(resources: Resources, settings: NotifySettings, contacts: Contacts, links: Links) -> Sequence[Loop]:
    store = DeliveryStore(resources.db, link_lasts=timedelta(hours=settings.link_hours))
    answer_within = rules_of(resources.policy).escalate_after
    escalate = Escalate(store, contacts, resources.now, answer_within=answer_within, rounds=settings.rounds)
    tell = Tell(store, contacts, links, resources.policy, settings, resources.now)
    announce = Announce(store, partial(publish_events, resources.bus, "notify"), resources.now)
    return [
        PollLoop("notify.escalate", escalate, idle_seconds=0.5),
        PollLoop("notify.tell", tell, idle_seconds=0.5),
        PollLoop("notify.announce", announce, idle_seconds=0.5),
        PollLoop("notify.count_open", CountOpen(store), idle_seconds=15.0),
    ]


def _link_secret(settings: NotifySettings, resources: Resources) -> str:
    if secret := settings.link_secret.get_secret_value():
        return secret
    if resources.settings.embedded():
        return kept_secret(resources.settings.data_dir / "notify-link-secret")
    raise SettingsInvalid("NOTIFY_LINK_SECRET: is needed; all copies of notify must have the same")


def _console_url(settings: NotifySettings, resources: Resources) -> str:
    return settings.console_url or (resources.settings.address() if resources.settings.embedded() else "")
