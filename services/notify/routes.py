"""
The page behind the link in a message: a GET shows, a POST answers.

* Mail scanners and chat previews follow links: a GET or HEAD never acts.
* The link is the permission: signed, for one delivery, with an expiry. The first answer counts; the second is told who
  was first, and when.
* The pages hold neither the comment's text nor its author, need no script, and are never stored or framed.

Policy: A.4 (the act carries its actor), A.14.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse, HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from services.notify.links import LinkExpired, Links, LinkUnknown
from services.notify.message import category_words, local_time, place, reference, what_happened
from services.notify.rota import actor_of
from services.notify.store import IncidentStore
from shared import metrics
from shared.errors import Rejected, Transient
from shared.policy import Policy

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex",
}

SHOWN = 50
"""So many comments of a bundle stand on the page."""

STYLE = Path(__file__).with_name("static") / "page.css"

REFUSALS = {
    404: (
        "This link is not valid",
        "It may have been cut off on its way. Open it again from the message, in full.",
    ),
    410: (
        "This link has expired",
        "If the matter is still open, a newer message has been sent, or it stands in the console.",
    ),
    503: (
        "Please try again",
        "Your answer could not be kept just now. Nothing was changed; send it again in a few seconds.",
    ),
}


class AlertPage:
    """Renders the page of an alert and takes the answer."""

    def __init__(
        self, store: IncidentStore, links: Links, policy: Policy, now: Callable[[], datetime], *, console_url: str
    ) -> None:
        self._store, self._links, self._policy, self._now = store, links, policy, now
        self._console_url = console_url.rstrip("/")
        self._templates = Environment(
            loader=PackageLoader("services.notify"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
        )

    async def show(self, token: str) -> Response:
        """What the alert is about, and a button. Never acts."""
        try:
            found = await self._find(token)
        except Rejected as refused:
            return self._refusal(refused)
        except Transient:
            return self._page("refused.html", 503, **_words(503))
        return await self._alert(token, *found, 200)

    async def answer(self, token: str) -> Response:
        """Keep the answer of the person whose link this is; 409 when somebody was first or nothing is left to do."""
        try:
            delivery, alert, incidents = await self._find(token)
            actor = actor_of(delivery["person"])
            try:
                kept = await self._store.answer(alert["id"], actor, self._now())
            except Rejected:
                return await self._alert(token, delivery, alert, incidents, 409)
            if kept.first:
                metrics.ALERTS.labels(alert["audience"], "acknowledged").inc()
            return await self._alert(token, *await self._find(token), 200 if kept.first else 409, just_now=kept.first)
        except Rejected as refused:
            return self._refusal(refused)
        except Transient:
            return self._page("refused.html", 503, **_words(503))

    async def _find(self, token: str) -> tuple[Any, Any, Any]:
        """The delivery, alert and incidents of a link. Raises `Rejected` (``expired``, ``unknown``), `Transient`."""
        try:
            found = await self._store.read_delivery(self._links.read(token))
        except LinkExpired:
            raise Rejected("expired") from None
        except LinkUnknown:
            raise Rejected("unknown") from None
        if found is None:
            raise Rejected("unknown")
        return found

    async def _alert(
        self, token: str, delivery: Any, alert: Any, incidents: Any, status: int, *, just_now: bool = False
    ) -> Response:
        zone = self._policy.zone
        items = [
            {
                "what": what_happened(incident),
                "category": category_words(incident, self._policy),
                "reason": incident["reason"],
                "place": place(incident),
                "url": incident["url"],
                "console": f"{self._console_url}/comments/{incident['subject']}" if self._console_url else "",
                "since": local_time(incident["received_at"], zone),
                "urgent": incident["urgent"],
                "settled": incident["state"] == "closed",
            }
            for incident in incidents[:SHOWN]
        ]
        answered_by = await self._name(alert["answered_by"]) if alert["answered_by"] else ""
        return self._page(
            "alert.html",
            status,
            token=token,
            items=items,
            count=len(incidents),
            late=alert["late"],
            reference=reference(alert["id"]),
            reader=delivery["name"],
            division=self._policy.city.division,
            answered_by=answered_by,
            answered_at=local_time(alert["answered_at"], zone) if alert["answered_at"] else "",
            settled=alert["state"] == "closed",
            just_now=just_now,
        )

    async def _name(self, actor: str) -> str:
        kind, _, person = actor.partition(":")
        return await self._store.name_of(person if kind == "person" else "team")

    def _refusal(self, refused: Rejected) -> Response:
        status = 410 if refused.reason == "expired" else 404
        return self._page("refused.html", status, **_words(status))

    def _page(self, template: str, status: int, **values: object) -> Response:
        return HTMLResponse(self._templates.get_template(template).render(**values), status, headers=HEADERS)


def _words(status: int) -> dict[str, str]:
    title, help_text = REFUSALS[status]
    return {"title": title, "help": help_text}


def page_router(page: AlertPage) -> APIRouter:
    """The routes under ``/page``."""

    async def style() -> Response:
        headers = HEADERS | {"Cache-Control": "public, max-age=3600"}
        return FileResponse(STYLE, media_type="text/css", headers=headers)

    router = APIRouter(prefix="/page", include_in_schema=False)
    router.add_api_route("/static/page.css", style, methods=["GET", "HEAD"])
    router.add_api_route("/{token}", page.show, methods=["GET", "HEAD"])
    router.add_api_route("/{token}", page.answer, methods=["POST"])
    return router
