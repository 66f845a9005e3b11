"""
Platforms: one module (or package) each, with two halves. Inbound turns deliveries into events, outbound hides and
shows.

Rules that hold for every platform (`docs/platforms.md`):

* The signature is checked over the raw bytes, in constant time, before anything is parsed.
* An adapter makes ids canonical, so that webhook, sweep and manual entry give the same subject.
* Code asks a flag of `Capabilities`, never the platform's name.
* Hiding is safe to repeat: look first, call only on a difference, read back after.

Adding one is one module, its recorded payloads under `tests/contract/platforms/`, and one line in each table of
`shared/platforms/registry.py`.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from shared.errors import ModerationError
from shared.events import CommentReceived, Event, How, Media

Kind = Literal["comment", "edit", "remove", "hide", "unhide", "post", "ignore", "unreadable"]


class SignatureInvalid(ModerationError):
    """
    The delivery is not from the platform. ``reason`` is short, from a closed set; the caller answers 401.

    ``detail`` is for our own log only: a sender is not told which check failed where the specification forbids it.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason, self.detail = reason, detail


@dataclass(frozen=True)
class Found:
    """
    One thing that a delivery says.

    ``event`` is what ingest publishes for it: None for ``ignore`` and ``unreadable``, which carry ``why``. The other
    fields are what `explain` prints. ``raw`` is a delivery with this one thing in it, as ASCII JSON, for the dead
    letter; empty when only the whole body says it exactly. ``keep`` asks for a dead letter although the thing is
    ignored: the platform said something that a person should look at.
    """

    kind: Kind
    account: str | None = None
    comment_id: str | None = None
    post_id: str | None = None
    author: str | None = None
    text: str | None = None
    revision: str | None = None
    time: datetime | None = None
    why: str | None = None
    event: Event | None = None
    raw: str = ""
    keep: bool = False


@dataclass(frozen=True)
class Answer:
    """What to say to the platform."""

    status: int
    body: str = ""
    content_type: str = "text/plain; charset=utf-8"


class Inbound(Protocol):
    """The receiving half. Pure: no I/O, no clock of its own."""

    platform: str
    max_body_bytes: int
    success: Answer
    unreadable: Answer

    def handshake(self, query: Mapping[str, str]) -> Answer:
        """The answer to a verification GET: needs nothing but the secret. 403 when the token does not match."""
        ...

    def verify(self, headers: Mapping[str, str], body: bytes, now: datetime) -> str:
        """
        The name of the sender whose signature ``body`` bears; raises `SignatureInvalid`. ``headers`` are lower-case.
        """
        ...

    def speaks_for(self, sender: str, platform: str, account: str) -> bool:
        """Whether ``sender``, as `verify` named it, may tell of this account's comments."""
        ...

    def read(self, body: bytes, received_at: datetime, how: How = How.WEBHOOK) -> Sequence[Found]:
        """
        Everything that a verified delivery says, in its order. Never raises for bad input: what cannot be read is a
        `Found` of kind ``unreadable`` with the reason, beside the readable rest.
        """
        ...


@dataclass(frozen=True)
class Capabilities:
    """What can be done on a platform."""

    can_hide: bool
    can_show: bool
    can_delete: bool
    hides_replies: bool
    pushes_comments: bool
    tells_edits: bool
    tells_removals: bool


@dataclass(frozen=True)
class CommentState:
    """A comment as the platform shows it now."""

    hidden: bool
    can_hide: bool
    text: str | None = None
    revision: str | None = None


class Outbound(Protocol):
    """
    The acting half. Every method raises `PlatformUnavailable` (try later; the outcome is unknown),
    `CredentialRefused` (park the account, alert), `CommentGone`, or `PlatformRefused` (final).
    """

    platform: str
    capabilities: Capabilities

    async def look(self, account: str, comment_id: str) -> CommentState:
        """Read the comment's state from the platform. Safe to repeat."""
        ...

    async def comment(self, account: str, comment_id: str, how: How = How.POLL) -> CommentReceived:
        """The comment as it is now, with the id that its webhook would have. Safe to repeat."""
        ...

    async def set_hidden(self, account: str, comment_id: str, *, hidden: bool) -> None:
        """Hide or show. Safe to repeat. The answer is not proof: `look` afterwards."""
        ...


def revision_of(text: str, attachments: Sequence[Media] = ()) -> str:
    """
    The revision of a comment whose platform gives no version mark: 16 hex digits of SHA-256 over the NFC text and the
    ids (or addresses without their query, which expires) of its attachments.
    """
    marks = [item.id or (item.url or "").partition("?")[0] for item in attachments]
    content = json.dumps([unicodedata.normalize("NFC", text), *marks], ensure_ascii=True)
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def storable(text: str) -> str:
    """``text`` with NUL and lone surrogates, which no database takes, as U+FFFD. The raw object keeps them."""
    return "".join(
        "\N{REPLACEMENT CHARACTER}" if char == "\0" or "\ud800" <= char <= "\udfff" else char for char in text
    )


def as_json(value: object) -> str:
    """A platform's own object as JSON text in ASCII: nothing that a message or a database cannot carry."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))
