"""The first schema of all services."""

import sqlalchemy as sa
from alembic import op

from shared.db import Instant

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""

    op.create_table(
        "directory_accounts",
        sa.Column("platform", sa.String(length=32), nullable=False),
        sa.Column("account", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("mode", sa.String(length=16), nullable=False),
        sa.Column("added_at", Instant(), nullable=False),
        sa.Column("added_by", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("platform", "account", name=op.f("pk_directory_accounts")),
    )
    op.create_table(
        "directory_people",
        sa.Column("person", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("roles", sa.JSON(), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("added_at", Instant(), nullable=False),
        sa.Column("revoked_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("person", name=op.f("pk_directory_people")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_directory_people_token_hash")),
    )
    op.create_table(
        "ingest_posts",
        sa.Column("platform", sa.String(length=32), nullable=False),
        sa.Column("account", sa.String(length=255), nullable=False),
        sa.Column("post_id", sa.String(length=255), nullable=False),
        sa.Column("text", sa.Text(), nullable=True, comment="null while not known"),
        sa.Column("fetched_at", Instant(), nullable=True),
        sa.Column(
            "wanted_at", Instant(), nullable=True, comment="when a comment first answered it and its text was not known"
        ),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", Instant(), nullable=True, comment="null: known, or given up"),
        sa.Column("claimed_until", Instant(), nullable=True, comment="by the database's clock"),
        sa.PrimaryKeyConstraint("platform", "account", "post_id", name=op.f("pk_ingest_posts")),
    )
    with op.batch_alter_table("ingest_posts", schema=None) as batch_op:
        batch_op.create_index("ix_ingest_posts_next_attempt_at", ["next_attempt_at"], unique=False)

    op.create_table(
        "notify_alerts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("bundle_key", sa.String(length=512), nullable=False),
        sa.Column("audience", sa.String(length=8), nullable=False, comment="page or team"),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.Column("late", sa.Boolean(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("due_at", Instant(), nullable=False, comment="until then, more incidents join"),
        sa.Column(
            "state", sa.String(length=16), nullable=False, comment="waiting, open, told, answered, closed, exhausted"
        ),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column(
            "level",
            sa.Integer(),
            nullable=False,
            comment="the place in the list of recipients, from 0; -1 before the first",
        ),
        sa.Column(
            "reached", sa.Boolean(), nullable=False, comment="whether a channel of the present recipient took it"
        ),
        sa.Column(
            "next_at", Instant(), nullable=True, comment="when to look again; null while a delivery is under way"
        ),
        sa.Column("told_at", Instant(), nullable=True),
        sa.Column("exhausted_at", Instant(), nullable=True),
        sa.Column("answered_at", Instant(), nullable=True),
        sa.Column("answered_by", sa.String(length=255), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notify_alerts")),
    )
    with op.batch_alter_table("notify_alerts", schema=None) as batch_op:
        batch_op.create_index("ix_notify_alerts_bundle", ["bundle_key", "due_at"], unique=False)
        batch_op.create_index("ix_notify_alerts_due", ["state", "next_at"], unique=False)

    op.create_table(
        "notify_announcements",
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("topic", sa.String(length=64), nullable=False),
        sa.Column("body", sa.Text(), nullable=False, comment="the event as JSON"),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("published_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_notify_announcements")),
    )
    with op.batch_alter_table("notify_announcements", schema=None) as batch_op:
        batch_op.create_index("ix_notify_announcements_pending", ["published_at", "created_at"], unique=False)

    op.create_table(
        "notify_causes",
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("subject", sa.String(length=512), nullable=False),
        sa.Column("time", Instant(), nullable=False),
        sa.Column(
            "settles",
            sa.String(length=64),
            nullable=False,
            comment="the kinds of incident that it closed, apart by blanks",
        ),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_notify_causes")),
    )
    with op.batch_alter_table("notify_causes", schema=None) as batch_op:
        batch_op.create_index("ix_notify_causes_subject", ["subject"], unique=False)

    op.create_table(
        "notify_lanes",
        sa.Column(
            "lane",
            sa.String(length=320),
            nullable=False,
            comment="platform:account; its row is locked while one event is taken",
        ),
        sa.PrimaryKeyConstraint("lane", name=op.f("pk_notify_lanes")),
    )
    op.create_table(
        "retention_account_holds",
        sa.Column("platform", sa.String(length=32), nullable=False),
        sa.Column("account", sa.String(length=255), nullable=False),
        sa.Column(
            "until",
            Instant(),
            nullable=False,
            comment="no call for this account before: rate limit, or a refused credential",
        ),
        sa.Column("reason", sa.String(length=24), nullable=False, comment="rate_limited or credential"),
        sa.Column("since", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("platform", "account", name=op.f("pk_retention_account_holds")),
    )
    op.create_table(
        "retention_alerts",
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("incident", sa.String(length=512), nullable=False),
        sa.Column("comment", sa.String(length=512), nullable=False),
        sa.Column("topic", sa.String(length=64), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_retention_alerts")),
    )
    with op.batch_alter_table("retention_alerts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_retention_alerts_comment"), ["comment"], unique=False)

    op.create_table(
        "retention_audit",
        sa.Column("number", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("actor", sa.String(length=255), nullable=False),
        sa.Column("act", sa.String(length=64), nullable=False),
        sa.Column("object", sa.String(length=512), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_retention_audit")),
    )
    op.create_table(
        "retention_comments",
        sa.Column("subject", sa.String(length=512), nullable=False),
        sa.Column("platform", sa.String(length=32), nullable=False),
        sa.Column("account", sa.String(length=255), nullable=False),
        sa.Column("comment_id", sa.String(length=255), nullable=False),
        sa.Column("post_id", sa.String(length=255), nullable=True),
        sa.Column("revision", sa.String(length=255), nullable=True, comment="the current one; null for a tombstone"),
        sa.Column(
            "standing",
            sa.String(length=32),
            nullable=False,
            comment="events.Standing, or `unjudged` before the first decision",
        ),
        sa.Column("record_id", sa.Uuid(), nullable=True, comment="the record that justifies what stands"),
        sa.Column("decided_by", sa.String(length=255), nullable=True),
        sa.Column("first_seen_at", Instant(), nullable=False),
        sa.Column("changed_at", Instant(), nullable=False),
        sa.Column("removed_at", Instant(), nullable=True, comment="a tombstone: removed by the author or the platform"),
        sa.Column("unsettled_at", Instant(), nullable=True, comment="which revision is current must be read back"),
        sa.Column("settled_at", Instant(), nullable=True, comment="the last doubt that a read-back settled"),
        sa.Column(
            "seen_hidden_at", Instant(), nullable=True, comment="somebody else hid it: it waits for a reason (A.10)"
        ),
        sa.Column("confirm_by", Instant(), nullable=True, comment="when a provisional hide must have been confirmed"),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_retention_comments")),
    )
    with op.batch_alter_table("retention_comments", schema=None) as batch_op:
        batch_op.create_index("ix_retention_comments_changed", ["changed_at"], unique=False)
        batch_op.create_index("ix_retention_comments_standing", ["standing", "changed_at"], unique=False)

    op.create_table(
        "retention_dead_letters",
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, comment="short name for the command line"),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("origin", sa.String(length=255), nullable=False),
        sa.Column("consumer_group", sa.String(length=64), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("encoding", sa.String(length=8), nullable=False),
        sa.Column("headers", sa.JSON(), nullable=False),
        sa.Column("died_at", Instant(), nullable=False),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.Column("ended_by", sa.String(length=255), nullable=True),
        sa.Column("ended_how", sa.String(length=16), nullable=True, comment="replayed or dismissed"),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_retention_dead_letters")),
        sa.UniqueConstraint("number", name=op.f("uq_retention_dead_letters_number")),
    )
    op.create_table(
        "retention_decisions",
        sa.Column("event_id", sa.Uuid(), nullable=False, comment="the id of the comment.decided event"),
        sa.Column("subject", sa.String(length=512), nullable=False),
        sa.Column("revision", sa.String(length=255), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("standing", sa.String(length=32), nullable=False),
        sa.Column("actor", sa.String(length=255), nullable=False),
        sa.Column("category", sa.String(length=32), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("record_id", sa.Uuid(), nullable=True),
        sa.Column("urgency", sa.String(length=16), nullable=False),
        sa.Column("decided_at", Instant(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False, comment="the event as JSON: a repeat publishes the same"),
        sa.Column("published_at", Instant(), nullable=True, comment="null until a worker's decision is on the bus"),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_retention_decisions")),
    )
    with op.batch_alter_table("retention_decisions", schema=None) as batch_op:
        batch_op.create_index("ix_retention_decisions_subject", ["subject", "decided_at"], unique=False)

    op.create_table(
        "retention_posts",
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("platform", sa.String(length=32), nullable=False),
        sa.Column("account", sa.String(length=255), nullable=False),
        sa.Column("post_id", sa.String(length=255), nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("raw", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_retention_posts")),
    )
    with op.batch_alter_table("retention_posts", schema=None) as batch_op:
        batch_op.create_index("ix_retention_posts_post", ["platform", "account", "post_id"], unique=False)

    op.create_table(
        "retention_removals",
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("subject", sa.String(length=512), nullable=False),
        sa.Column("raw", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_retention_removals")),
    )
    with op.batch_alter_table("retention_removals", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_retention_removals_subject"), ["subject"], unique=False)

    op.create_table(
        "retention_reports",
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("subject", sa.String(length=512), nullable=False),
        sa.Column("link", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("actor", sa.String(length=255), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_retention_reports")),
    )
    with op.batch_alter_table("retention_reports", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_retention_reports_subject"), ["subject"], unique=False)

    op.create_table(
        "retention_reviews",
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("subject", sa.String(length=512), nullable=False),
        sa.Column("revision", sa.String(length=255), nullable=False),
        sa.Column("act", sa.String(length=16), nullable=False),
        sa.Column("category", sa.String(length=32), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.String(length=255), nullable=False),
        sa.Column(
            "outcome",
            sa.String(length=16),
            nullable=False,
            comment="done, late (somebody was first) or stale (text changed since)",
        ),
        sa.Column("first_actor", sa.String(length=255), nullable=True, comment="who was first, when late"),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_retention_reviews")),
    )
    with op.batch_alter_table("retention_reviews", schema=None) as batch_op:
        batch_op.create_index("ix_retention_reviews_subject", ["subject", "revision"], unique=False)

    op.create_table(
        "retention_revisions",
        sa.Column("subject", sa.String(length=512), nullable=False),
        sa.Column("revision", sa.String(length=255), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("author_id", sa.String(length=255), nullable=True),
        sa.Column("author_name", sa.Text(), nullable=True),
        sa.Column("by_account", sa.Boolean(), nullable=False),
        sa.Column("edited", sa.Boolean(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("links", sa.JSON(), nullable=False),
        sa.Column("media", sa.JSON(), nullable=False),
        sa.Column("parent_id", sa.String(length=255), nullable=True),
        sa.Column("post_id", sa.String(length=255), nullable=True),
        sa.Column("post_text", sa.Text(), nullable=True),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("received_at", Instant(), nullable=False),
        sa.Column("how", sa.String(length=16), nullable=False),
        sa.Column("entered_by", sa.String(length=255), nullable=True),
        sa.Column("raw", sa.Text(), nullable=False, comment="the platform's own object, JSON in ASCII"),
        sa.Column("kept_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("subject", "revision", name=op.f("pk_retention_revisions")),
        sa.UniqueConstraint("event_id", name=op.f("uq_retention_revisions_event_id")),
    )
    with op.batch_alter_table("retention_revisions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_retention_revisions_parent_id"), ["parent_id"], unique=False)

    op.create_table(
        "retention_sessions",
        sa.Column("session_hash", sa.String(length=64), nullable=False),
        sa.Column("person", sa.String(length=64), nullable=False),
        sa.Column("form_token", sa.String(length=64), nullable=False, comment="against cross-site requests"),
        sa.Column("begun_at", Instant(), nullable=False),
        sa.Column("seen_at", Instant(), nullable=False),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("session_hash", name=op.f("pk_retention_sessions")),
    )
    op.create_table(
        "retention_sightings",
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("subject", sa.String(length=512), nullable=False),
        sa.Column("hidden", sa.Boolean(), nullable=False),
        sa.Column("ours", sa.Boolean(), nullable=False, comment="the echo of our own act"),
        sa.Column("raw", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_retention_sightings")),
    )
    with op.batch_alter_table("retention_sightings", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_retention_sightings_subject"), ["subject"], unique=False)

    op.create_table(
        "retention_verdicts",
        sa.Column("subject", sa.String(length=512), nullable=False),
        sa.Column("revision", sa.String(length=255), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("scores", sa.JSON(), nullable=False),
        sa.Column("findings", sa.JSON(), nullable=False),
        sa.Column("model_version", sa.String(length=64), nullable=False),
        sa.Column("policy_version", sa.String(length=64), nullable=False),
        sa.Column("judged_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("subject", "revision", name=op.f("pk_retention_verdicts")),
    )
    op.create_table(
        "retention_visibility",
        sa.Column("subject", sa.String(length=512), nullable=False),
        sa.Column("platform", sa.String(length=32), nullable=False),
        sa.Column("account", sa.String(length=255), nullable=False),
        sa.Column("comment_id", sa.String(length=255), nullable=False),
        sa.Column("wanted", sa.String(length=8), nullable=False, comment="shown or hidden"),
        sa.Column("generation", sa.Integer(), nullable=False, comment="raised by each decision, restore or lapse"),
        sa.Column("record_id", sa.Uuid(), nullable=True, comment="never null where hidden is wanted"),
        sa.Column(
            "state",
            sa.String(length=24),
            nullable=False,
            comment="requested, sent, verified, failed_retryable, failed_final, gone, not_supported",
        ),
        sa.Column("reason", sa.String(length=24), nullable=True, comment="why it failed, from a closed set"),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("requested_at", Instant(), nullable=False),
        sa.Column("next_attempt_at", Instant(), nullable=True, comment="null when nothing is due"),
        sa.Column("look_again_at", Instant(), nullable=True, comment="a call timed out: look once more then"),
        sa.Column("claimed_until", Instant(), nullable=True, comment="a lease, by the database's clock"),
        sa.Column("claimed_by", sa.String(length=128), nullable=True),
        sa.Column(
            "last_error", sa.String(length=255), nullable=True, comment="the error's class and code, never a text"
        ),
        sa.Column(
            "changed_by_us_at",
            Instant(),
            nullable=True,
            comment="our last call that changed something: matches its echo",
        ),
        sa.Column("verified_at", Instant(), nullable=True),
        sa.Column("answer", sa.String(length=16), nullable=True, comment="changed, already so, or gone"),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_retention_visibility")),
    )
    with op.batch_alter_table("retention_visibility", schema=None) as batch_op:
        batch_op.create_index("ix_retention_visibility_due", ["next_attempt_at"], unique=False)

    op.create_table(
        "notify_deliveries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("alert_id", sa.Uuid(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("person", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("channel", sa.String(length=64), nullable=False, comment="the channel's name, never its address"),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False, comment="pending, delivered, failed, cancelled"),
        sa.Column("due_at", Instant(), nullable=False),
        sa.Column("next_attempt_at", Instant(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("claimed_until", Instant(), nullable=True, comment="a lease, by the database's clock"),
        sa.Column("last_error", sa.String(length=32), nullable=True),
        sa.Column("delivered_at", Instant(), nullable=True),
        sa.Column("link_expires_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["alert_id"], ["notify_alerts.id"], name=op.f("fk_notify_deliveries_alert_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notify_deliveries")),
    )
    with op.batch_alter_table("notify_deliveries", schema=None) as batch_op:
        batch_op.create_index("ix_notify_deliveries_alert", ["alert_id"], unique=False)
        batch_op.create_index("ix_notify_deliveries_due", ["state", "next_attempt_at"], unique=False)

    op.create_table(
        "notify_incidents",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False, comment="finding, hide_failed or report"),
        sa.Column("subject", sa.String(length=512), nullable=False),
        sa.Column(
            "generation",
            sa.Integer(),
            nullable=False,
            comment="how many incidents of this kind and comment came before",
        ),
        sa.Column("revision", sa.String(length=255), nullable=False),
        sa.Column("platform", sa.String(length=32), nullable=False),
        sa.Column("account", sa.String(length=255), nullable=False),
        sa.Column("account_name", sa.String(length=255), nullable=False),
        sa.Column("standing", sa.String(length=32), nullable=False),
        sa.Column("category", sa.String(length=32), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False, comment="in words, never a quotation"),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.Column("backfill", sa.Boolean(), nullable=False),
        sa.Column("received_at", Instant(), nullable=False),
        sa.Column("decided_at", Instant(), nullable=False),
        sa.Column("noticed_at", Instant(), nullable=False),
        sa.Column("business_time", sa.Boolean(), nullable=False),
        sa.Column("audience", sa.String(length=8), nullable=False),
        sa.Column("why", sa.String(length=16), nullable=False),
        sa.Column("alert_id", sa.Uuid(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False, comment="open, answered, closed"),
        sa.Column("settled_by", sa.String(length=255), nullable=True),
        sa.Column("settled_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["alert_id"], ["notify_alerts.id"], name=op.f("fk_notify_incidents_alert_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notify_incidents")),
    )
    with op.batch_alter_table("notify_incidents", schema=None) as batch_op:
        batch_op.create_index("ix_notify_incidents_alert", ["alert_id"], unique=False)
        batch_op.create_index("ix_notify_incidents_state", ["state", "noticed_at"], unique=False)
        batch_op.create_index("ix_notify_incidents_subject", ["subject", "kind"], unique=False)

    op.create_table(
        "retention_records",
        sa.Column("record_id", sa.Uuid(), nullable=False),
        sa.Column("subject", sa.String(length=512), nullable=False),
        sa.Column("revision", sa.String(length=255), nullable=False),
        sa.Column("action", sa.String(length=16), nullable=False, comment="hide or propose: what the policy asked for"),
        sa.Column("category", sa.String(length=32), nullable=False),
        sa.Column("clause", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False, comment="in plain words, names the clause (A.10)"),
        sa.Column("urgency", sa.String(length=16), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False, comment="the findings, with spans of the revision's text"),
        sa.Column("scores", sa.JSON(), nullable=False),
        sa.Column("category_mode", sa.String(length=16), nullable=True),
        sa.Column("account_mode", sa.String(length=16), nullable=True),
        sa.Column("model_version", sa.String(length=64), nullable=False),
        sa.Column("policy_version", sa.String(length=64), nullable=False),
        sa.Column(
            "made_by", sa.String(length=255), nullable=False, comment="service:retention, or the person who hid by hand"
        ),
        sa.Column("made_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["subject", "revision"],
            ["retention_revisions.subject", "retention_revisions.revision"],
            name=op.f("fk_retention_records_subject_revision"),
        ),
        sa.PrimaryKeyConstraint("record_id", name=op.f("pk_retention_records")),
    )
    with op.batch_alter_table("retention_records", schema=None) as batch_op:
        batch_op.create_index("ix_retention_records_made", ["made_at"], unique=False)
        batch_op.create_index("ix_retention_records_subject", ["subject"], unique=False)

    op.create_table(
        "notify_attempts",
        sa.Column("delivery_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("begun_at", Instant(), nullable=False),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.Column(
            "outcome", sa.String(length=32), nullable=True, comment="null: under way, or the process died meanwhile"
        ),
        sa.ForeignKeyConstraint(["delivery_id"], ["notify_deliveries.id"], name=op.f("fk_notify_attempts_delivery_id")),
        sa.PrimaryKeyConstraint("delivery_id", "number", name=op.f("pk_notify_attempts")),
    )


def downgrade() -> None:
    """Refused: records are never dropped. Restore from a backup instead."""
    raise NotImplementedError("records are never dropped")
