"""
What an error of the Graph API means for the caller. The error's ``code`` decides, not the HTTP status.

Messages name the code and nothing else: what Facebook writes in an error may quote a comment or a token.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.errors import CommentGone, CredentialRefused, ModerationError, PlatformRefused, PlatformUnavailable

PASSING = frozenset({1, 2})
LIMITS = frozenset({4, 17, 32, 341, 613, 80001})
BLOCKED_FOR_HOURS = 368
PERMISSION = frozenset({3, 10, *range(200, 300)})
TOKEN = frozenset({102, 190})
BAD_REQUEST, DOES_NOT_EXIST = 100, 33

LIMITED_SECONDS = 300.0
"""How long to wait at a limit when the usage header names no time."""
BLOCKED_SECONDS = 2 * 3600.0


def failure(status: int, body: object, *, retry_after_seconds: float | None) -> ModerationError:
    """
    The error of ours for an answer that is not a success.

    Args:
        status: the HTTP status.
        body: the answer as JSON, or None when it was not JSON.
        retry_after_seconds: what the platform's headers ask for, if anything.
    """
    error = body.get("error") if isinstance(body, Mapping) else None
    if not isinstance(error, Mapping) or not isinstance(error.get("code"), int):
        return _without_code(status, retry_after_seconds)
    return _with_code(error, error["code"], retry_after_seconds)


def _with_code(error: Mapping[str, Any], code: int, retry_after_seconds: float | None) -> ModerationError:
    if code in TOKEN:
        return CredentialRefused(f"the page token is not valid (code {code})")
    if code in PERMISSION:
        return CredentialRefused(f"a permission is missing (code {code})")
    if code in LIMITS:
        return PlatformUnavailable(
            f"a call limit is reached (code {code})", retry_after_seconds=retry_after_seconds or LIMITED_SECONDS
        )
    if code == BLOCKED_FOR_HOURS:
        return PlatformUnavailable(
            "blocked for a time for policy reasons (code 368)",
            retry_after_seconds=max(retry_after_seconds or 0.0, BLOCKED_SECONDS),
        )
    if code in PASSING or error.get("is_transient") is True:
        return PlatformUnavailable(f"a passing fault (code {code})", retry_after_seconds=retry_after_seconds)
    if code == BAD_REQUEST and error.get("error_subcode") == DOES_NOT_EXIST:
        return CommentGone("it does not exist there any more, or we may not see it (code 100/33)")
    return PlatformRefused(f"refused (code {code})")


def _without_code(status: int, retry_after_seconds: float | None) -> ModerationError:
    """
    Not Graph's own answer: a proxy, a wrong address, a fault page.

    A bare 404 is no proof that a comment is gone, so it is tried again rather than counted as a success.
    """
    if status in (401, 403):
        return CredentialRefused(f"refused with HTTP {status}")
    if status in (404, 408, 425, 429) or status >= 500 or status < 400:
        return PlatformUnavailable(f"HTTP {status} without a Graph answer", retry_after_seconds=retry_after_seconds)
    return PlatformRefused(f"refused with HTTP {status}")
