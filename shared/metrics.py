"""
Every metric of the system, each with a sentence of help. A dashboard or an alert rule may name no other.

Prefix ``moderation_``, base units, counters end in ``_total``, labels come from closed sets. A comment's text, author
or id is never a label. `docs/metrics.md` is generated from here.
"""

from __future__ import annotations

from dataclasses import dataclass

from prometheus_client import Counter, Gauge, Histogram

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
AGES = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 21600, 86400)

WEBHOOKS = Counter(
    "moderation_webhooks_total", "Deliveries answered, by platform and outcome.", ["platform", "outcome"]
)
WEBHOOK_SECONDS = Histogram(
    "moderation_webhook_seconds",
    "Time from a delivery's last byte to its answer.",
    ["platform"],
    buckets=SECONDS,
)
WEBHOOK_ITEMS = Counter(
    "moderation_webhook_items_total",
    "Things found in deliveries, by platform and kind.",
    ["platform", "kind"],
)
LAST_DELIVERY = Gauge(
    "moderation_last_delivery_timestamp_seconds",
    "When the platform's last verified delivery came.",
    ["platform"],
)
LAST_HANDSHAKE = Gauge(
    "moderation_last_handshake_timestamp_seconds",
    "When the platform last verified the subscription.",
    ["platform"],
)

EVENTS = Counter("moderation_events_total", "Events handled, by consumer group and outcome.", ["group", "outcome"])
HANDLE_SECONDS = Histogram(
    "moderation_handle_seconds", "Time that a handler took for one batch.", ["group"], buckets=SECONDS
)
EVENT_AGE = Histogram(
    "moderation_event_age_seconds", "Age of an event when its handler was done.", ["group"], buckets=AGES
)
CONSUMER_PAUSED = Gauge(
    "moderation_consumer_paused", "1 while a consumer is paused by dead letters in a row.", ["group"]
)
CONSUMER_LAG = Gauge("moderation_consumer_lag_records", "Records that a group has not committed.", ["group"])
DEAD_LETTERS = Counter(
    "moderation_dead_letters_total", "Messages that were given up, by group and reason.", ["group", "reason"]
)
DEAD_LETTERS_OPEN = Gauge("moderation_dead_letters_open", "Dead letters that wait for a person.", ["reason"])

CLASSIFIED = Counter(
    "moderation_comments_classified_total", "Comments judged, by whether anything was found.", ["outcome"]
)
FINDINGS = Counter("moderation_findings_total", "Findings, by category and source.", ["category", "source"])
SCORE_SECONDS = Histogram("moderation_score_seconds", "Time to score one comment.", buckets=SECONDS)

DECISIONS = Counter(
    "moderation_decisions_total", "Decisions, by what stands now and category.", ["standing", "category"]
)
RECORDS_PENDING = Gauge(
    "moderation_records_pending", "Visibility rows that wait for the platform, by wanted state.", ["wanted"]
)
OLDEST_PENDING = Gauge("moderation_oldest_pending_seconds", "Age of the oldest due visibility row.")
PLATFORM_CALLS = Counter(
    "moderation_platform_calls_total",
    "Calls to platforms, by platform, call and outcome.",
    ["platform", "call", "outcome"],
)
HIDE_SECONDS = Histogram(
    "moderation_hide_seconds", "From a comment's arrival to its hide read back.", ["platform"], buckets=AGES
)
AWAITING_REVIEW = Gauge("moderation_awaiting_review", "Comments that wait for a designated member.", ["standing"])

ALERTS = Counter("moderation_alerts_total", "Alerts, by route and outcome.", ["route", "outcome"])
ALERT_SECONDS = Histogram(
    "moderation_alert_seconds",
    "From the decision to the first channel that took the alert.",
    ["route"],
    buckets=AGES,
)
ALERTS_OPEN = Gauge("moderation_alerts_open", "Incidents told and not acknowledged, by route.", ["route"])

INVARIANT_VIOLATIONS = Gauge(
    "moderation_invariant_violations",
    "Rows that break what must always be true, by invariant.",
    ["invariant"],
)
READY = Gauge("moderation_ready", "1 while the process is ready.")
BUILD = Gauge("moderation_build_info", "Always 1; the version stands in the label.", ["version"])


@dataclass(frozen=True)
class Declared:
    """A metric as it is exposed: its name in queries, its type, its labels, its sentence of help."""

    name: str
    kind: str
    labels: tuple[str, ...]
    help: str


def declared() -> list[Declared]:
    """Every metric of this module, by name."""
    found = []
    for item in list(globals().values()):
        if isinstance(item, Counter | Gauge | Histogram):
            suffix = "_total" if isinstance(item, Counter) else ""
            kind = type(item).__name__.lower()
            found.append(Declared(item._name + suffix, kind, tuple(item._labelnames), item._documentation))
    return sorted(found, key=lambda item: item.name)
