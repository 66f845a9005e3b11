"""
The Graph API of the simulated platform: read, hide, show, edit, delete, lists with cursors, subscriptions.

* A call meets, in this order: the version, the latency, the call limit, a scripted failure, the token, the proof, and
  whether the token is that of the object's page.
* The token comes in the ``Authorization`` header, the form or the query. An ``appsecret_proof`` that is given must be
  right; where ``require_proof`` is set it must be given.
* Every call is a row of ``graph_calls``, with what it was answered and never with a token.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.fakes.graph.failures import HTML, LIMITS, SILENT, Failure, Failures, GraphError, Limit, NoAnswer, html_page
from tests.fakes.graph.objects import comment_object, moment, page_object, page_of, post_object
from tests.fakes.graph.platform import Facebook
from tests.fakes.graph.store import Row

SCHEMA = """
CREATE TABLE IF NOT EXISTS graph_calls (
    number INTEGER PRIMARY KEY, at REAL NOT NULL, call TEXT NOT NULL, node TEXT NOT NULL, status INTEGER NOT NULL,
    code INTEGER, scripted TEXT
);
"""

APP_ID = "660077008800990"
TRUTH = {"true": True, "1": True, "false": False, "0": False}


@dataclass(frozen=True)
class Call:
    """One call that may go on. ``page_id`` is the page whose token it bears; None for a token of no page."""

    node: str
    given: Mapping[str, str]
    page_id: str | None
    request: Request


@dataclass
class GraphApi:
    """The calls under ``/{version}/``."""

    facebook: Facebook
    app_secret: str
    version: str = "v25.0"
    require_proof: bool = False
    latency_seconds: float = 0.0
    failures: Failures = field(default_factory=Failures)

    def __post_init__(self) -> None:
        self.store = self.facebook.store
        self.limit = Limit(self.store.now)
        self.store.create(SCHEMA)

    def routes(self) -> list[Route]:
        """All calls, each by the name that scripted failures and the table of calls use."""
        return [
            self._route("/comments", "GET", comments=self.list_comments),
            self._route("/published_posts", "GET", published_posts=self.list_posts),
            self._route("/subscribed_apps", "GET", subscribed_apps=self.subscriptions),
            self._route("/subscribed_apps", "POST", subscribe=self.subscribe),
            self._route("/subscribed_apps", "DELETE", unsubscribe=self.unsubscribe),
            self._route("", "GET", read=self.read),
            self._route("", "POST", act=self.act),
            self._route("", "DELETE", delete=self.delete),
        ]

    def read(self, call: Call) -> dict[str, Any]:
        """A comment, a post or a page, with the fields that were asked for."""
        fields, for_page = call.given.get("fields", ""), call.page_id is not None
        if comment := self._comment(call.node):
            return comment_object(self.store, comment, fields, for_page=for_page)
        if post := self.store.post(call.node):
            return post_object(post, fields, for_page=for_page)
        if page := self.store.page(call.node):
            return page_object(page, fields)
        raise GraphError("gone")

    def act(self, call: Call) -> dict[str, Any]:
        """Hide or show a comment, or overwrite its text: ``message`` does, also beside ``is_hidden``."""
        if call.page_id is None:
            raise GraphError("permission")
        comment = self._comment(call.node)
        if comment is None:
            raise GraphError("gone")
        if "is_hidden" not in call.given and "message" not in call.given:
            raise GraphError("bad_parameter", "(#100) Nothing to change")
        if "is_hidden" in call.given:
            hidden = TRUTH.get(call.given["is_hidden"].lower())
            if hidden is None:
                raise GraphError("bad_parameter", "(#100) Param is_hidden must be a boolean")
            if not comment["can_hide"]:
                raise GraphError("bad_parameter", "(#100) This comment cannot be hidden")
            self.facebook.set_hidden(comment["id"], hidden=hidden, by="api")
        if "message" in call.given:
            self.facebook.edit(comment["id"], call.given["message"])
        return {"success": True}

    def delete(self, call: Call) -> dict[str, Any]:
        """Delete a comment, for ever."""
        if call.page_id is None:
            raise GraphError("permission")
        comment = self._comment(call.node)
        if comment is None:
            raise GraphError("gone")
        self.facebook.remove(comment["id"])
        return {"success": True}

    def list_posts(self, call: Call) -> dict[str, Any]:
        """The page's own posts, newest first; ``since``, ``until``, ``limit`` and cursors."""
        if self.store.page(call.node) is None:
            raise GraphError("gone")
        query = "SELECT * FROM posts WHERE page_id = ?1 AND author_id = ?1 ORDER BY created DESC, id DESC"
        rows, fields, mine = _between(self.store.rows(query, call.node), call), _fields(call), call.page_id is not None
        return _listed(call, rows, lambda row: post_object(row, fields, for_page=mine))

    def list_comments(self, call: Call) -> dict[str, Any]:
        """The comments of a post or of a comment; ``filter``, ``order``, ``since``, ``limit`` and cursors."""
        rows, reach = self._below(call.node), call.given.get("filter", "toplevel")
        order = call.given.get("order", "chronological")
        if reach not in ("toplevel", "stream") or order not in ("chronological", "reverse_chronological"):
            raise GraphError("bad_parameter", "(#100) Invalid filter or order")
        if reach == "toplevel":
            parent = call.node if "_" in call.node and not self.store.post(call.node) else None
            rows = [row for row in rows if row["parent_id"] == parent]
        if call.page_id is None:
            rows = [row for row in rows if not row["hidden"]]
        rows = _between(rows, call)
        if order == "reverse_chronological":
            rows.reverse()
        fields, mine = _fields(call), call.page_id is not None
        return _listed(call, rows, lambda row: comment_object(self.store, row, fields, for_page=mine))

    def subscriptions(self, call: Call) -> dict[str, Any]:
        """The apps that are told of the page's feed."""
        page = self._own_page(call)
        app = {"id": APP_ID, "name": "Riverbend moderation", "subscribed_fields": ["feed"]}
        return {"data": [app] if page["subscribed"] else []}

    def subscribe(self, call: Call) -> dict[str, Any]:
        """Subscribe the app to the page's feed."""
        page = self._own_page(call)
        if "feed" not in call.given.get("subscribed_fields", "").split(","):
            raise GraphError("bad_parameter", "(#100) Param subscribed_fields must name feed")
        self.store.change("UPDATE pages SET subscribed = 1 WHERE id = ?", page["id"])
        return {"success": True}

    def unsubscribe(self, call: Call) -> dict[str, Any]:
        """End the subscription: the page's feed is told to nobody."""
        self.store.change("UPDATE pages SET subscribed = 0 WHERE id = ?", self._own_page(call)["id"])
        return {"success": True}

    def _route(self, path: str, method: str, **named: Callable[[Call], dict[str, Any]]) -> Route:
        [(name, work)] = named.items()

        async def endpoint(request: Request) -> Response:
            return await self._answer(name, work, request)

        return Route("/{version:version}/{node}" + path, endpoint, methods=[method])

    async def _answer(self, name: str, work: Callable[[Call], dict[str, Any]], request: Request) -> Response:
        """One call from its first byte to its row in the table."""
        node = request.path_params["node"]
        given = await _given(request)
        if name == "act":
            name = {True: "hide", False: "show", None: "edit"}[TRUTH.get(given.get("is_hidden", "").lower())]
        failure: Failure | None = None
        code: int | None = None
        try:
            failure, page_id = await self._admit(name, request, given)
            if failure and failure.kind in SILENT and not SILENT[failure.kind]:
                answer: Response = NoAnswer(failure.seconds)
            elif failure and failure.kind == HTML:
                answer = html_page(failure.status)
            else:
                answer = JSONResponse(work(Call(node, given, page_id, request)))
                answer = NoAnswer(failure.seconds) if failure else answer
            answer.headers.update(self.limit.header(page_id or self._page_of(node) or node))
        except GraphError as error:
            answer, code = error.answer(), error.code
            reached = error.kind in LIMITS
            usage = self.limit.header(self._page_of(node) or node, reached=reached, minutes=error.minutes)
            answer.headers.update(usage)
        self.store.insert(
            "graph_calls",
            at=self.store.now(),
            call=name,
            node=node,
            status=answer.status_code if not isinstance(answer, NoAnswer) else 0,
            code=code,
            scripted=failure.kind if failure else None,
        )
        return answer

    async def _admit(self, name: str, request: Request, given: Mapping[str, str]) -> tuple[Failure | None, str | None]:
        """The scripted failure that the call still has to meet, and the page whose token it bears."""
        node = request.path_params["node"]
        if request.path_params["version"] != self.version:
            raise GraphError("unknown_path", f"Unknown path components: /{node}")
        if self.latency_seconds:
            await asyncio.sleep(self.latency_seconds)
        if not self.limit.count():
            raise GraphError("rate_limit", minutes=self.limit.regain_minutes)
        failure = self.failures.take(name, node)
        if failure and failure.kind not in SILENT and failure.kind != HTML:
            raise GraphError(failure.kind, minutes=failure.minutes)
        return failure, self._page_of_token(request, given, node)

    def _page_of_token(self, request: Request, given: Mapping[str, str], node: str) -> str | None:
        """The page whose token came with the call. Raises `GraphError` where the token or its proof is no good."""
        header = request.headers.get("authorization", "")
        token = header.removeprefix("Bearer ") if header.startswith("Bearer ") else given.get("access_token", "")
        if not token:
            raise GraphError("no_token")
        known = self.store.row("SELECT * FROM tokens WHERE token = ?", token)
        if known is None:
            raise GraphError("token")
        if known["expired"]:
            raise GraphError("token_expired")
        proof = hmac.new(self.app_secret.encode(), token.encode(), hashlib.sha256).hexdigest()
        given_proof = given.get("appsecret_proof")
        if given_proof is None and self.require_proof:
            raise GraphError("bad_parameter", "API calls from the server require an appsecret_proof argument")
        if given_proof is not None and not hmac.compare_digest(given_proof.encode(), proof.encode()):
            raise GraphError("bad_parameter", "Invalid appsecret_proof provided in the API argument")
        page_id: str | None = known["page_id"]
        if page_id is not None and self._page_of(node) not in (None, page_id):
            raise GraphError("no_permission")
        return page_id

    def _page_of(self, node: str) -> str | None:
        """The page to which an object belongs, whether it is still there or not."""
        node = _canonical(node)
        query = "SELECT p.page_id FROM comments c JOIN posts p ON p.id = c.post_id WHERE c.id = ?"
        found = self.store.row(query, node) or self.store.row("SELECT page_id FROM posts WHERE id = ?", node)
        return str(found["page_id"]) if found else node if self.store.page(node) else None

    def _comment(self, node: str) -> Row | None:
        return self.store.comment(_canonical(node))

    def _below(self, node: str) -> list[Row]:
        """All comments of a post, or all replies to a comment. Raises `GraphError`."""
        if self.store.post(node):
            return self.store.comments_of(node)
        if (comment := self._comment(node)) is None:
            raise GraphError("gone")
        return [row for row in self.store.comments_of(comment["post_id"]) if row["parent_id"] == comment["id"]]

    def _own_page(self, call: Call) -> Row:
        page = self.store.page(call.node)
        if page is None:
            raise GraphError("gone")
        if call.page_id is None:
            raise GraphError("permission")
        return page


