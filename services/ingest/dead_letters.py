"""
Dead letters of deliveries: what could not be read, and what nobody registered (A.1).

* ``value`` is a delivery that `explain` can read: the whole body, or a body with the one thing in it.
* A dead letter fits into a bus message: a larger body is cut into numbered parts, in base64. Joined again in the order
  of ``part`` they are the body.
* An event that was held back stands in the header ``event`` beside its ``ce_type``, so that a replay can publish it
  without reading the delivery again.
* The same delivery gives the same ids, so a platform's retry adds nothing.

Policy: A.1 (official accounts), A.9 (nothing is lost).
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from datetime import datetime

from shared.events import Event, MessageDeadLettered

PART_BYTES = 384 * 1024
"""Of the original; as base64 in JSON a part stays well under a Kafka message's 1 MiB."""
EVENT_CHARACTERS = 256 * 1024

UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def unreadable(platform: str, content: bytes, why: str, now: datetime) -> Sequence[MessageDeadLettered]:
    """Keep a delivery, or one thing of it, that could not be read; ``why`` never holds its text."""
    subject = f"webhook/{platform}/{hashlib.sha256(content).hexdigest()[:16]}"
    return _parts("unreadable", platform, subject, content, why, now, {})


def held_back(platform: str, event: Event, content: bytes, now: datetime) -> Sequence[MessageDeadLettered]:
    """Keep an event of an account that is not registered, until somebody registers it."""
    body = event.model_dump_json()
    headers = {"ce_type": event.topic, "ce_id": str(event.id)}
    if len(body) <= EVENT_CHARACTERS:
        headers["event"] = body
    return _parts("unknown_account", platform, event.subject, content, "", now, headers)


def _parts(
    reason: str, platform: str, subject: str, content: bytes, why: str, now: datetime, headers: dict[str, str]
) -> Sequence[MessageDeadLettered]:
    pieces = [content[begin : begin + PART_BYTES] for begin in range(0, len(content), PART_BYTES)] or [b""]
    origin = f"webhook/{platform}"
    digest = hashlib.sha256(content).hexdigest()
    letters = []
    for number, piece in enumerate(pieces, start=1):
        plain = _plain(piece) if len(pieces) == 1 else None
        numbered = {**headers, "part": str(number), "parts": str(len(pieces))} if len(pieces) > 1 else headers
        letters.append(
            MessageDeadLettered.caused_by(
                f"{origin}/{subject}/{digest}",
                f"{reason}/{number}",
                subject=subject,
                time=now,
                reason=reason,
                detail=why,
                origin=origin,
                group="ingest",
                key=subject,
                value=base64.b64encode(piece).decode() if plain is None else plain,
                encoding="base64" if plain is None else "utf-8",
                headers=numbered,
            )
        )
    return letters


def _plain(content: bytes) -> str | None:
    """``content`` as text where every database can hold it; None otherwise."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if UNPRINTABLE.search(text) else text
