"""
``GET`` and ``POST /webhooks/{platform}``: plain ASGI, since the path carries the load (`docs/measured.md`).

* The signature is checked over the raw bytes before anything is parsed.
* ``2xx`` only after the bus has everything; ``503`` with ``Retry-After`` while it cannot.
* The handshake needs only the secret: no database, no bus.
* Every answer is counted by its reason; a refusal is ``application/problem+json`` with that reason.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from time import perf_counter

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from services.ingest.bodies import Refused, Room
from services.ingest.handlers import TakeDelivery, Taken
from shared import metrics
from shared.errors import BusUnavailable, Transient
from shared.http import problem
from shared.platforms import Answer, Inbound, SignatureInvalid

log = logging.getLogger(__name__)

RETRY = {"Retry-After": "5"}


class Webhooks:
    """The endpoint, as an ASGI application."""

    def __init__(
        self,
        inbounds: Mapping[str, Inbound],
        known: frozenset[str],
        take: TakeDelivery,
        room: Room,
        now: Callable[[], datetime],
    ) -> None:
        self._inbounds, self._known, self._take, self._room, self._now = inbounds, known, take, room, now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request and count the answer."""
        request = Request(scope, receive)
        name = request.path_params["platform"]
        inbound = self._inbounds.get(name)
        response: Response
        if inbound is None:
            known = name in self._known
            platform, reason = (name, "not_configured") if known else ("unknown", "unknown_platform")
            outcome, response = reason, problem(404, reason)
        elif request.method == "GET":
            platform, (outcome, response) = name, self._handshake(inbound, request)
        elif request.method == "POST":
            platform, (outcome, response) = name, await self._deliver(inbound, request)
        else:
            platform, outcome = name, "method_not_allowed"
            response = problem(405, outcome, headers={"Allow": "GET, POST"})
        metrics.WEBHOOKS.labels(platform, outcome).inc()
        await response(scope, receive, send)

    def _handshake(self, inbound: Inbound, request: Request) -> tuple[str, Response]:
        answer = inbound.handshake(request.query_params)
        if answer.status == 405:
            return "method_not_allowed", problem(405, "method_not_allowed", headers={"Allow": "POST"})
        if answer.status >= 400:
            log.warning("handshake refused", extra={"platform": inbound.platform})
            return "handshake_refused", problem(answer.status, "handshake_refused")
        metrics.LAST_HANDSHAKE.labels(inbound.platform).set(self._now().timestamp())
        log.info("handshake answered", extra={"platform": inbound.platform})
        return "handshake", _plain(answer)

    async def _deliver(self, inbound: Inbound, request: Request) -> tuple[str, Response]:
        try:
            async with self._room.body(request, inbound.max_body_bytes) as body:
                return await self._answer(inbound, request, body)
        except Refused as error:
            log.warning("delivery refused", extra={"platform": inbound.platform, "outcome": error.reason})
            return error.reason, problem(error.status, error.reason, headers=RETRY if error.status == 503 else None)
        except ClientDisconnect:
            return "disconnected", Response(status_code=400)

    async def _answer(self, inbound: Inbound, request: Request, body: bytes) -> tuple[str, Response]:
        begun = perf_counter()
        taken: Taken | None = None
        try:
            sender = inbound.verify(request.headers, body, self._now())
            metrics.LAST_DELIVERY.labels(inbound.platform).set(self._now().timestamp())
            taken = await self._take(inbound, sender, body)
            outcome, response = taken.outcome, _answered(inbound, taken)
        except SignatureInvalid as error:
            outcome, response = error.reason, problem(401, error.reason)
            log.warning("signature refused", extra={"platform": inbound.platform, "error": str(error)})
        except Transient as error:
            outcome = "bus_unavailable" if isinstance(error, BusUnavailable) else "directory_unavailable"
            response = problem(503, outcome, "Send it again in a few seconds.", RETRY)
            log.warning("delivery not taken", extra={"platform": inbound.platform, "error": str(error)})
        seconds = perf_counter() - begun
        metrics.WEBHOOK_SECONDS.labels(inbound.platform).observe(seconds)
        if taken is not None:
            _count(inbound.platform, taken, seconds)
        return outcome, response


def _answered(inbound: Inbound, taken: Taken) -> Response:
    answer = inbound.unreadable if taken.dead_letters["unreadable"] else inbound.success
    return problem(answer.status, "unreadable") if answer.status >= 400 else _plain(answer)


def _plain(answer: Answer) -> Response:
    headers = {"X-Content-Type-Options": "nosniff"}
    return Response(answer.body, answer.status, headers, media_type=answer.content_type)


def _count(platform: str, taken: Taken, seconds: float) -> None:
    for kind, count in taken.kinds.items():
        metrics.WEBHOOK_ITEMS.labels(platform, kind).inc(count)
    for reason, count in taken.dead_letters.items():
        metrics.DEAD_LETTERS.labels("ingest", reason).inc(count)
    facts = {"platform": platform, "outcome": taken.outcome, "counts": dict(taken.kinds), "seconds": round(seconds, 4)}
    log.info("delivery taken", extra=facts)


def webhook_routes(webhooks: Webhooks) -> list[BaseRoute]:
    """The route, for every method: the endpoint answers and counts the wrong ones itself."""
    return [Route("/webhooks/{platform}", endpoint=webhooks)]
