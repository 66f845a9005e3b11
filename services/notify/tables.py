"""
Notify's tables: what happened, what people are told of it, and each message's way.

* An incident is one matter of one comment. `notify_causes` holds each event that was taken in, so that a repeat, a
  replay or a new consumer group tells nobody again.
* An alert is what people are told: one incident, or a bundle of them. It escalates until somebody answers.
* A delivery is an alert on its way to one person by one channel; each try is a row of `notify_attempts`.
* `notify_announcements` holds the events that tell the others of it, written in the transaction of what they tell:
  paging goes on while the bus is away.
* No table holds an address, a comment's text or an author.

Policy: A.14.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String, Table, Text, Uuid

from shared.db import Instant, metadata

SUBJECT = 512

lanes = Table(
    "notify_lanes",
    metadata,
    Column(
        "lane", String(320), primary_key=True, comment="platform:account; its row is locked while one event is taken"
    ),
)

causes = Table(
    "notify_causes",
    metadata,
    Column("event_id", Uuid, primary_key=True),
    Column("subject", String(SUBJECT), nullable=False),
    Column("time", Instant, nullable=False),
    Column("settles", String(64), nullable=False, comment="the kinds of incident that it closed, apart by blanks"),
    Index("ix_notify_causes_subject", "subject"),
)

alerts = Table(
    "notify_alerts",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("bundle_key", String(512), nullable=False),
    Column("audience", String(8), nullable=False, comment="page or team"),
    Column("urgent", Boolean, nullable=False),
    Column("late", Boolean, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("due_at", Instant, nullable=False, comment="until then, more incidents join"),
    Column("state", String(16), nullable=False, comment="waiting, open, told, answered, closed, exhausted"),
    Column("round", Integer, nullable=False),
    Column(
        "level", Integer, nullable=False, comment="the place in the list of recipients, from 0; -1 before the first"
    ),
    Column("reached", Boolean, nullable=False, comment="whether a channel of the present recipient took it"),
    Column("next_at", Instant, nullable=True, comment="when to look again; null while a delivery is under way"),
    Column("told_at", Instant, nullable=True),
    Column("exhausted_at", Instant, nullable=True),
    Column("answered_at", Instant, nullable=True),
    Column("answered_by", String(255), nullable=True),
    Index("ix_notify_alerts_due", "state", "next_at"),
    Index("ix_notify_alerts_bundle", "bundle_key", "due_at"),
)

incidents = Table(
    "notify_incidents",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("kind", String(16), nullable=False, comment="finding, hide_failed or report"),
    Column("subject", String(SUBJECT), nullable=False),
    Column("generation", Integer, nullable=False, comment="how many incidents of this kind and comment came before"),
    Column("revision", String(255), nullable=False),
    Column("platform", String(32), nullable=False),
    Column("account", String(255), nullable=False),
    Column("account_name", String(255), nullable=False),
    Column("standing", String(32), nullable=False),
    Column("category", String(32), nullable=True),
    Column("reason", Text, nullable=False, comment="in words, never a quotation"),
    Column("url", Text, nullable=True),
    Column("urgent", Boolean, nullable=False),
    Column("backfill", Boolean, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("decided_at", Instant, nullable=False),
    Column("noticed_at", Instant, nullable=False),
    Column("business_time", Boolean, nullable=False),
    Column("audience", String(8), nullable=False),
    Column("why", String(16), nullable=False),
    Column("alert_id", Uuid, ForeignKey("notify_alerts.id"), nullable=True),
    Column("state", String(16), nullable=False, comment="open, answered, closed"),
    Column("settled_by", String(255), nullable=True),
    Column("settled_at", Instant, nullable=True),
    Index("ix_notify_incidents_subject", "subject", "kind"),
    Index("ix_notify_incidents_alert", "alert_id"),
    Index("ix_notify_incidents_state", "state", "noticed_at"),
)

deliveries = Table(
    "notify_deliveries",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("alert_id", Uuid, ForeignKey("notify_alerts.id"), nullable=False),
    Column("round", Integer, nullable=False),
    Column("level", Integer, nullable=False),
    Column("person", String(64), nullable=False),
    Column("name", String(255), nullable=False),
    Column("channel", String(64), nullable=False, comment="the channel's name, never its address"),
    Column("urgent", Boolean, nullable=False),
    Column("state", String(16), nullable=False, comment="pending, delivered, failed, cancelled"),
    Column("due_at", Instant, nullable=False),
    Column("next_attempt_at", Instant, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("claimed_until", Instant, nullable=True, comment="a lease, by the database's clock"),
    Column("last_error", String(32), nullable=True),
    Column("delivered_at", Instant, nullable=True),
    Column("link_expires_at", Instant, nullable=False),
    Index("ix_notify_deliveries_due", "state", "next_attempt_at"),
    Index("ix_notify_deliveries_alert", "alert_id"),
)

attempts = Table(
    "notify_attempts",
    metadata,
    Column("delivery_id", Uuid, ForeignKey("notify_deliveries.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("begun_at", Instant, nullable=False),
    Column("ended_at", Instant, nullable=True),
    Column("outcome", String(32), nullable=True, comment="null: under way, or the process died meanwhile"),
)

announcements = Table(
    "notify_announcements",
    metadata,
    Column("event_id", Uuid, primary_key=True),
    Column("topic", String(64), nullable=False),
    Column("body", Text, nullable=False, comment="the event as JSON"),
    Column("created_at", Instant, nullable=False),
    Column("published_at", Instant, nullable=True),
    Index("ix_notify_announcements_pending", "published_at", "created_at"),
)
