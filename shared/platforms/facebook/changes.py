"""
One change of the ``feed`` field as what it means.

* A comment added or edited is a revision: its mark is a hash of text and attachments, since Facebook gives none.
* A post by the page is an official post. A post by anybody else is kept and judged as a comment without a parent, with
  the post's id.
* A removal, a hide and an unhide carry no new text. Whether a hide is the echo of our own is retention's to settle.
* Ids are functions of what happened, so Facebook's retry gives the same ones. The sending time is not part of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from shared.events import (
    Author,
    CommentReceived,
    CommentRemoved,
    CommentVisibilityChanged,
    How,
    Media,
    PostReceived,
    comment_subject,
)
from shared.platforms import Found, as_json, revision_of
from shared.platforms.facebook.identifiers import canonical_comment, canonical_post, media_id, parent_of
from shared.platforms.reading import Unreadable, address, fingerprint, identifier, member, moment, required, text

PLATFORM = "facebook"
POSTS = frozenset({"post", "status", "photo", "video"})

Act = Literal["add", "edit", "remove", "hide", "unhide"]
VERBS: Mapping[str, Act] = {
    "add": "add",
    "edited": "edit",
    "edit": "edit",
    "update": "edit",
    "remove": "remove",
    "delete": "remove",
    "hide": "hide",
    "unhide": "unhide",
}
WITHOUT_CONTENT = frozenset({"block", "follow", "mute", "unblock"})
"""Documented verbs that change nothing for a comment."""

WORD = re.compile(r"[a-z_]{1,32}")


@dataclass(frozen=True)
class Change:
    """One change: the page, its ``value``, and how and when it came."""

    account: str
    value: Mapping[str, Any]
    received_at: datetime
    how: How


def read_change(change: Change) -> Found:
    """What the change says. Raises `Unreadable`, `RecursionError`, or pydantic's ``ValidationError``."""
    item = required(text(change.value, "item"), "item")
    if item != "comment" and item not in POSTS:
        return Found("ignore", account=change.account, why=f"item {_word(item)} is not a comment or a post")
    verb = required(text(change.value, "verb"), "verb")
    act = VERBS.get(verb)
    if act is None:
        undocumented = verb not in WITHOUT_CONTENT
        return Found("ignore", account=change.account, why=f"verb {_word(verb)} of {item}", keep=undocumented)
    return _read_comment(change, act) if item == "comment" else _read_post(change, act, item)


def _word(value: str) -> str:
    """``value`` where it is a plain word: anything else may be a comment's text in the wrong place."""
    return f"'{value}'" if WORD.fullmatch(value) else "of an unknown form"


def _read_comment(change: Change, act: Act) -> Found:
    value = change.value
    comment_id = canonical_comment(required(identifier(value, "comment_id"), "comment_id"))
    post_id = _post_id(change)
    if act in ("add", "edit"):
        parent_id = parent_of(change.account, identifier(value, "parent_id"), post_id)
        return _received(change, act, comment_id, post_id, parent_id, attachments(value))
    return _happened(change, act, comment_id, post_id)


def _read_post(change: Change, act: Act, item: str) -> Found:
    post_id = required(_post_id(change), "post_id")
    if author_of(change.value).id != change.account:
        if act in ("add", "edit"):
            return _received(change, act, post_id, None, None, attachments(change.value, item))
        return _happened(change, act, post_id, None)
    if act not in ("add", "edit"):
        return Found("ignore", account=change.account, post_id=post_id, why=f"the page's own post: {act}")
    return _official_post(change, post_id)


