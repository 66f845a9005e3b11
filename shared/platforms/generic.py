"""
Any other sender, by Standard Webhooks: a blog plugin, a city app, a bridge for a platform without push.

* ``v1`` signatures (HMAC-SHA256 over ``id.timestamp.body``) are verified, with any of a sender's secrets (rotation).
  ``v1a`` (ed25519) entries are passed over as an unknown version, as the specification allows: no library that can
  check them is among our dependencies.
* The attempt's timestamp may be 300 s off, either way; an id with a dot is refused.
* A sender may speak only for the accounts registered for its secrets (`speaks_for`).
* A body that fails validation is kept and answered 422. A sender is not told which check of a signature failed.
* Going out is not part of the specification: nothing can be hidden here.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from pydantic import ValidationError

from shared.errors import SettingsInvalid
from shared.events import (
    Author,
    CommentReceived,
    CommentRemoved,
    CommentVisibilityChanged,
    How,
    Media,
    comment_subject,
)
from shared.platforms import Answer, Capabilities, Found, SignatureInvalid, as_json, revision_of
from shared.platforms.reading import Unreadable, address, fingerprint, member, moment, oddity, parse, required, text

TOLERANCE_SECONDS = 300
SOURCE = re.compile(r"[a-z0-9_-]{1,32}")
ACCOUNT = re.compile(r"[^\s:\x00-\x1f\x7f\ufffd]{1,255}")
KEY = re.compile(r"[^\s\x00-\x1f\x7f\ufffd]{1,200}")
ACTOR = re.compile(r"[a-z]+:\S+")

CAPABILITIES = Capabilities(
    can_hide=False,
    can_show=False,
    can_delete=False,
    hides_replies=False,
    pushes_comments=True,
    tells_edits=True,
    tells_removals=True,
)


@dataclass(frozen=True)
class Sender:
    """One sender: the keys it may sign with, and the ``platform:account`` pairs it may speak for."""

    keys: tuple[bytes, ...]
    accounts: frozenset[str]


def key_of(secret: str) -> bytes:
    """The key in ``whsec_`` and base64. Raises `SettingsInvalid`, without the value, unless it is 24 to 64 bytes."""
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        raise SettingsInvalid("GENERIC_SENDERS: a secret is not whsec_ and base64") from None
    if not 24 <= len(key) <= 64:
        raise SettingsInvalid("GENERIC_SENDERS: a secret must hold 24 to 64 bytes")
    return key


class GenericInbound:
    """The receiving half of Standard Webhooks. Pure: no I/O, no clock."""

    platform = "generic"
    max_body_bytes = 256 * 1024
    success = Answer(202, "accepted")
    unreadable = Answer(422)

    def __init__(self, senders: Mapping[str, Sender] | None = None) -> None:
        self._senders = dict(senders or {})

    def handshake(self, query: Mapping[str, str]) -> Answer:
        """The specification knows none."""
        return Answer(405)

    def verify(self, headers: Mapping[str, str], body: bytes, now: datetime) -> str:
        """See `Inbound.verify`. The reason is always the same; the detail is for our log."""
        message_id, sent_at, signatures = (
            headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature")
        )
        if not (message_id and sent_at and signatures):
            raise SignatureInvalid("signature_wrong", "a header is missing")
        if "." in message_id or len(message_id) > 256 or not re.fullmatch(r"[0-9]{1,12}", sent_at):
            raise SignatureInvalid("signature_wrong", "the id or the timestamp has a wrong form")
        if abs(now.timestamp() - int(sent_at)) > TOLERANCE_SECONDS:
            raise SignatureInvalid("signature_wrong", "the timestamp is too far from now")
        signed = b".".join((message_id.encode("utf-8", "surrogatepass"), sent_at.encode(), body))
        given = [signature for entry in signatures.split(" ") if (signature := _v1(entry)) is not None]
        for name, sender in self._senders.items():
            expected = [hmac.digest(key, signed, hashlib.sha256) for key in sender.keys]
            if any([hmac.compare_digest(one, other) for one in given for other in expected]):
                return name
        raise SignatureInvalid("signature_wrong", "no signature matches" if given else "no v1 signature")

    def speaks_for(self, sender: str, platform: str, account: str) -> bool:
        """Whether the pair is registered for the sender."""
        known = self._senders.get(sender)
        return known is not None and f"{platform}:{account}" in known.accounts

    def read(self, body: bytes, received_at: datetime, how: How = How.WEBHOOK) -> Sequence[Found]:
        """See `Inbound.read`: a delivery says one thing."""
        raw = ""
        try:
            parsed = parse(body)
            if parsed.odd and (why := oddity(parsed.value)):
                raise Unreadable(why)
            raw = as_json(parsed.value)
            if not isinstance(parsed.value, dict):
                raise Unreadable("the body is not an object")
            return [_read(parsed.value, received_at, how, raw)]
        except Unreadable as error:
            return [Found("unreadable", why=str(error), raw=raw)]
        except RecursionError:
            return [Found("unreadable", why="the body is nested too deep", raw=raw)]
        except ValidationError as error:
            fields = sorted({".".join(map(str, fault["loc"])) for fault in error.errors(include_input=False)})
            return [Found("unreadable", why=f"not acceptable: {', '.join(fields)}"[:200], raw=raw)]


def _v1(entry: str) -> bytes | None:
    """The signature in a ``v1`` entry; None for other versions and for what is not base64."""
    version, _, signature = entry.partition(",")
    if version != "v1":
        return None
    try:
        return base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return None


@dataclass(frozen=True)
class _Said:
    """What all types have in common."""

    platform: str
    account: str
    comment_id: str
    post_id: str
    author: Author
    happened_at: datetime
    created_at: datetime


def _read(body: Mapping[str, Any], received_at: datetime, how: How, raw: str) -> Found:
    kind = required(text(body, "type"), "type")
    acts: Mapping[str, Literal["comment", "edit", "remove", "hide"]] = {
        "comment.created": "comment",
        "comment.updated": "edit",
        "comment.deleted": "remove",
        "comment.visibility_changed": "hide",
    }
    if kind not in acts:
        return Found("ignore", why="unknown type", raw=raw)
    data = member(body, "data")
    said = _Said(
        platform=_matching(data, "platform", SOURCE),
        account=_matching(data, "account_id", ACCOUNT),
        comment_id=_matching(data, "comment_id", KEY),
        post_id=_matching(data, "post_id", KEY),
        author=Author(id=text(member(data, "author"), "id"), name=text(member(data, "author"), "name")),
        happened_at=_required_moment(body, "timestamp"),
        created_at=_required_moment(data, "created_at"),
    )
    act = acts[kind]
    if act in ("comment", "edit"):
        return _received(said, data, received_at, how, act, raw)
    return _happened(said, body, received_at, act, raw)


def _received(
    said: _Said,
    data: Mapping[str, Any],
    received_at: datetime,
    how: How,
    kind: Literal["comment", "edit", "remove", "hide"],
    raw: str,
) -> Found:
    words, media = text(data, "text"), _attachments(data)
    if words is None:
        raise Unreadable("data.text is missing")
    how, entered_by = _capture(data, how)
    revision, subject = revision_of(words, media), comment_subject(said.platform, said.account, said.comment_id)
    event = CommentReceived.caused_by(
        f"{subject}/{revision}",
        subject=subject,
        time=received_at,
        platform=said.platform,
        account=said.account,
        comment_id=said.comment_id,
        revision=revision,
        author=said.author,
        by_account=said.author.id == said.account,
        text=words,
        media=media,
        parent_id=text(data, "parent_comment_id"),
        post_id=said.post_id,
        post_text=text(data, "post_text"),
        url=address(data, "url"),
        created_at=said.created_at,
        received_at=received_at,
        how=how,
        entered_by=entered_by,
        raw=as_json(data),
    )
    return Found(
        kind,
        account=said.account,
        comment_id=said.comment_id,
        post_id=said.post_id,
        author=said.author.name or said.author.id,
        text=words,
        revision=revision,
        time=said.created_at,
        event=event,
        raw=raw,
    )


def _happened(
    said: _Said,
    body: Mapping[str, Any],
    received_at: datetime,
    act: Literal["comment", "edit", "remove", "hide"],
    raw: str,
) -> Found:
    data = member(body, "data")
    subject = comment_subject(said.platform, said.account, said.comment_id)
    cause = f"{subject}/{act}/{fingerprint(body)}"
    fields: dict[str, Any] = {
        "subject": subject,
        "time": said.happened_at,
        "platform": said.platform,
        "account": said.account,
        "comment_id": said.comment_id,
        "raw": as_json(data),
    }
    event: CommentRemoved | CommentVisibilityChanged
    kind: Literal["remove", "hide", "unhide"] = "remove"
    if act == "remove":
        event = CommentRemoved.caused_by(cause, post_id=said.post_id, **fields)
    else:
        hidden = data.get("hidden")
        if not isinstance(hidden, bool):
            raise Unreadable("data.hidden is not true or false")
        kind = "hide" if hidden else "unhide"
        event = CommentVisibilityChanged.caused_by(cause, hidden=hidden, **fields)
    return Found(
        kind,
        account=said.account,
        comment_id=said.comment_id,
        post_id=said.post_id,
        author=said.author.name or said.author.id,
        time=said.happened_at,
        event=event,
        raw=raw,
    )


def _matching(data: Mapping[str, Any], key: str, form: re.Pattern[str]) -> str:
    value = required(text(data, key), f"data.{key}")
    if not form.fullmatch(value):
        raise Unreadable(f"data.{key} has a wrong form")
    return value


def _required_moment(owner: Mapping[str, Any], key: str) -> datetime:
    found = moment(owner, key)
    if found is None:
        raise Unreadable(f"{key} is missing")
    return found


def _attachments(data: Mapping[str, Any]) -> tuple[Media, ...]:
    given = data.get("attachments")
    if given is None:
        return ()
    if not isinstance(given, list) or not all(isinstance(item, dict) for item in given):
        raise Unreadable("data.attachments is not a list of objects")
    return tuple(
        Media(kind=text(item, "type") or "attachment", url=address(item, "url"), alt=text(item, "alt"))
        for item in given
    )


def _capture(data: Mapping[str, Any], how: How) -> tuple[How, str | None]:
    """A typed-in item names who typed it: ``rivera`` becomes ``person:rivera``."""
    if text(data, "capture") != "manual":
        return how, None
    entered_by = "-".join(required(text(data, "entered_by"), "data.entered_by").split())
    return How.MANUAL, entered_by if ACTOR.fullmatch(entered_by) else f"person:{required(entered_by, 'entered_by')}"
