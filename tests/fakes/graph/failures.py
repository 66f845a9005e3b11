"""
What can go wrong with a Graph call: the documented errors, scripted ones, and the page's call limit.

A scripted failure meets the next calls that match it, then it is used up. Failures and limits live in memory: a restart
clears them.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import Receive, Scope, Send

KINDS: dict[str, tuple[int, int, int | None, str]] = {
    "unknown": (400, 1, None, "An unknown error occurred"),
    "transient": (500, 2, None, "Service temporarily unavailable"),
    "app_limit": (400, 4, None, "(#4) Application request limit reached"),
    "no_permission": (403, 10, None, "(#10) Application does not have permission for this action"),
    "user_limit": (400, 17, None, "(#17) User request limit reached"),
    "page_limit": (400, 32, None, "(#32) Page request limit reached"),
    "rate_limit": (400, 80001, None, "(#80001) There have been too many calls to this Page account."),
    "bad_parameter": (400, 100, None, "(#100) Invalid parameter"),
    "gone": (
        400, 100, 33, "Unsupported request. Object does not exist, cannot be loaded due to missing permissions, or "
        "does not support this operation.",
    ),
    "no_token": (400, 104, None, "An access token is required to request this resource."),
    "token": (400, 190, 460, "Error validating access token: The session has been invalidated because the user "
              "changed their password."),
    "token_expired": (401, 190, 463, "Error validating access token: Session has expired."),
    "token_unreadable": (400, 190, None, "Invalid OAuth access token - Cannot parse access token"),
    "permission": (403, 200, None, "(#200) Permissions error"),
    "blocked": (400, 368, None, "The action attempted has been deemed abusive or is otherwise disallowed."),
    "unknown_path": (400, 2500, None, "Unknown path components"),
}  # fmt: skip
"""HTTP status, code, subcode and words of each documented error."""

LIMITS = frozenset({"rate_limit", "app_limit", "user_limit", "page_limit"})
SILENT = {"timeout": False, "timeout_after_success": True}
"""Failures without an answer, and whether the call is carried out."""
HTML = "server_error"
SCRIPTABLE = (*KINDS, *SILENT, HTML)

TRACE = "AriverbendTrace"


class GraphError(Exception):
    """A call ends with this documented error."""

    def __init__(self, kind: str, words: str = "", *, minutes: int = 1) -> None:
        super().__init__(kind)
        self.kind, self.minutes = kind, minutes
        self.status, self.code, self.subcode, standard = KINDS[kind]
        self.words = words or standard

    def answer(self) -> JSONResponse:
        """The answer as Graph writes it."""
        syntactic = self.kind in ("gone", "bad_parameter")
        error: dict[str, Any] = {
            "message": self.words,
            "type": "GraphMethodException" if syntactic else "OAuthException",
            "code": self.code,
        }
        if self.subcode is not None:
            error["error_subcode"] = self.subcode
        if self.code == 2:
            error["is_transient"] = True
        return JSONResponse({"error": {**error, "fbtrace_id": TRACE}}, self.status)


class NoAnswer(Response):
    """Silence until the caller hangs up or ``seconds`` are over; then a gateway's page, for those that still wait."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                while (await receive())["type"] != "http.disconnect":
                    pass
        except TimeoutError:
            await html_page(504)(scope, receive, send)


def html_page(status: int) -> Response:
    """A fault page in place of JSON."""
    return HTMLResponse("<!doctype html><title>Error</title><h1>Sorry, something went wrong.</h1>", status)


@dataclass
class Failure:
    """What the next ``count`` calls meet: all, or those on ``comment_id``, or those named ``call``."""

    kind: str
    count: int = 1
    comment_id: str | None = None
    call: str | None = None
    seconds: float = 30.0
    status: int = 502
    minutes: int = 1


@dataclass
class Failures:
    """Scripted failures, in the order in which they were asked for."""

    waiting: list[Failure] = field(default_factory=list)

    def take(self, call: str, node: str) -> Failure | None:
        """The failure that this call meets, used up by one."""
        for item in self.waiting:
            if item.comment_id in (None, node) and item.call in (None, call):
                item.count -= 1
                self.waiting = [left for left in self.waiting if left.count > 0]
                return item
        return None


@dataclass
class Limit:
    """
    The page's call limit as the usage header tells it.

    ``usage_percent`` is told as it is, and from 100 on every call is refused. ``limit_calls`` in ``limit_seconds``
    counts real calls instead; refused calls count too, so going on makes it longer.
    """

    now: Callable[[], float]
    usage_percent: int = 0
    regain_minutes: int = 1
    limit_calls: int = 0
    limit_seconds: float = 60.0
    _calls: deque[float] = field(default_factory=deque)

    def count(self) -> bool:
        """Count one call; False when it is over the limit."""
        now = self.now()
        self._calls.append(now)
        while self._calls and self._calls[0] <= now - self.limit_seconds:
            self._calls.popleft()
        return self.percent() < 100 if self.usage_percent else self.percent() <= 100

    def percent(self) -> int:
        """How much of the limit is used."""
        if self.usage_percent or not self.limit_calls:
            return self.usage_percent
        return len(self._calls) * 100 // self.limit_calls

    def header(self, page_id: str, *, reached: bool = False, minutes: int = 0) -> dict[str, str]:
        """The usage header of an answer; empty while nothing is worth telling."""
        percent = max(self.percent(), 100 if reached else 0)
        if not percent:
            return {}
        usage = {
            "type": "pages",
            "call_count": min(percent, 100),
            "total_cputime": 5,
            "total_time": 5,
            "estimated_time_to_regain_access": (minutes or self.regain_minutes) if reached else 0,
        }
        return {"X-Business-Use-Case-Usage": json.dumps({page_id: [usage]})}
