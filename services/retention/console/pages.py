"""
The console's routes. A route reads, or appends one event and waits up to two seconds to show what came of it.

Policy: A.4 (acts carry their actor), A.10 (designated members judge; the reason is shown before the act is asked).
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.exceptions import HTTPException

from services.retention.console.guard import guarded_route
from services.retention.console.queries import VIEWS, ConsoleQueries
from services.retention.console.session import Session, Sessions, require_form_token
from services.retention.console.views import Views, acts_for
from shared.bus import Bus
from shared.bus.cloudevents import publish_events
from shared.categories import Category
from shared.db import Database
from shared.directory import Directory
from shared.events import CommentReviewed
from shared.policy import Policy

STATIC = Path(__file__).with_name("static")
FILES = {"console.css": "text/css", "console.js": "text/javascript", "icon.svg": "image/svg+xml"}
WAIT_SECONDS = 2.0
"""How long a page waits for its event to be handled before it says that the act is under way."""


def console_router(
    db: Database,
    directory: Directory,
    bus: Bus,
    policy: Policy,
    now: Callable[[], datetime],
    *,
    secure: bool = False,
) -> APIRouter:
    """The console's routes. ``secure`` says that people reach it by https."""
    views = Views(policy)
    pages = Pages(ConsoleQueries(db), Sessions(db, directory, now, secure=secure), views, bus, now)
    router = APIRouter(include_in_schema=False, route_class=guarded_route(views))
    router.add_api_route("/", pages.home, methods=["GET"])
    router.add_api_route("/static/{name}", static, methods=["GET"])
    router.add_api_route("/sign-in", pages.sign_in_form, methods=["GET"])
    router.add_api_route("/sign-in", pages.sign_in, methods=["POST"])
    router.add_api_route("/sign-out", pages.sign_out, methods=["POST"])
    router.add_api_route("/records", pages.records, methods=["GET"])
    router.add_api_route("/comments/{subject:path}/review", pages.review, methods=["POST"])
    router.add_api_route("/comments/{subject:path}", pages.comment, methods=["GET"])
    return router


async def static(name: str) -> Response:
    """The style sheet, the script and the icon."""
    if name not in FILES:
        raise HTTPException(404)
    headers = {"Cache-Control": "public, max-age=300"}
    return Response(await asyncio.to_thread((STATIC / name).read_bytes), media_type=FILES[name], headers=headers)


class Pages:
    """The handlers, with what they need."""

    def __init__(
        self,
        queries: ConsoleQueries,
        sessions: Sessions,
        views: Views,
        bus: Bus,
        now: Callable[[], datetime],
    ) -> None:
        self._queries, self._sessions, self._views = queries, sessions, views
        self._bus, self._now = bus, now

    async def home(self, request: Request) -> Response:
        """The first page is what waits for a person."""
        await self._sessions.find(request)
        return RedirectResponse("/records?view=review", 303)

    async def sign_in_form(self, then: str = "/") -> Response:
        """Ask for the token."""
        return self._html("sign_in.html", then=_local(then), refused=False)

    async def sign_in(self, token: Annotated[str, Form()], then: Annotated[str, Form()] = "/") -> Response:
        """Exchange the token for a session."""
        response = RedirectResponse(_local(then), 303)
        if await self._sessions.begin(token[:200], response):
            return response
        return self._html("sign_in.html", 401, then=_local(then), refused=True)

    async def sign_out(self, request: Request, form_token: Annotated[str, Form()]) -> Response:
        """End the session."""
        session = await self._sessions.find(request)
        require_form_token(session, form_token)
        response = RedirectResponse("/sign-in", 303)
        await self._sessions.end(session, response)
        return response

    async def records(self, request: Request, view: str = "review", q: str = "", after: str | None = None) -> Response:
        """A list of comments with their reasons."""
        session = await self._sessions.find(request)
        if view not in VIEWS:
            raise HTTPException(404, "There is no such list.")
        words = q.strip()[:200]
        page = await self._queries.page(view, words=words, after=after)
        counts = await self._queries.counts()
        return self._html(
            "records.html", session=session, view=view, words=words, page=page, counts=counts, first=after is None
        )

    async def comment(self, request: Request, subject: str, act: UUID | None = None) -> Response:
        """One comment: what was found and why, what stands, what happened, and what can be done."""
        session = await self._sessions.find(request)
        return await self._comment_page(session, subject, act)

    async def review(
        self,
        request: Request,
        subject: str,
        act: Annotated[Literal["confirm", "restore", "hide", "overturn"], Form()],
        revision: Annotated[str, Form(max_length=255)],
        form_token: Annotated[str, Form()],
        form_id: Annotated[UUID, Form()],
        category: Annotated[Category | None, Form()] = None,
        reason: Annotated[str, Form(max_length=2000)] = "",
    ) -> Response:
        """Append the person's act, and show what came of it. Sending the same form twice acts once."""
        session = await self._sessions.find(request)
        require_form_token(session, form_token)
        if not session.person.may_review():
            raise HTTPException(403, "Only designated members may decide (A.4).")
        if act == "hide" and (category is None or not reason.strip()):
            raise HTTPException(422, "A hide needs the clause and a reason in words (A.10).")
        if await self._queries.comment(subject) is None:
            raise HTTPException(404, "This comment is not known.")
        event = CommentReviewed.caused_by(
            f"{session.person.person}/{form_id}",
            subject=subject,
            time=self._now(),
            revision=revision,
            act=act,
            category=category,
            reason=reason.strip(),
            actor=session.person.actor,
        )
        await publish_events(self._bus, "retention", [event])
        await self._handled(event.id)
        return RedirectResponse(f"/comments/{subject}?act={event.id}", 303)

    async def _handled(self, event_id: UUID) -> None:
        """Wait until the act was handled, or for two seconds: then the page says that it is under way."""
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                while await self._queries.review(event_id) is None:  # noqa: ASYNC110 - the handler may be another process
                    await asyncio.sleep(0.05)
        except TimeoutError:
            return

    async def _comment_page(self, session: Session, subject: str, act: UUID | None) -> Response:
        found = await self._queries.comment(subject)
        if found is None:
            raise HTTPException(404, "This comment is not known.")
        verdict = await self._queries.verdict(subject, found["revision"])
        return self._html(
            "comment.html",
            session=session,
            comment=found,
            verdict=verdict,
            history=await self._queries.history(subject),
            acts=acts_for(found["standing"]) if session.person.may_review() else (),
            act=act,
            outcome=await self._queries.review(act) if act else None,
        )

    def _html(self, template: str, status: int = 200, **context: object) -> HTMLResponse:
        return HTMLResponse(self._views.render(template, **context), status)


def _local(path: str) -> str:
    """A path of this console, never another site's address."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) else "/"
