"""
Every event that flows between the services: this file is the contract.

Rules that hold for all of them:

* An event is a fact, in the past tense, one type per topic. It is published at least once.
* Its id is a function of its cause (`Event.caused_by`), so a repeat has the same id and changes nothing.
* Its subject is also the Kafka key, so the events of one comment stay in order within a topic. No order holds between
  topics.
* Times are aware and UTC. Field names follow CloudEvents 1.0 (`id`, `subject`, `time`), whose Kafka binding is used.
* Unknown fields are ignored: a new optional field breaks no reader. Any other change makes a new topic version.
* A person's act is an event as well and carries `actor` (A.4).

`docs/events.md`, `docs/asyncapi.yaml` and the JSON schemas under `tests/contract/schemas/` are generated from here by
`make docs`.
"""

import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, ClassVar, Literal, Self
from uuid import UUID, uuid5

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from shared.categories import CATEGORIES, Category

NAMESPACE = UUID("6d1f5a0e-1903-5a11-8000-000000000000")
"""The namespace of all event ids. It never changes: ids made yesterday must be made again tomorrow."""


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


Instant = Annotated[AwareDatetime, AfterValidator(_utc)]
"""An aware moment, always given back in UTC."""

Actor = Annotated[
    str,
    Field(pattern=r"^[a-z]+:[^\s]+$", description="who acted, such as `person:rivera` or `service:classify`"),
]


class How(StrEnum):
    """The way by which a comment reached us. A backfill is kept and judged, never hidden or paged by a machine."""

    WEBHOOK = "webhook"
    POLL = "poll"
    MANUAL = "manual"
    BACKFILL = "backfill"


class Action(StrEnum):
    """What the policy asks for: the more cautious value stands first."""

    ALLOW = "allow"
    PROPOSE = "propose"
    HIDE = "hide"


class Standing(StrEnum):
    """What stands now for a comment, as decided."""

    ALLOWED = "allowed"
    PROPOSED = "proposed"
    HIDDEN_PROVISIONALLY = "hidden_provisionally"
    HIDDEN_CONFIRMED = "hidden_confirmed"
    RESTORED = "restored"
    LAPSED = "lapsed"
    GONE = "gone"


class Urgency(StrEnum):
    """How soon a person must know: `urgent` pages at any hour (A.14)."""

    NORMAL = "normal"
    URGENT = "urgent"


class Part(BaseModel):
    """A part of an event. Frozen; unknown fields are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Event(Part):
    """A fact. Published at least once, so its id is a function of its cause: a repeat has the same id."""

    topic: ClassVar[str]

    id: UUID
    subject: str = Field(
        min_length=1,
        max_length=512,
        description="`platform:account:comment_id`, or the incident's id for alerts; also the Kafka key",
    )
    time: Instant

    @classmethod
    def caused_by(cls, cause: "Event | str", part: str = "", **fields: object) -> Self:
        """
        Make the event whose id follows from ``cause``.

        Args:
            cause: the event that led to this one, or a string that names the cause for ever.
            part: tells apart several events of one type with one cause.
            fields: everything but the id.

        Safe to repeat: equal arguments give an equal id. Raises pydantic's ``ValidationError`` on wrong fields.
        """
        return cls.model_validate({**fields, "id": event_id(cls, cause, part)})


def event_id(kind: type[Event], cause: Event | str, part: str = "") -> UUID:
    """The id that an event of ``kind`` with this cause has: made of the topic's name without its version."""
    origin = cause.id if isinstance(cause, Event) else cause
    name = re.sub(r"\.v\d+$", "", kind.topic)
    return uuid5(NAMESPACE, f"{name}/{origin}/{part}")


def comment_subject(platform: str, account: str, comment_id: str) -> str:
    """The subject of a comment's events. The adapter has made the three parts canonical."""
    return f"{platform}:{account}:{comment_id}"