def _received(
    change: Change, act: Act, comment_id: str, post_id: str | None, parent_id: str | None, media: tuple[Media, ...]
) -> Found:
    value, account = change.value, change.account
    words = text(value, "message") or ""
    author, created_at = author_of(value), moment(value, "created_time")
    revision, subject = revision_of(words, media), comment_subject(PLATFORM, account, comment_id)
    event = CommentReceived.caused_by(
        f"{subject}/{revision}",
        subject=subject,
        time=change.received_at,
        platform=PLATFORM,
        account=account,
        comment_id=comment_id,
        revision=revision,
        author=author,
        edited=act == "edit",
        by_account=author.id == account,
        text=words,
        media=media,
        parent_id=parent_id,
        post_id=post_id,
        url=address(value, "permalink_url") or f"https://www.facebook.com/{comment_id}",
        created_at=created_at or change.received_at,
        received_at=change.received_at,
        how=change.how,
        raw=as_json(value),
    )
    return Found(
        "edit" if act == "edit" else "comment",
        account=account,
        comment_id=comment_id,
        post_id=post_id,
        author=author.name or author.id,
        text=words,
        revision=revision,
        time=created_at,
        event=event,
    )


def _happened(change: Change, act: Act, comment_id: str, post_id: str | None) -> Found:
    """A removal or a change of visibility: no text, and no time of its own."""
    subject = comment_subject(PLATFORM, change.account, comment_id)
    author = author_of(change.value)
    cause = f"{subject}/{act}/{fingerprint(change.value)}"
    fields: dict[str, Any] = {
        "subject": subject,
        "time": change.received_at,
        "platform": PLATFORM,
        "account": change.account,
        "comment_id": comment_id,
        "raw": as_json(change.value),
    }
    event: CommentRemoved | CommentVisibilityChanged
    if act == "remove":
        event = CommentRemoved.caused_by(cause, post_id=post_id, **fields)
    else:
        event = CommentVisibilityChanged.caused_by(cause, hidden=act == "hide", **fields)
    kind: Literal["remove", "hide", "unhide"] = "remove" if act == "remove" else "hide" if act == "hide" else "unhide"
    return Found(
        kind,
        account=change.account,
        comment_id=comment_id,
        post_id=post_id,
        author=author.name or author.id,
        time=moment(change.value, "created_time"),
        event=event,
    )


def _official_post(change: Change, post_id: str) -> Found:
    value, words = change.value, text(change.value, "message")
    created_at = moment(value, "created_time")
    event = post_received(
        change.account,
        post_id,
        words,
        time=change.received_at,
        created_at=created_at,
        url=address(value, "permalink_url") or address(member(value, "post"), "permalink_url"),
        raw=as_json(value),
    )
    author = author_of(value)
    return Found(
        "post",
        account=change.account,
        post_id=post_id,
        author=author.name or author.id,
        text=words,
        revision=revision_of(words or ""),
        time=created_at,
        event=event,
    )


def post_received(
    account: str,
    post_id: str,
    words: str | None,
    *,
    time: datetime,
    created_at: datetime | None,
    url: str | None,
    raw: str,
) -> PostReceived:
    """The event of an official post's text; webhook and read give the same id for the same text."""
    subject = comment_subject(PLATFORM, account, post_id)
    mark = "untold" if words is None else revision_of(words)
    return PostReceived.caused_by(
        f"{subject}/{mark}",
        subject=subject,
        time=time,
        platform=PLATFORM,
        account=account,
        post_id=post_id,
        text=words,
        url=url,
        created_at=created_at,
        raw=raw,
    )


def author_of(value: Mapping[str, Any]) -> Author:
    """Who wrote it: ``from``, or the older ``sender_id`` and ``sender_name``; both may be withheld."""
    given = member(value, "from")
    return Author(
        id=identifier(given, "id") or identifier(value, "sender_id"),
        name=text(given, "name") or text(value, "sender_name"),
    )


def attachments(value: Mapping[str, Any], item: str = "comment") -> tuple[Media, ...]:
    """The photo and the video of a change; a photo or video post names its file ``link``."""
    found = []
    for kind in ("photo", "video"):
        where = address(value, kind) or (address(value, "link") if item == kind else None)
        if where:
            found.append(Media(kind=kind, url=where, id=media_id(where)))
    return tuple(found)


def _post_id(change: Change) -> str | None:
    given = identifier(change.value, "post_id")
    post_id = canonical_post(change.account, given) if given else None
    if post_id and len(post_id) > 200:
        raise Unreadable("post_id is not an id")
    return post_id
