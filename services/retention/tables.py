"""
Retention's tables: what came, what was judged, what was decided and why, and what must happen on the platform.

* What came is kept as it came and never changed: revisions, verdicts, removals, sightings, reviews, alerts, posts.
* A record is the reason of a flagged revision (A.10). It is committed before its hide can be claimed.
* `retention_comments` holds one row per comment: what stands now. `retention_visibility` holds what the platform must
  show.

Policy: A.8, A.9 (public records), A.10 (retained with a reason).
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    Table,
    Text,
    Uuid,
)

from shared.db import Document, Instant, metadata

SUBJECT = 512
"""The longest subject, in characters."""

comments = Table(
    "retention_comments",
    metadata,
    Column("subject", String(SUBJECT), primary_key=True),
    Column("platform", String(32), nullable=False),
    Column("account", String(255), nullable=False),
    Column("comment_id", String(255), nullable=False),
    Column("post_id", String(255), nullable=True),
    Column("revision", String(255), nullable=True, comment="the current one; null for a tombstone"),
    Column("standing", String(32), nullable=False, comment="events.Standing, or `unjudged` before the first decision"),
    Column("record_id", Uuid, nullable=True, comment="the record that justifies what stands"),
    Column("decided_by", String(255), nullable=True),
    Column("first_seen_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
    Column("removed_at", Instant, nullable=True, comment="a tombstone: removed by the author or the platform"),
    Column("unsettled_at", Instant, nullable=True, comment="which revision is current must be read back"),
    Column("settled_at", Instant, nullable=True, comment="the last doubt that a read-back settled"),
    Column("seen_hidden_at", Instant, nullable=True, comment="somebody else hid it: it waits for a reason (A.10)"),
    Column("confirm_by", Instant, nullable=True, comment="when a provisional hide must have been confirmed"),
    Index("ix_retention_comments_standing", "standing", "changed_at"),
    Index("ix_retention_comments_changed", "changed_at"),
)

revisions = Table(
    "retention_revisions",
    metadata,
    Column("subject", String(SUBJECT), primary_key=True),
    Column("revision", String(255), primary_key=True),
    Column("event_id", Uuid, nullable=False, unique=True),
    Column("author_id", String(255), nullable=True),
    Column("author_name", Text, nullable=True),
    Column("by_account", Boolean, nullable=False),
    Column("edited", Boolean, nullable=False),
    Column("text", Text, nullable=False),
    Column("links", Document, nullable=False),
    Column("media", Document, nullable=False),
    Column("parent_id", String(255), nullable=True, index=True),
    Column("post_id", String(255), nullable=True),
    Column("post_text", Text, nullable=True),
    Column("url", Text, nullable=True),
    Column("created_at", Instant, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("how", String(16), nullable=False),
    Column("entered_by", String(255), nullable=True),
    Column("raw", Text, nullable=False, comment="the platform's own object, JSON in ASCII"),
    Column("kept_at", Instant, nullable=False),
)

verdicts = Table(
    "retention_verdicts",
    metadata,
    Column("subject", String(SUBJECT), primary_key=True),
    Column("revision", String(255), primary_key=True),
    Column("event_id", Uuid, nullable=False),
    Column("scores", Document, nullable=False),
    Column("findings", Document, nullable=False),
    Column("model_version", String(64), nullable=False),
    Column("policy_version", String(64), nullable=False),
    Column("judged_at", Instant, nullable=False),
)

records = Table(
    "retention_records",
    metadata,
    Column("record_id", Uuid, primary_key=True),
    Column("subject", String(SUBJECT), nullable=False),
    Column("revision", String(255), nullable=False),
    Column("action", String(16), nullable=False, comment="hide or propose: what the policy asked for"),
    Column("category", String(32), nullable=False),
    Column("clause", String(16), nullable=False),
    Column("reason", Text, nullable=False, comment="in plain words, names the clause (A.10)"),
    Column("urgency", String(16), nullable=False),
    Column("evidence", Document, nullable=False, comment="the findings, with spans of the revision's text"),
    Column("scores", Document, nullable=False),
    Column("category_mode", String(16), nullable=True),
    Column("account_mode", String(16), nullable=True),
    Column("model_version", String(64), nullable=False),
    Column("policy_version", String(64), nullable=False),
    Column("made_by", String(255), nullable=False, comment="service:retention, or the person who hid by hand"),
    Column("made_at", Instant, nullable=False),
    ForeignKeyConstraint(["subject", "revision"], ["retention_revisions.subject", "retention_revisions.revision"]),
    Index("ix_retention_records_made", "made_at"),
    Index("ix_retention_records_subject", "subject"),
)

decisions = Table(
    "retention_decisions",
    metadata,
    Column("event_id", Uuid, primary_key=True, comment="the id of the comment.decided event"),
    Column("subject", String(SUBJECT), nullable=False),
    Column("revision", String(255), nullable=False),
    Column("generation", Integer, nullable=False),
    Column("standing", String(32), nullable=False),
    Column("actor", String(255), nullable=False),
    Column("category", String(32), nullable=True),
    Column("reason", Text, nullable=False),
    Column("record_id", Uuid, nullable=True),
    Column("urgency", String(16), nullable=False),
    Column("decided_at", Instant, nullable=False),
    Column("body", Text, nullable=False, comment="the event as JSON: a repeat publishes the same"),
    Column("published_at", Instant, nullable=True, comment="null until a worker's decision is on the bus"),
    Index("ix_retention_decisions_subject", "subject", "decided_at"),
)

visibility = Table(
    "retention_visibility",
    metadata,
    Column("subject", String(SUBJECT), primary_key=True),
    Column("platform", String(32), nullable=False),
    Column("account", String(255), nullable=False),
    Column("comment_id", String(255), nullable=False),
    Column("wanted", String(8), nullable=False, comment="shown or hidden"),
    Column("generation", Integer, nullable=False, comment="raised by each decision, restore or lapse"),
    Column("record_id", Uuid, nullable=True, comment="never null where hidden is wanted"),
    Column(
        "state",
        String(24),
        nullable=False,
        comment="requested, sent, verified, failed_retryable, failed_final, gone, not_supported",
    ),
    Column("reason", String(24), nullable=True, comment="why it failed, from a closed set"),
    Column("attempts", Integer, nullable=False),
    Column("requested_at", Instant, nullable=False),
    Column("next_attempt_at", Instant, nullable=True, comment="null when nothing is due"),
    Column("look_again_at", Instant, nullable=True, comment="a call timed out: look once more then"),
    Column("claimed_until", Instant, nullable=True, comment="a lease, by the database's clock"),
    Column("claimed_by", String(128), nullable=True),
    Column("last_error", String(255), nullable=True, comment="the error's class and code, never a text"),
    Column(
        "changed_by_us_at", Instant, nullable=True, comment="our last call that changed something: matches its echo"
    ),
    Column("verified_at", Instant, nullable=True),
    Column("answer", String(16), nullable=True, comment="changed, already so, or gone"),
    Index("ix_retention_visibility_due", "next_attempt_at"),
)

account_holds = Table(
    "retention_account_holds",
    metadata,
    Column("platform", String(32), primary_key=True),
    Column("account", String(255), primary_key=True),
    Column(
        "until", Instant, nullable=False, comment="no call for this account before: rate limit, or a refused credential"
    ),
    Column("reason", String(24), nullable=False, comment="rate_limited or credential"),
    Column("since", Instant, nullable=False),
)

removals = Table(
    "retention_removals",
    metadata,
    Column("event_id", Uuid, primary_key=True),
    Column("subject", String(SUBJECT), nullable=False, index=True),
    Column("raw", Text, nullable=False),
    Column("at", Instant, nullable=False),
)

sightings = Table(
    "retention_sightings",
    metadata,
    Column("event_id", Uuid, primary_key=True),
    Column("subject", String(SUBJECT), nullable=False, index=True),
    Column("hidden", Boolean, nullable=False),
    Column("ours", Boolean, nullable=False, comment="the echo of our own act"),
    Column("raw", Text, nullable=False),
    Column("at", Instant, nullable=False),
)

reviews = Table(
    "retention_reviews",
    metadata,
    Column("event_id", Uuid, primary_key=True),
    Column("subject", String(SUBJECT), nullable=False),
    Column("revision", String(255), nullable=False),
    Column("act", String(16), nullable=False),
    Column("category", String(32), nullable=True),
    Column("reason", Text, nullable=False),
    Column("actor", String(255), nullable=False),
    Column(
        "outcome", String(16), nullable=False, comment="done, late (somebody was first) or stale (text changed since)"
    ),
    Column("first_actor", String(255), nullable=True, comment="who was first, when late"),
    Column("at", Instant, nullable=False),
    Index("ix_retention_reviews_subject", "subject", "revision"),
)

reports = Table(
    "retention_reports",
    metadata,
    Column("event_id", Uuid, primary_key=True),
    Column("subject", String(SUBJECT), nullable=False, index=True),
    Column("link", Text, nullable=True),
    Column("note", Text, nullable=False),
    Column("actor", String(255), nullable=False),
    Column("at", Instant, nullable=False),
)

posts = Table(
    "retention_posts",
    metadata,
    Column("event_id", Uuid, primary_key=True),
    Column("platform", String(32), nullable=False),
    Column("account", String(255), nullable=False),
    Column("post_id", String(255), nullable=False),
    Column("text", Text, nullable=True),
    Column("url", Text, nullable=True),
    Column("raw", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Index("ix_retention_posts_post", "platform", "account", "post_id"),
)

alerts = Table(
    "retention_alerts",
    metadata,
    Column("event_id", Uuid, primary_key=True),
    Column("incident", String(SUBJECT), nullable=False),
    Column("comment", String(SUBJECT), nullable=False, index=True),
    Column("topic", String(64), nullable=False),
    Column("body", Document, nullable=False),
    Column("at", Instant, nullable=False),
)

dead_letters = Table(
    "retention_dead_letters",
    metadata,
    Column("event_id", Uuid, primary_key=True),
    Column("number", Integer, nullable=False, unique=True, comment="short name for the command line"),
    Column("reason", String(32), nullable=False),
    Column("detail", Text, nullable=False),
    Column("origin", String(255), nullable=False),
    Column("consumer_group", String(64), nullable=False),
    Column("key", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("encoding", String(8), nullable=False),
    Column("headers", Document, nullable=False),
    Column("died_at", Instant, nullable=False),
    Column("ended_at", Instant, nullable=True),
    Column("ended_by", String(255), nullable=True),
    Column("ended_how", String(16), nullable=True, comment="replayed or dismissed"),
)

audit = Table(
    "retention_audit",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("at", Instant, nullable=False),
    Column("actor", String(255), nullable=False),
    Column("act", String(64), nullable=False),
    Column("object", String(SUBJECT), nullable=False),
    Column("detail", Text, nullable=False),
)

sessions = Table(
    "retention_sessions",
    metadata,
    Column("session_hash", String(64), primary_key=True),
    Column("person", String(64), nullable=False),
    Column("form_token", String(64), nullable=False, comment="against cross-site requests"),
    Column("begun_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Column("ended_at", Instant, nullable=True),
)