class Author(Part):
    """Who wrote it, as the platform tells; both may be withheld."""

    id: str | None = None
    name: str | None = None


class Media(Part):
    """An attachment. The address is the platform's and may expire."""

    kind: str = Field(description="photo, video, sticker, link or what the platform calls it")
    url: str | None = None
    id: str | None = None
    alt: str | None = None


class CommentReceived(Event):
    """
    A revision of a comment arrived.

    Published by ingest, and by retention for a read-back; read by classify, retention.
    """

    topic: ClassVar[str] = "comment.received.v1"

    platform: str
    account: str
    comment_id: str
    revision: str = Field(
        description="the platform's version mark, or 16 hex digits of SHA-256 over text and attachments"
    )
    author: Author = Author()
    edited: bool = Field(default=False, description="the platform says that this is an edit, not the first text")
    by_account: bool = Field(default=False, description="the page itself wrote it: kept, never hidden")
    text: str = Field(
        description="as written; NUL and lone surrogates, which no database takes, are U+FFFD here and exact in raw"
    )
    links: tuple[str, ...] = ()
    media: tuple[Media, ...] = ()
    parent_id: str | None = Field(default=None, description="the comment that it answers; null at top level")
    post_id: str | None = None
    post_text: str | None = Field(default=None, description="the official post that it answers; null when not known")
    url: str | None = Field(default=None, description="where a person sees it on the platform")
    created_at: Instant
    received_at: Instant
    how: How
    entered_by: Actor | None = Field(default=None, description="who typed it in, when how is manual")
    raw: str = Field(description="the platform's own object for this comment, as JSON in ASCII, exactly as it said it")


class CommentRemoved(Event):
    """The author or the platform removed a comment. Published by ingest; read by retention."""

    topic: ClassVar[str] = "comment.removed.v1"

    platform: str
    account: str
    comment_id: str
    post_id: str | None = None
    raw: str = ""


class CommentReported(Event):
    """A Division member reported a post (A.14). Published by ingest, retention; read by retention, notify."""

    topic: ClassVar[str] = "comment.reported.v1"

    platform: str | None = None
    account: str | None = None
    comment_id: str | None = None
    link: str | None = None
    note: str = ""
    actor: Actor


class CommentVisibilityChanged(Event):
    """
    Hidden or shown by somebody else or by the platform, or the echo of our own act.

    Published by ingest; read by retention.
    """

    topic: ClassVar[str] = "comment.visibility.changed.v1"

    platform: str
    account: str
    comment_id: str
    hidden: bool
    raw: str = ""


class PostReceived(Event):
    """An official post, or its new text. Published by ingest; read by retention."""

    topic: ClassVar[str] = "post.received.v1"

    platform: str
    account: str
    post_id: str
    text: str | None = None
    url: str | None = None
    created_at: Instant | None = None
    raw: str = ""


class Span(Part):
    """A stretch of the original text: character offsets, the end excluded."""

    start: int = Field(ge=0)
    end: int = Field(ge=0)


class Finding(Part):
    """One reason to think that a category of A.11 applies, with its evidence."""

    category: Category
    score: float = Field(ge=0, le=1)
    source: str = Field(description="`model`, or the detector's name")
    spans: tuple[Span, ...] = ()
    reason: str = Field(description="a sentence in plain words that names the clause (A.10)")
    matches: tuple[str, ...] = Field(default=(), description="subjects of other comments that it rests on")


class CommentClassified(Event):
    """A comment was judged against A.11. Published by classify; read by retention."""

    topic: ClassVar[str] = "comment.classified.v1"

    revision: str
    scores: tuple[float, ...] = Field(
        min_length=len(CATEGORIES),
        max_length=len(CATEGORIES),
        description="nine probabilities, in the order of A.11 a to i",
    )
    findings: tuple[Finding, ...] = Field(description="empty when nothing in A.11 applies")
    model_version: str
    policy_version: str


