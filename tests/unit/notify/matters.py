"""Events and rows for notify's tests: everything is invented."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from shared.categories import Category
from shared.events import (
    CommentDecided,
    CommentHideFailed,
    CommentReported,
    Standing,
    Urgency,
)

NIGHT = datetime(2026, 3, 8, 3, 14, tzinfo=UTC)
"""A Saturday, 22:14 in Riverbend."""

NOON = datetime(2026, 3, 4, 17, 0, tzinfo=UTC)
"""A Wednesday, noon in Riverbend."""


def decided(number: int = 1, *, cause: str = "", **fields: Any) -> CommentDecided:
    """A provisional hide of vulgar language, received and decided at `NIGHT` unless ``fields`` say otherwise."""
    moment = fields.pop("time", NIGHT)
    values: dict[str, Any] = {
        "subject": f"facebook:1029:{number}",
        "time": moment,
        "platform": "facebook",
        "account": "1029",
        "revision": "r1",
        "standing": Standing.HIDDEN_PROVISIONALLY,
        "actor": "service:retention",
        "category": Category.VULGAR,
        "clause": "A.11.b",
        "reason": "The comment contains vulgar language (A.11.b).",
        "urgency": Urgency.NORMAL,
        "received_at": moment,
        "account_name": "Riverbend Police",
        "url": f"https://social.example/riverbend/posts/7?comment={number}",
    }
    values |= fields
    name = cause or f"{values['subject']}/{values['revision']}/{values['standing']}/{values['time']}"
    return CommentDecided.caused_by(name, **values)


def hide_failed(number: int = 1, *, generation: int = 1, time: datetime = NIGHT) -> CommentHideFailed:
    """A hide that the platform does not offer."""
    return CommentHideFailed.caused_by(
        f"failed/{number}/{generation}",
        subject=f"facebook:1029:{number}",
        time=time,
        platform="facebook",
        account="1029",
        generation=generation,
        record_id=None,
        reason="not_supported",
        account_name="Riverbend Police",
    )


def reported(number: int = 1, *, time: datetime = NIGHT, cause: str = "report") -> CommentReported:
    """A member's report."""
    return CommentReported.caused_by(
        f"{cause}/{number}",
        subject=f"facebook:1029:{number}",
        time=time,
        platform="facebook",
        account="1029",
        comment_id=str(number),
        link=f"https://social.example/riverbend/posts/7?comment={number}",
        note="a note that may quote the comment: damned rascals",
        actor="person:patel",
    )
