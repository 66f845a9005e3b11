"""
The control API: what tests, chaos scripts and the demo call to write comments, to script failures and to read what
happened. `tests/fakes/README.md` describes each call.

For loopback only: it asks for no token. A body that is not as described gets 422 with the fields at fault.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.fakes.graph.api import GraphApi
from tests.fakes.graph.delivery import change_settings
from tests.fakes.graph.failures import SCRIPTABLE, Failure
from tests.fakes.graph.platform import Facebook, Unknown

LONGEST_WAIT_SECONDS = 25.0
"""Callers wait 30 seconds for an answer."""

DELIVERIES = """
SELECT number, page_id, comment_id, verb, version, repeat_of, created, due, attempts, last_status, last_request,
    body_hash, acknowledged, given_up
FROM deliveries WHERE number > ? ORDER BY number LIMIT ?
"""

ACKNOWLEDGED = """
SELECT DISTINCT comment_id, version FROM deliveries
WHERE acknowledged IS NOT NULL AND verb IN ('add', 'edited') AND (?1 IS NULL OR comment_id = ?1) ORDER BY 1, 2
"""


def _writable(text: str) -> str:
    """Half a surrogate pair is no text: it can neither be stored nor shown."""
    text.encode()
    return text


Text = Annotated[str, AfterValidator(_writable)]
Share = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0)]


class Body(BaseModel):
    """The body of a call."""

    model_config = ConfigDict(extra="forbid")


class NewPage(Body):
    id: str
    name: Text
    token: str | None = None
    subscribed: bool | None = None


class NewPost(Body):
    message: Text
    id: str | None = None
    page_id: str | None = None
    author: Text | None = None
    author_id: str | None = None
    title: Text | None = None


class NewComment(Body):
    post_id: str
    message: Text
    author: Text = "Dana Whitfield"
    author_id: str | None = None
    parent_id: str | None = None
    comment_id: str | None = None
    photo: str | None = None
    can_hide: bool = True
    by_page: bool = False


class NewText(Body):
    message: Text


class NewFailure(Body):
    kind: str
    count: int = Field(default=1, ge=1)
    comment_id: str | None = None
    call: str | None = None
    seconds: Seconds = 30.0
    status: int = Field(default=502, ge=500, le=599)
    minutes: int = Field(default=1, ge=1)


class Token(Body):
    token: str
    page_id: str | None = None
    expired: bool = False


class NewSettings(Body):
    """Only what is given changes. The first part is `delivery.Settings`, the second the Graph API."""

    webhook: str | None = None
    paused: bool | None = None
    batch: int | None = Field(default=None, ge=1, le=1000)
    batch_seconds: Seconds | None = None
    at_once: int | None = Field(default=None, ge=1)
    timeout_seconds: Seconds | None = None
    retry_seconds: Annotated[list[Seconds], Field(min_length=1)] | None = None
    attempts: int | None = Field(default=None, ge=1)
    repeat: Share | None = None
    repeat_seconds: Seconds | None = None
    reorder: Share | None = None
    reorder_seconds: Seconds | None = None
    late: Share | None = None
    late_seconds: Seconds | None = None
    seed: int | None = None

    latency_seconds: Seconds | None = None
    require_proof: bool | None = None
    usage_percent: int | None = Field(default=None, ge=0)
    regain_minutes: int | None = Field(default=None, ge=1)
    limit_calls: int | None = Field(default=None, ge=0)
    limit_seconds: Seconds | None = None


class Control:
    """The calls under ``/control/``."""

    def __init__(self, facebook: Facebook, api: GraphApi, home_page: str) -> None:
        self._facebook, self._api, self._home_page = facebook, api, home_page
        self._store, self._deliveries = facebook.store, facebook.deliveries

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            _route("GET", "/control/health", self.health),
            _route("POST", "/control/pages", self.add_page),
            _route("GET", "/control/posts", self.posts),
            _route("POST", "/control/posts", self.add_post),
            _route("POST", "/control/posts/{id}/edit", self.edit_post),
            _route("GET", "/control/comments", self.comments),
            _route("POST", "/control/comments", self.add_comment),
            _route("GET", "/control/comments/{id}", self.comment),
            _route("POST", "/control/comments/{id}/{verb}", self.change),
            _route("GET", "/control/deliveries", self.ledger),
            _route("GET", "/control/requests", self.requests),
            _route("GET", "/control/calls", self.calls),
            _route("GET", "/control/stats", self.stats),
            _route("GET", "/control/idle", self.idle),
            _route("GET", "/control/fail", self.failures),
            _route("POST", "/control/fail", self.fail),
            _route("DELETE", "/control/fail", self.no_failures),
            _route("POST", "/control/tokens", self.token),
            _route("GET", "/control/settings", self.settings),
            _route("POST", "/control/settings", self.settings),
            _route("POST", "/control/verify", self.verify),
        ]

    async def health(self, _: Request) -> object:
        return {"status": "ok"}

    async def add_page(self, request: Request) -> object:
        given = NewPage.model_validate_json(await request.body())
        self._store.add_page(given.id, given.name, given.token)
        if given.subscribed is not None:
            self._store.change("UPDATE pages SET subscribed = ? WHERE id = ?", int(given.subscribed), given.id)
        return self._store.page(given.id)

    async def posts(self, _: Request) -> object:
        return self._store.rows("SELECT * FROM posts ORDER BY created, id")

    async def add_post(self, request: Request) -> object:
        given = NewPost.model_validate_json(await request.body())
        more = given.model_dump(include={"author", "author_id", "title"})
        page_id = given.page_id or self._home_page
        return {"id": self._facebook.add_post(given.message, page_id=page_id, post_id=given.id, **more)}

    async def edit_post(self, request: Request) -> object:
        given = NewText.model_validate_json(await request.body())
        self._facebook.edit_post(request.path_params["id"], given.message)
        return {"id": request.path_params["id"]}

    async def comments(self, _: Request) -> object:
        return self._comments()

    async def add_comment(self, request: Request) -> object:
        given = NewComment.model_validate_json(await request.body())
        return {"id": self._facebook.add_comment(**given.model_dump())}

    async def comment(self, request: Request) -> object:
        """One comment with all its texts and every call on it."""
        node = request.path_params["id"]
        found = self._comments(node)
        if not found:
            raise Unknown(node)
        texts = self._store.rows("SELECT version, message, at FROM revisions WHERE comment_id = ? ORDER BY 1", node)
        query = "SELECT number, hidden, changed, by, at FROM calls WHERE comment_id = ? ORDER BY number"
        return {**found[0], "revisions": texts, "calls": self._store.rows(query, node)}

    def _comments(self, node: str | None = None) -> list[dict[str, Any]]:
        """All comments or one, each with the versions whose webhook was answered 2xx."""
        taken: dict[str, list[int]] = {}
        for row in self._store.rows(ACKNOWLEDGED, node):
            taken.setdefault(row["comment_id"], []).append(row["version"])
        return [{**row, "acknowledged": taken.get(row["id"], [])} for row in self._store.overview(node)]

    async def change(self, request: Request) -> object:
        node, verb = request.path_params["id"], request.path_params["verb"]
        if verb == "edit":
            self._facebook.edit(node, NewText.model_validate_json(await request.body()).message)
        elif verb == "remove":
            self._facebook.remove(node)
        elif verb in ("hide", "unhide"):
            self._facebook.set_hidden(node, hidden=verb == "hide", by="person")
        else:
            raise Unknown(verb)
        return {"id": node}

    async def ledger(self, request: Request) -> object:
        return self._store.rows(DELIVERIES, *_window(request))

    async def requests(self, request: Request) -> object:
        rows = self._store.rows("SELECT * FROM requests WHERE number > ? ORDER BY number LIMIT ?", *_window(request))
        return [{**row, "deliveries": json.loads(row["deliveries"])} for row in rows]

    async def calls(self, request: Request) -> object:
        return self._store.rows("SELECT * FROM graph_calls WHERE number > ? ORDER BY number LIMIT ?", *_window(request))

    async def stats(self, _: Request) -> object:
        def one(query: str) -> dict[str, Any]:
            return self._store.row(query) or {}

        calls = self._store.rows("SELECT call, status, code, COUNT(*) AS n FROM graph_calls GROUP BY 1, 2, 3")
        return {
            "comments": one(
                "SELECT COUNT(*) AS written, COALESCE(SUM(hidden AND NOT removed), 0) AS hidden,"
                " COALESCE(SUM(removed), 0) AS removed, COALESCE(SUM(version), 0) AS revisions FROM comments"
            ),
            "visibility": one(
                "SELECT COALESCE(SUM(changed AND hidden), 0) AS hides,"
                " COALESCE(SUM(changed AND NOT hidden), 0) AS shows,"
                " COALESCE(SUM(NOT changed), 0) AS repeats FROM calls"
            ),
            "deliveries": {
                **one(
                    "SELECT COUNT(*) AS told, COALESCE(SUM(repeat_of IS NOT NULL), 0) AS repeats,"
                    " COALESCE(SUM(acknowledged IS NOT NULL), 0) AS acknowledged,"
                    " COALESCE(SUM(given_up IS NOT NULL), 0) AS given_up, COALESCE(SUM(attempts), 0) AS attempts"
                    " FROM deliveries"
                ),
                "waiting": self._deliveries.waiting(),
            },
            "graph_calls": calls,
        }

    async def idle(self, request: Request) -> object:
        """Whether everything was delivered; with ``seconds``, wait for it so long."""
        try:
            seconds = min(float(request.query_params.get("seconds", 0)), LONGEST_WAIT_SECONDS)
        except ValueError:
            seconds = 0.0
        idle = await self._deliveries.idle(seconds)
        return {"idle": idle, "waiting": self._deliveries.waiting()}

    async def failures(self, _: Request) -> object:
        return [asdict(failure) for failure in self._api.failures.waiting]

    async def fail(self, request: Request) -> object:
        given = NewFailure.model_validate_json(await request.body())
        if given.kind not in SCRIPTABLE:
            return JSONResponse({"error": f"kind is one of {', '.join(SCRIPTABLE)}"}, 422)
        self._api.failures.waiting.append(Failure(**given.model_dump()))
        return {"scripted": len(self._api.failures.waiting)}

    async def no_failures(self, _: Request) -> object:
        self._api.failures.waiting.clear()
        return {"scripted": 0}

    async def token(self, request: Request) -> object:
        """Make a token known, or let it expire. Without a page it is a token of a person."""
        given = Token.model_validate_json(await request.body())
        self._store.change(
            "INSERT INTO tokens VALUES (?, ?, ?) ON CONFLICT (token) DO UPDATE SET expired = excluded.expired,"
            " page_id = COALESCE(excluded.page_id, page_id)",
            *(given.token, given.page_id, int(given.expired)),
        )
        return {"expired": given.expired}

    async def settings(self, request: Request) -> object:
        """Change what is given; gives back all settings in force."""
        api, limit, settings = self._api, self._api.limit, self._deliveries.settings
        if request.method == "POST":
            given = NewSettings.model_validate_json(await request.body()).model_dump(exclude_none=True)
            for name in set(given) - set(change_settings(settings, given)):
                setattr(api if hasattr(api, name) else limit, name, given[name])
            self._deliveries.stir()
        shown = {"usage_percent", "regain_minutes", "limit_calls", "limit_seconds"}
        return {
            **asdict(settings),
            "latency_seconds": api.latency_seconds,
            "require_proof": api.require_proof,
            **{name: getattr(limit, name) for name in sorted(shown)},
        }

    async def verify(self, _: Request) -> object:
        return await self._deliveries.verify_webhook()


def _route(method: Literal["GET", "POST", "DELETE"], path: str, work: Callable[[Request], Awaitable[object]]) -> Route:
    async def endpoint(request: Request) -> Response:
        try:
            answer = await work(request)
        except ValidationError as error:
            faults = [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()]
            return JSONResponse({"error": "; ".join(faults)}, 422)
        except Unknown as error:
            return JSONResponse({"error": f"not there: {error}"}, 404)
        return answer if isinstance(answer, Response) else JSONResponse(answer)

    return Route(path, endpoint, methods=[method])


def _window(request: Request) -> tuple[int, int]:
    """``after`` and ``limit`` of a long list; all rows where they are not given."""
    query = request.query_params
    after, limit = query.get("after", "0"), query.get("limit", "-1")
    return int(after) if after.isdecimal() else 0, int(limit) if limit.isdecimal() else -1
