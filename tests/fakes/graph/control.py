"""
The control API: what tests and the demo call to write comments, to script failures, and to read what happened.

* ``GET  /control/health``
* ``POST /control/posts`` {message, id?} and ``POST /control/comments`` {post_id, message, author?, parent_id?,
  author_id?}
* ``POST /control/comments/{id}/edit`` {message}, ``/remove``, ``/hide`` and ``/unhide`` (by a person)
* ``GET  /control/comments`` with hides, shows and repeats of each; ``GET /control/deliveries``; ``GET /control/idle``
* ``POST /control/fail`` {kind, count, comment_id?, seconds?}; ``POST /control/settings`` {webhook?, paused?}
* ``POST /control/verify`` runs the subscription's handshake
"""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.fakes.graph.api import Failure, GraphApi
from tests.fakes.graph.delivery import Deliveries
from tests.fakes.graph.store import Store


@dataclass
class Control:
    """Called by tests on loopback only."""

    store: Store
    deliveries: Deliveries
    api: GraphApi

    def routes(self) -> list[Route]:
        """All under ``/control/``."""
        return [
            Route("/control/health", self.health),
            Route("/control/posts", self.add_post, methods=["POST"]),
            Route("/control/comments", self.add_comment, methods=["POST"]),
            Route("/control/comments", self.comments, methods=["GET"]),
            Route("/control/comments/{id}/{verb}", self.change, methods=["POST"]),
            Route("/control/deliveries", self.list_deliveries),
            Route("/control/idle", self.idle),
            Route("/control/fail", self.fail, methods=["POST"]),
            Route("/control/settings", self.settings, methods=["POST"]),
            Route("/control/verify", self.verify, methods=["POST"]),
        ]

    async def health(self, _: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def add_post(self, request: Request) -> Response:
        given = await request.json()
        post_id = self.store.add_post(given["message"], given.get("id"))
        self.deliveries.announce_post(self.store.post(post_id) or {})
        return JSONResponse({"id": post_id})

    async def add_comment(self, request: Request) -> Response:
        given = await request.json()
        comment_id = self.store.add_comment(
            given["post_id"],
            given["message"],
            given.get("author", "Dana Whitfield"),
            given.get("parent_id"),
            given.get("author_id", ""),
        )
        self.deliveries.announce(self.store.comment(comment_id) or {}, "add")
        return JSONResponse({"id": comment_id})

    async def change(self, request: Request) -> Response:
        comment_id, verb = request.path_params["id"], request.path_params["verb"]
        comment = self.store.comment(comment_id)
        if comment is None:
            return JSONResponse({"error": "no such comment"}, 404)
        if verb == "edit":
            self.store.edit(comment_id, (await request.json())["message"])
            self.deliveries.announce(self.store.comment(comment_id) or {}, "edited")
        elif verb == "remove":
            self.store.remove(comment_id)
            self.deliveries.announce(comment, "remove")
        elif verb in ("hide", "unhide"):
            self.store.set_hidden(comment_id, verb == "hide", "person")
            self.deliveries.announce(comment, verb)
        else:
            return JSONResponse({"error": "no such verb"}, 404)
        return JSONResponse({"id": comment_id})

    async def comments(self, _: Request) -> Response:
        return JSONResponse(self.store.overview())

    async def list_deliveries(self, _: Request) -> Response:
        query = (
            "SELECT number, comment_id, verb, version, attempts, last_status, acknowledged"
            " FROM deliveries ORDER BY number"
        )
        return JSONResponse(self.store.rows(query))

    async def idle(self, _: Request) -> Response:
        waiting = self.deliveries.waiting()
        return JSONResponse({"idle": waiting == 0, "waiting": waiting})

    async def fail(self, request: Request) -> Response:
        self.api.failures.append(Failure(**(await request.json())))
        return JSONResponse({"scripted": len(self.api.failures)})

    async def settings(self, request: Request) -> Response:
        given = await request.json()
        for name in ("webhook", "paused"):
            if name in given:
                setattr(self.deliveries.settings, name, given[name])
        return JSONResponse({"webhook": self.deliveries.settings.webhook, "paused": self.deliveries.settings.paused})

    async def verify(self, _: Request) -> Response:
        return JSONResponse(await self.deliveries.verify())
