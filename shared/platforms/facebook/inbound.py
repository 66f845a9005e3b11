"""
Deliveries from Facebook: the handshake, the signature, and the walk over every entry and every change.

* The signature is HMAC-SHA256 over the raw bytes, with any of the app's secrets (rotation), compared in constant time.
  ``sha1`` alone is refused.
* A delivery may hold many pages and up to 1,000 changes. Each change gives exactly one `Found`, whatever is wrong with
  it or its neighbours.
* ``entry.time`` is when the notification was sent and changes on a retry: nothing depends on it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from shared.events import How
from shared.platforms import Answer, Found, SignatureInvalid, as_json
from shared.platforms.facebook.changes import PLATFORM, Change, read_change
from shared.platforms.reading import Unreadable, identifier, oddity, parse, required

CHALLENGE = re.compile(r"[A-Za-z0-9_.-]{1,256}")
PREFIX = b"sha256="


class FacebookInbound:
    """The receiving half of Facebook. Pure: no I/O, no clock."""

    platform = PLATFORM
    max_body_bytes = 8 * 1024 * 1024
    success = Answer(200, "ok")
    unreadable = Answer(200, "kept")  # another status would bring the same body again for 36 hours

    def __init__(self, app_secrets: Sequence[str] = (), verify_token: str = "") -> None:
        self._secrets = [secret.encode() for secret in app_secrets]
        self._verify_token = verify_token.encode()

    def handshake(self, query: Mapping[str, str]) -> Answer:
        """The challenge back as plain text when the token is ours, 403 otherwise. Needs nothing but the secret."""
        token = query.get("hub.verify_token", "").encode("utf-8", "surrogatepass")
        ours = hmac.compare_digest(token, self._verify_token) and bool(self._verify_token)
        challenge = query.get("hub.challenge", "")
        if not ours or query.get("hub.mode") != "subscribe" or not CHALLENGE.fullmatch(challenge):
            return Answer(403)
        return Answer(200, challenge)

    def verify(self, headers: Mapping[str, str], body: bytes, now: datetime) -> str:
        """See `Inbound.verify`. A signature without a date: a replay is harmless, since ids are functions of causes."""
        given = headers.get("x-hub-signature-256")
        if given is None:
            legacy = "x-hub-signature" in headers
            raise SignatureInvalid("signature_legacy" if legacy else "signature_missing")
        sent = given.encode("utf-8", "surrogatepass")
        matches = [
            hmac.compare_digest(sent, PREFIX + hmac.new(secret, body, hashlib.sha256).hexdigest().encode())
            for secret in self._secrets
        ]
        if not any(matches):
            raise SignatureInvalid("signature_wrong")
        return self.platform

    def speaks_for(self, sender: str, platform: str, account: str) -> bool:
        """Facebook speaks for every page of the app; whether a page is ours is the directory's to say."""
        return platform == self.platform

    def read(self, body: bytes, received_at: datetime, how: How = How.WEBHOOK) -> Sequence[Found]:
        """See `Inbound.read`: one `Found` for each change, and at least one for each delivery."""
        try:
            parsed = parse(body)
        except Unreadable as error:
            return [Found("unreadable", why=str(error))]
        delivery = parsed.value
        if not isinstance(delivery, dict):
            return [Found("unreadable", why=oddity(delivery) or "the body is not an object")]
        kind, entries = delivery.get("object"), delivery.get("entry")
        if not isinstance(kind, str):
            return [Found("unreadable", why="object is missing")]
        if kind != "page":
            return [Found("ignore", why="object is not page")]
        if not isinstance(entries, list):
            return [Found("unreadable", why="entry is not a list")]
        found = [item for entry in entries for item in _read_entry(entry, received_at, how, odd=parsed.odd)]
        return found or [Found("ignore", why="no entry")]


def _read_entry(entry: object, received_at: datetime, how: How, *, odd: bool) -> Iterator[Found]:
    """One `Found` for each change of the entry, at least one in all."""
    if not isinstance(entry, dict):
        yield Found("unreadable", why=oddity(entry) or "entry is not an object")
        return
    changes = entry.get("changes")
    if changes is None and isinstance(entry.get("messaging"), list):
        yield Found("ignore", why="messages are not comments")
        return
    if not isinstance(changes, list):
        switched_off = "changed_fields" in entry
        why = "changed_fields without values: set include_values" if switched_off else "changes is not a list"
        yield Found("unreadable", why=why)
        return
    if not changes:
        yield Found("ignore", why="no change")
    for change in changes:
        yield _read(entry, change, received_at, how, odd=odd)


def _read(entry: Mapping[str, Any], change: object, received_at: datetime, how: How, *, odd: bool) -> Found:
    """What one change says; what is wrong with it ends here."""
    whole = {"object": "page", "entry": [{"id": entry.get("id"), "time": entry.get("time"), "changes": [change]}]}
    account: str | None = None
    raw = ""
    try:
        if odd and (why := oddity(whole)):
            return Found("unreadable", why=why)
        raw = as_json(whole)
        account = required(identifier(entry, "id"), "entry.id")
        if not isinstance(change, dict):
            raise Unreadable("change is not an object")
        if change.get("field") != "feed":
            return Found("ignore", account=account, why="field is not feed", raw=raw)
        value = change.get("value")
        if not isinstance(value, dict):
            raise Unreadable("value is not an object")
        return replace(read_change(Change(account, value, received_at, how)), raw=raw)
    except Unreadable as error:
        return Found("unreadable", account=account, why=str(error), raw=raw)
    except RecursionError:
        return Found("unreadable", account=account, why="the change is nested too deep", raw=raw)
    except ValidationError as error:
        fields = sorted({".".join(map(str, fault["loc"])) for fault in error.errors(include_input=False)})
        return Found("unreadable", account=account, why=f"not acceptable: {', '.join(fields)}"[:200], raw=raw)
