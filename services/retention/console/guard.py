"""
What holds for every page of the console: security headers, no caching, errors in words, and the way to the sign-in
page.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from services.retention.console.session import SignInNeeded, refuse_foreign
from services.retention.console.views import Views
from shared.errors import Transient

log = logging.getLogger(__name__)

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    # Not `no-referrer`: a browser would then send `Origin: null` with our own forms, and the check could not pass.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def guarded_route(views: Views) -> type[APIRoute]:
    """A route class whose routes keep the rules above, with error pages from ``views``."""

    class GuardedRoute(APIRoute):
        def get_route_handler(self) -> Handler:
            handle = super().get_route_handler()

            async def guarded(request: Request) -> Response:
                response = await _answer(handle, request, views)
                for name, value in HEADERS.items():
                    response.headers.setdefault(name, value)
                return response

            return guarded

    return GuardedRoute


async def _answer(handle: Handler, request: Request, views: Views) -> Response:
    try:
        if request.method == "POST":
            refuse_foreign(request)
        return await handle(request)
    except SignInNeeded as needed:
        return RedirectResponse(f"/sign-in?then={quote(needed.path)}", 303)
    except HTTPException as error:
        return _error(views, error.status_code, str(error.detail))
    except RequestValidationError:
        return _error(views, 422, "The form was not complete. Go back, open the page again, and try once more.")
    except Transient as error:
        log.warning("page refused for now", extra={"path": request.url.path, "error": str(error)})
        response = _error(
            views, 503, "The records cannot be reached right now. Nothing is lost; try again in a minute."
        )
        response.headers["Retry-After"] = "30"
        return response


def _error(views: Views, status: int, words: str) -> Response:
    return HTMLResponse(views.render("error.html", status=status, words=words), status)
