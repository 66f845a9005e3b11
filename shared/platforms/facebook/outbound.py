"""
The Graph API: read a comment, hide it or show it again, read the text of a post.

* A token travels in the ``Authorization`` header alone: never in a URL, a log or a message. ``appsecret_proof`` goes
  with every call; it is useless without the token.
* A hide sends ``is_hidden`` and nothing else: ``message`` in the same call would overwrite the comment's text.
* Hiding is safe to repeat. A call whose answer did not come has an unknown outcome: look again.
* The budget of a page (`usage.py`) is kept before each call: a page at its limit is not called at all.

Policy: A.10 (hide, never delete).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

import httpx2

from shared import metrics
from shared.errors import CredentialRefused, ModerationError, PlatformRefused, PlatformUnavailable
from shared.events import Author, CommentReceived, How, Media, PostReceived, comment_subject
from shared.platforms import Capabilities, CommentState, as_json, revision_of
from shared.platforms.facebook.changes import PLATFORM, post_received
from shared.platforms.facebook.failures import failure
from shared.platforms.facebook.identifiers import canonical_comment, canonical_post, media_id, parent_of
from shared.platforms.facebook.usage import Budget
from shared.platforms.reading import Unreadable, address, identifier, member, moment, oddity, parse, text

COMMENT_FIELDS = "id,message,from,created_time,is_hidden,can_hide,parent{id},attachment,permalink_url"
POST_FIELDS = "message,story,created_time,permalink_url,attachments{title,description}"


class FacebookGraph:
    """The acting half of Facebook. See `Outbound` for what each method raises."""

    platform = PLATFORM
    capabilities = Capabilities(
        can_hide=True,
        can_show=True,
        can_delete=True,
        hides_replies=True,  # replies under a hidden comment cannot be reached by the public
        pushes_comments=True,
        tells_edits=True,
        tells_removals=True,
    )

    def __init__(
        self,
        http: httpx2.AsyncClient,
        page_tokens: Mapping[str, str],
        app_secret: str,
        *,
        url: str,
        version: str,
        timeout_seconds: float,
        now: Callable[[], datetime],
    ) -> None:
        self._http, self._tokens, self._secret = http, dict(page_tokens), app_secret.encode()
        self._root, self._timeout, self._now = f"{url.rstrip('/')}/{version}", timeout_seconds, now
        self._budget = Budget()

    def can_read(self, account: str) -> bool:
        """Whether there is a token for the page."""
        return account in self._tokens

    async def look(self, account: str, comment_id: str) -> CommentState:
        """See `Outbound.look`."""
        found = await self._call("look", account, comment_id, fields=COMMENT_FIELDS)
        words, media = _words(found), _media(found)
        return CommentState(
            hidden=found.get("is_hidden") is True,
            can_hide=found.get("can_hide") is not False,
            text=words,
            revision=revision_of(words, media),
        )

    async def set_hidden(self, account: str, comment_id: str, *, hidden: bool) -> None:
        """See `Outbound.set_hidden`."""
        answer = await self._call("hide" if hidden else "show", account, comment_id, hidden=hidden)
        if answer.get("success") is not True:
            raise PlatformUnavailable("Facebook did not confirm the call")

    async def comment(self, account: str, comment_id: str, how: How = How.POLL) -> CommentReceived:
        """The comment as it is now, with the id that its webhook would have. Safe to repeat."""
        found = await self._call("read_comment", account, comment_id, fields=COMMENT_FIELDS)
        comment_id = canonical_comment(comment_id)
        try:
            return _received(account, comment_id, found, self._now(), how)
        except Unreadable as error:
            raise PlatformRefused(f"the comment cannot be read: {error}") from None

    async def post(self, account: str, post_id: str) -> PostReceived:
        """The official post as it is now. Safe to repeat."""
        found = await self._call("read_post", account, post_id, fields=POST_FIELDS)
        try:
            return post_received(
                account,
                canonical_post(account, post_id),
                _post_words(found),
                time=self._now(),
                created_at=moment(found, "created_time"),
                url=address(found, "permalink_url"),
                raw=as_json(found),
            )
        except Unreadable as error:
            raise PlatformRefused(f"the post cannot be read: {error}") from None

    async def post_text(self, account: str, post_id: str) -> str:
        """The text of an official post; empty when it has none. Safe to repeat."""
        return (await self.post(account, post_id)).text or ""

    async def _call(
        self, call: str, account: str, node: str, *, fields: str | None = None, hidden: bool | None = None
    ) -> dict[str, Any]:
        """One request, counted by outcome."""
        outcome = "ok"
        try:
            return await self._request(account, node, fields, hidden)
        except ModerationError as error:
            outcome = type(error).__name__
            raise
        finally:
            metrics.PLATFORM_CALLS.labels(PLATFORM, call, outcome).inc()

    async def _request(self, account: str, node: str, fields: str | None, hidden: bool | None) -> dict[str, Any]:
        token = self._tokens.get(account)
        if token is None:
            raise CredentialRefused("no token is configured for the page")
        if wait := self._budget.wait_seconds(account, self._now()):
            raise PlatformUnavailable("the page's call budget is used", retry_after_seconds=wait)
        proof = {"appsecret_proof": hmac.new(self._secret, token.encode(), hashlib.sha256).hexdigest()}
        try:
            answer = await self._http.request(
                "GET" if hidden is None else "POST",
                f"{self._root}/{quote(node, safe='')}",
                params={"fields": fields, **proof} if hidden is None else None,
                data=None if hidden is None else {"is_hidden": str(hidden).lower(), **proof},
                headers={"Authorization": f"Bearer {token}"},
                timeout=self._timeout,
                follow_redirects=False,
            )
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            # The cause is left out: its text may hold the URL.
            raise PlatformUnavailable(f"Facebook did not answer: {type(error).__name__}") from None
        asked = self._budget.note(account, answer.headers, self._now())
        body = _json(answer.content)
        if answer.status_code != 200 or not isinstance(body, dict) or "error" in body:
            raise failure(answer.status_code, body, retry_after_seconds=asked)
        return body


def _json(content: bytes) -> object:
    """The answer as JSON; None when it is none, or holds what cannot be carried exactly."""
    try:
        parsed = parse(content)
    except Unreadable:
        return None
    return None if parsed.odd and oddity(parsed.value) else parsed.value


def _received(account: str, comment_id: str, found: Mapping[str, Any], now: datetime, how: How) -> CommentReceived:
    words, media, given = _words(found), _media(found), member(found, "from")
    author = Author(id=identifier(given, "id"), name=text(given, "name"))
    revision, subject = revision_of(words, media), comment_subject(PLATFORM, account, comment_id)
    post_id = canonical_post(account, comment_id.partition("_")[0]) if "_" in comment_id else None
    return CommentReceived.caused_by(
        f"{subject}/{revision}",
        subject=subject,
        time=now,
        platform=PLATFORM,
        account=account,
        comment_id=comment_id,
        revision=revision,
        author=author,
        by_account=author.id == account,
        text=words,
        media=media,
        parent_id=parent_of(account, identifier(member(found, "parent"), "id"), post_id),
        post_id=post_id,
        url=address(found, "permalink_url"),
        created_at=moment(found, "created_time") or now,
        received_at=now,
        how=how,
        raw=as_json(found),
    )


def _words(found: Mapping[str, Any]) -> str:
    try:
        return text(found, "message") or ""
    except Unreadable as error:
        raise PlatformRefused(f"the comment cannot be read: {error}") from None


def _media(found: Mapping[str, Any]) -> tuple[Media, ...]:
    """The photo or video, named as the webhook names it. A link preview is not one: the webhook does not tell it."""
    try:
        attachment = member(found, "attachment")
        kind = text(attachment, "type") or ""
        inner = member(attachment, "media")
        where = address(inner, "source") or address(member(inner, "image"), "src")
    except Unreadable as error:
        raise PlatformRefused(f"the comment cannot be read: {error}") from None
    if where is None or not any(word in kind for word in ("photo", "video", "sticker", "animated")):
        return ()
    return (Media(kind="video" if "video" in kind else "photo", url=where, id=media_id(where)),)


def _post_words(found: Mapping[str, Any]) -> str:
    """What the post says: its message, else its story, else the titles of what it shares."""
    if words := text(found, "message") or text(found, "story"):
        return words
    shared = member(found, "attachments").get("data")
    titles = [
        part
        for item in (shared if isinstance(shared, list) else [])
        if isinstance(item, dict)
        for part in (text(item, "title"), text(item, "description"))
        if part
    ]
    return "\n".join(titles)
