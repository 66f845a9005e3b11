"""
What Facebook pushes: its objects, its bytes, its signature, and the handshake of a subscription.

* The keys of a change stand in the order in which Facebook writes them; a test compares with an example delivery byte
  by byte.
* JSON is escaped as Meta does it, and the signature is made over exactly the bytes that are sent. A receiver that
  parses and writes again gets another signature.
* ``entry.time`` is when the request is sent, so a retry has other bytes than the first attempt.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from tests.fakes.graph.delivery import Notice
from tests.fakes.graph.store import Row

CHANGES_PER_ENTRY = 4
"""A larger batch has several entries of one page, so that a receiver has to walk both lists."""


def meta_json(value: object) -> bytes:
    """JSON as Meta writes it: other than ASCII as lower-case ``\\uXXXX``, and ``/`` as ``\\/``."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":")).replace("/", "\\/").encode()


def signature(body: bytes, secret: str) -> str:
    """The value of ``X-Hub-Signature-256``."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def meta_time(seconds: float) -> str:
    """A moment as Facebook writes it in objects."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")


class MetaWire:
    """How Meta writes, signs, and asks for the handshake."""

    def __init__(self, secret: str, verify_token: str) -> None:
        self._secret, self._verify_token = secret, verify_token

    def request(self, notices: Sequence[Notice], sent_at: float) -> tuple[bytes, dict[str, str]]:
        """See `Wire.request`."""
        entries = []
        for page_id, group in groupby(notices, key=lambda notice: notice.page_id):
            changes = [{"field": "feed", "value": notice.value} for notice in group]
            for start in range(0, len(changes), CHANGES_PER_ENTRY):
                part = changes[start : start + CHANGES_PER_ENTRY]
                entries.append({"id": page_id, "time": int(sent_at), "changes": part})
        body = meta_json({"object": "page", "entry": entries})
        legacy = hmac.new(self._secret.encode(), body, hashlib.sha1).hexdigest()
        return body, {
            "Content-Type": "application/json",
            "User-Agent": "facebookexternalua",
            "X-Hub-Signature": f"sha1={legacy}",
            "X-Hub-Signature-256": signature(body, self._secret),
        }

    def challenge(self) -> tuple[dict[str, str], str]:
        """See `Wire.challenge`."""
        number = str(secrets.randbelow(10**9))
        query = {"hub.mode": "subscribe", "hub.challenge": number, "hub.verify_token": self._verify_token}
        return query, number


def comment_notice(comment: Row, post: Row, verb: str) -> Notice:
    """What is told of a comment. A removal carries no text and no time; only a new comment describes its post."""
    value: dict[str, Any] = {"from": {"id": comment["author_id"], "name": comment["author"]}}
    if verb == "add":
        value["post"] = _described(post)
    if verb != "remove":
        # A sticker or photo alone has no text, and then there is no such key.
        value |= {"message": comment["message"]} if comment["message"] else {}
        value |= {"photo": comment["photo"]} if comment["photo"] else {}
    value |= {"post_id": post["id"], "comment_id": comment["id"]}
    if verb != "remove":
        value["created_time"] = int(comment["created"])
    value |= {"item": "comment", "parent_id": comment["parent_id"] or post["id"], "verb": verb}
    return Notice(post["page_id"], comment["id"], verb, comment["version"], value)


def post_notice(post: Row, verb: str) -> Notice:
    """What is told of a post: ``status`` when the page wrote it, ``post`` when a visitor did."""
    own = post["author_id"] == post["page_id"]
    value: Mapping[str, Any] = {
        "from": {"id": post["author_id"], "name": post["author"]},
        "message": post["message"],
        "post_id": post["id"],
        "created_time": int(post["created"]),
        "item": "status" if own else "post",
        "published": 1,
        "verb": verb,
    }
    return Notice(post["page_id"], post["id"], "post" if verb == "add" else "post edited", 1, value)


def post_url(post: Row) -> str:
    """Where people see a post."""
    return f"https://www.facebook.com/{post['page_id']}/posts/{post['id'].partition('_')[2]}"


def _described(post: Row) -> dict[str, Any]:
    """The post of a comment, without its text."""
    return {
        "status_type": "added_photos",
        "is_published": True,
        "updated_time": meta_time(post["updated"]),
        "permalink_url": post_url(post),
        "promotion_status": "inactive",
        "id": post["id"],
    }
