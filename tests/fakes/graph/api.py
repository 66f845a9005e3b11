"""
The Graph API of the simulated platform: read, hide, show, lists with cursors, and errors by the documented codes.

Failures are scripted through the control API; they apply to the next calls, in order.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from tests.fakes.graph.delivery import Deliveries
from tests.fakes.graph.store import Store

KINDS: dict[str, tuple[int, int, int | None, str]] = {
    "rate_limit": (400, 80001, None, "There have been too many calls to this Page account."),
    "token": (400, 190, 460, "The session has been invalidated."),
    "transient": (500, 2, None, "Service temporarily unavailable"),
    "unknown": (400, 1, None, "An unknown error occurred"),
    "permission": (403, 200, None, "Permissions error"),
    "blocked": (400, 368, None, "The action attempted has been deemed abusive"),
    "gone": (400, 100, 33, "Unsupported get request. Object does not exist"),
}
"""HTTP status, code, subcode and words of each failure that can be scripted; see also `server_error` and timeouts."""


@dataclass
class Failure:
    """What the next calls meet."""

    kind: str
    count: int
    comment_id: str | None = None
    seconds: float = 0.0


@dataclass
class GraphApi:
    """The calls. ``token`` is the page's; ``secret`` the app's, for the proof."""

    store: Store
    deliveries: Deliveries
    token: str
    secret: str
    failures: list[Failure] = field(default_factory=list)

    def routes(self) -> list[Route]:
        """All under ``/vN.M/``."""
        return [
            Route("/{version}/{node}/comments", self.comments, methods=["GET"]),
            Route("/{version}/{node}/published_posts", self.posts, methods=["GET"]),
            Route("/{version}/{node}/subscribed_apps", self.subscribed, methods=["GET", "POST"]),
            Route("/{version}/{node}", self.read, methods=["GET"]),
            Route("/{version}/{node}", self.act, methods=["POST"]),
            Route("/{version}/{node}", self.delete, methods=["DELETE"]),
        ]

    async def read(self, request: Request) -> Response:
        """A post or a comment, with the fields that were asked for."""
        node = request.path_params["node"]
        if refusal := await self._refusal(request, node):
            return refusal
        fields = [name.split("{")[0] for name in request.query_params.get("fields", "id").split(",")]
        if comment := self.store.comment(node):
            found = self._comment(comment)
        elif post := self.store.post(node):
            found = _post(post)
        else:
            return failure("gone")
        return JSONResponse({name: found[name] for name in ("id", *fields) if found.get(name) is not None})

    async def act(self, request: Request) -> Response:
        """Hide or show a comment."""
        node = request.path_params["node"]
        scripted = self._scripted(node)
        if refusal := await self._refusal(request, node, scripted):
            return refusal
        comment = self.store.comment(node)
        if comment is None:
            return failure("gone")
        wanted = str((await request.form()).get("is_hidden"))
        if wanted not in ("true", "false") or not self._comment(comment)["can_hide"]:
            return _error(400, 100, None, "Invalid parameter")
        if self.store.set_hidden(node, wanted == "true", "api"):
            self.deliveries.announce(comment, "hide" if wanted == "true" else "unhide")
        if scripted and scripted.kind == "timeout_after_success":
            await asyncio.sleep(scripted.seconds or 30)
        return JSONResponse({"success": True})

    async def delete(self, request: Request) -> Response:
        """Delete a comment, for ever."""
        node = request.path_params["node"]
        if refusal := await self._refusal(request, node):
            return refusal
        if (comment := self.store.comment(node)) is None:
            return failure("gone")
        self.store.remove(node)
        self.deliveries.announce(comment, "remove")
        return JSONResponse({"success": True})

    async def posts(self, request: Request) -> Response:
        """The page's posts, newest first."""
        if refusal := await self._refusal(request, request.path_params["node"]):
            return refusal
        rows = self.store.rows("SELECT * FROM posts ORDER BY created DESC, id DESC")
        return self._list(request, [_post(row) for row in rows])

    async def comments(self, request: Request) -> Response:
        """A post's comments: ``filter`` toplevel or stream, ``order``, ``since``, ``limit`` and cursors."""
        node = request.path_params["node"]
        if refusal := await self._refusal(request, node):
            return refusal
        rows = self.store.rows("SELECT * FROM comments WHERE post_id = ? AND NOT removed ORDER BY created, id", node)
        query = request.query_params
        if query.get("filter", "toplevel") == "toplevel":
            rows = [row for row in rows if row["parent_id"] is None]
        rows = [row for row in rows if row["created"] >= float(query.get("since", 0))]
        if query.get("order") == "reverse_chronological":
            rows.reverse()
        return self._list(request, [self._comment(row) for row in rows])

    async def subscribed(self, request: Request) -> Response:
        """Whether the app is subscribed: always."""
        if refusal := await self._refusal(request, request.path_params["node"]):
            return refusal
        if request.method == "POST":
            return JSONResponse({"success": True})
        return JSONResponse({"data": [{"id": "660077008800990", "subscribed_fields": ["feed"]}]})

    def _list(self, request: Request, found: list[dict[str, Any]]) -> Response:
        limit, after = int(request.query_params.get("limit", 25)), int(request.query_params.get("after", 0))
        page = found[after : after + limit]
        paging: dict[str, Any] = {"cursors": {"before": str(after), "after": str(after + len(page))}}
        if after + limit < len(found):
            paging["next"] = str(request.url.include_query_params(after=after + limit))
        return JSONResponse({"data": page, "paging": paging})

    async def _refusal(self, request: Request, node: str, scripted: Failure | None = None) -> Response | None:
        """The scripted failure, or what a wrong token or proof gets; None when the call may go on."""
        scripted = scripted or self._scripted(node)
        if scripted:
            if scripted.kind == "server_error":
                return HTMLResponse("<html><body>Sorry, something went wrong.</body></html>", 502)
            if scripted.kind in KINDS:
                return failure(scripted.kind)
            if scripted.kind == "timeout":
                await asyncio.sleep(scripted.seconds or 30)
        form = await request.form() if request.method == "POST" else {}
        given = {**request.query_params, **{name: str(value) for name, value in form.items()}}
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        if (bearer or given.get("access_token")) != self.token:
            return failure("token")
        proof = hmac.new(self.secret.encode(), self.token.encode(), hashlib.sha256).hexdigest()
        if given.get("appsecret_proof", proof) != proof:
            return _error(400, 100, None, "Invalid appsecret_proof provided in the API argument")
        return None

    def _scripted(self, node: str) -> Failure | None:
        for item in self.failures:
            if item.count > 0 and item.comment_id in (None, node):
                item.count -= 1
                return item
        return None

    def _comment(self, row: dict[str, Any]) -> dict[str, Any]:
        own = row["author_id"] == self.store.page_id
        return {
            "id": row["id"],
            "message": row["message"],
            "from": {"id": row["author_id"], "name": row["author"]},
            "created_time": _time(row["created"]),
            "is_hidden": bool(row["hidden"]),
            "can_hide": not own,
            "can_remove": True,
            "parent": {"id": row["parent_id"]} if row["parent_id"] else None,
            "permalink_url": f"https://www.facebook.com/{row['id']}",
        }


def failure(kind: str) -> JSONResponse:
    """The answer of a documented failure."""
    status, code, subcode, words = KINDS[kind]
    answer = _error(status, code, subcode, words)
    if kind == "rate_limit":
        usage = {"type": "pages", "call_count": 100, "total_cputime": 5, "total_time": 5}
        usage["estimated_time_to_regain_access"] = 0
        answer.headers["X-Business-Use-Case-Usage"] = json.dumps({"102938475610293": [usage]})
    return answer


def _error(status: int, code: int, subcode: int | None, words: str) -> JSONResponse:
    error: dict[str, Any] = {"message": words, "type": "OAuthException", "code": code, "fbtrace_id": "AriverbendTrace"}
    if subcode:
        error["error_subcode"] = subcode
    return JSONResponse({"error": error}, status)


def _post(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": row["id"],
        "message": row["message"],
        "created_time": _time(row["created"]),
        "permalink_url": f"https://www.facebook.com/{row['id'].replace('_', '/posts/')}",
    }


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")