async def _given(request: Request) -> dict[str, str]:
    """The parameters, from the query and the form; the form wins."""
    form = await request.form() if request.method == "POST" else FormData()
    return {**request.query_params, **{name: str(value) for name, value in form.items()}}


def _canonical(node: str) -> str:
    """A comment's id without the deprecated page part."""
    parts = node.split("_")
    return "_".join(parts[1:]) if len(parts) == 3 else node


def _fields(call: Call) -> str:
    return call.given.get("fields", "")


def _between(rows: list[Row], call: Call) -> list[Row]:
    """Those of the rows that were written in the time asked for."""
    since, until = moment(call.given, "since"), moment(call.given, "until")
    return [
        row for row in rows if (since is None or row["created"] >= since) and (until is None or row["created"] <= until)
    ]


def _listed(call: Call, rows: list[Row], write: Callable[[Row], dict[str, Any]]) -> dict[str, Any]:
    """One page of a list, with the addresses of its neighbours. An empty page has no ``paging``."""
    part, paging = page_of(rows, call.given)
    answer: dict[str, Any] = {"data": [write(row) for row in part]}
    if not part:
        return answer
    cursors, here = paging["cursors"], call.request.url.remove_query_params(["after", "before"])
    answer["paging"] = {"cursors": cursors}
    if paging["earlier"]:
        answer["paging"]["previous"] = str(here.include_query_params(before=cursors["before"]))
    if paging["more"]:
        answer["paging"]["next"] = str(here.include_query_params(after=cursors["after"]))
    return answer