class CommentDecided(Event):
    """What stands now for a comment, and who decided. Published by retention; read by notify."""

    topic: ClassVar[str] = "comment.decided.v1"

    platform: str
    account: str
    revision: str
    standing: Standing
    actor: Actor
    category: Category | None = None
    clause: str | None = None
    reason: str = Field(default="", description="in words, never a quotation of the comment (A.10)")
    record_id: UUID | None = None
    urgency: Urgency = Urgency.NORMAL
    how: How = How.WEBHOOK
    received_at: Instant
    account_name: str = ""
    url: str | None = None


class CommentReviewed(Event):
    """A person's act on a comment. Published by retention (console), notify (phone page); read by retention."""

    topic: ClassVar[str] = "comment.reviewed.v1"

    revision: str = Field(description="the revision that the person saw")
    act: Literal["confirm", "restore", "hide", "overturn"]
    category: Category | None = Field(default=None, description="the clause that the person found, for `hide`")
    reason: str = ""
    actor: Actor


class CommentHidden(Event):
    """The comment is hidden on the platform, read back from it. Published by retention; read by notify."""

    topic: ClassVar[str] = "comment.hidden.v1"

    generation: int
    record_id: UUID | None
    answer: str = Field(description="what the platform said: `changed`, `already so` or `gone`")


class CommentHideFailed(Event):
    """
    A hide is impossible on the platform, or failed for good: a person must act.

    Published by retention; read by notify.
    """

    topic: ClassVar[str] = "comment.hide.failed.v1"

    platform: str
    account: str
    generation: int
    record_id: UUID | None
    reason: str = Field(description="from a closed set: not_supported, refused, credential, gave_up")
    urgency: Urgency = Urgency.URGENT
    account_name: str = ""


class CommentRestored(Event):
    """The comment is visible again on the platform, read back from it. Published by retention; read by notify."""

    topic: ClassVar[str] = "comment.restored.v1"

    generation: int
    record_id: UUID | None
    answer: str


class AlertRaised(Event):
    """Somebody was told of an incident. Published by notify; read by retention (as record)."""

    topic: ClassVar[str] = "alert.raised.v1"

    comment: str = Field(description="the comment's subject")
    route: Literal["page", "team"]
    urgency: Urgency
    summary: str
    channel: str = Field(description="the channel's name, never its address")
    recipient: str


class AlertAcknowledged(Event):
    """A person answered an alert. Published by notify; read by retention (as record)."""

    topic: ClassVar[str] = "alert.acknowledged.v1"

    comment: str
    actor: Actor


class AlertEscalated(Event):
    """Nobody answered in time: the next one was told. Published by notify; read by retention (as record)."""

    topic: ClassVar[str] = "alert.escalated.v1"

    comment: str
    level: int = Field(ge=1)
    recipient: str


class AlertExhausted(Event):
    """Nobody could be reached. Published by notify; read by retention (as record); it raises an alarm."""

    topic: ClassVar[str] = "alert.exhausted.v1"

    comment: str
    attempts: int


class MessageDeadLettered(Event):
    """
    A message could not be handled, or must not be: it waits for a person. Published by every consume loop and by
    ingest; read by retention.

    Nothing is lost: `value` and `headers` hold the original, base64-coded where it is not UTF-8.
    """

    topic: ClassVar[str] = "message.deadlettered.v1"

    reason: str = Field(description="from a closed set: unreadable, unknown_account, rejected, bug")
    detail: str = Field(default="", description="the error's class and place; never the comment's text")
    origin: str = Field(description="`topic/partition/offset`, or `webhook/PLATFORM`")
    group: str = Field(description="the consumer group that gave up, or `ingest`")
    key: str = ""
    value: str
    encoding: Literal["utf-8", "base64"] = "utf-8"
    headers: dict[str, str] = {}


TOPICS: dict[str, type[Event]] = {kind.topic: kind for kind in Event.__subclasses__()}
"""Each topic and the type that travels in it."""
