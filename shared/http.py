"""
HTTP for all services: problem+json errors, headers that every page needs, and the three pages that operators ask for.

``/healthz`` says that the event loop turns; ``/readyz`` runs the checks; ``/metrics`` is Prometheus text. An error
page never holds a secret, a comment's text or an author, nor a traceback.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException

from shared import metrics
from shared.errors import ModerationError, Transient
from shared.service import Loop, Service

log = logging.getLogger(__name__)

CHECK_SECONDS = 3.0


def problem(status: int, reason: str, detail: str = "", headers: Mapping[str, str] | None = None) -> JSONResponse:
    """An ``application/problem+json`` answer (RFC 9457); ``reason`` is short and from a closed set."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "reason": reason}
    if detail:
        body["detail"] = detail
    return JSONResponse(body, status, headers=dict(headers or {}), media_type="application/problem+json")


def build_app(services: Sequence[Service]) -> FastAPI:
    """One application with the routes of ``services`` and the operators' pages."""
    app = FastAPI(title="Page moderation", docs_url=None, redoc_url=None, openapi_url=None)
    for service in services:
        for router in service.routers:
            app.include_router(router)
        app.router.routes.extend(service.routes)
    _add_errors(app)
    _add_operations(app, services)
    return app


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(HTTPException)
    async def refused(_: Request, error: HTTPException) -> Response:
        reason = HTTPStatus(error.status_code).name.lower()
        return problem(error.status_code, reason, str(error.detail or ""), error.headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        fields = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        return problem(422, "invalid", fields[:500])

    @app.exception_handler(Transient)
    async def unavailable(_: Request, error: Transient) -> Response:
        log.warning("request refused for now", extra={"error": str(error)})
        return problem(503, "unavailable", "Try again in a few seconds.", {"Retry-After": "5"})

    @app.exception_handler(Exception)
    async def broken(request: Request, error: Exception) -> Response:
        # The route's template: a path may hold the token of a page's link.
        route = getattr(request.scope.get("route"), "path", "none")
        log.error("request failed", extra={"route": route, "error": type(error).__name__}, exc_info=error)
        return problem(500, "bug", "The error was logged.")


def _add_operations(app: FastAPI, services: Sequence[Service]) -> None:
    loops = [loop for service in services for loop in service.loops]
    checks = {f"{service.name}.{name}": check for service in services for name, check in service.checks.items()}
    notices = {f"{service.name}.{name}": words for service in services for name, words in service.notices.items()}

    @app.get("/healthz", include_in_schema=False)
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/readyz", include_in_schema=False)
    async def readyz() -> Response:
        problems = await _problems(checks, loops)
        metrics.READY.set(0 if problems else 1)
        body = {
            "ready": not problems,
            "services": [service.name for service in services],
            "problems": problems,
        }
        if notices:
            body["notices"] = notices
        return JSONResponse(body, 503 if problems else 200)

    @app.get("/metrics", include_in_schema=False)
    async def exposition() -> Response:
        return Response(generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})


async def _problems(checks: Mapping[str, Callable[[], Awaitable[None]]], loops: Sequence[Loop]) -> dict[str, str]:
    async def one(check: Callable[[], Awaitable[None]]) -> str | None:
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                await check()
        except TimeoutError:
            return f"no answer within {CHECK_SECONDS:.0f} s"
        except ModerationError as error:
            return str(error)
        return None

    answers = dict(zip(checks, await asyncio.gather(*(one(check) for check in checks.values())), strict=True))
    answers |= {loop.name: loop.problem() for loop in loops}
    return {name: answer for name, answer in answers.items() if answer}
