"""What came is kept as it came: each function inserts once, so that a repeat changes nothing (A.9)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.retention.tables import alerts, audit, posts, removals, reports, revisions, sightings, verdicts
from shared.db import insert_once
from shared.events import (
    CommentClassified,
    CommentReceived,
    CommentRemoved,
    CommentReported,
    CommentVisibilityChanged,
    Event,
    PostReceived,
)


async def keep_revisions(
    connection: AsyncConnection, events: Sequence[CommentReceived], now: datetime
) -> dict[tuple[str, str], dict[str, Any]]:
    """Keep every revision; gives back the rows of those that were new, by subject and revision."""
    rows = {(event.subject, event.revision): _revision(event, now) for event in reversed(events)}
    known = await _known(connection, list(rows))
    fresh = {key: row for key, row in rows.items() if key not in known}
    await insert_once(connection, revisions, list(fresh.values()))
    return fresh


async def _known(connection: AsyncConnection, keys: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
    subjects = sorted({subject for subject, _ in keys})
    found: set[tuple[str, str]] = set()
    for begin in range(0, len(subjects), 200):
        query = select(revisions.c.subject, revisions.c.revision).where(
            revisions.c.subject.in_(subjects[begin : begin + 200])
        )
        found |= {(subject, revision) for subject, revision in await connection.execute(query)}
    return found


def _revision(event: CommentReceived, now: datetime) -> dict[str, Any]:
    return {
        "subject": event.subject,
        "revision": event.revision,
        "event_id": event.id,
        "author_id": event.author.id,
        "author_name": event.author.name,
        "by_account": event.by_account,
        "edited": event.edited,
        "text": event.text,
        "links": list(event.links),
        "media": [item.model_dump() for item in event.media],
        "parent_id": event.parent_id,
        "post_id": event.post_id,
        "post_text": event.post_text,
        "url": event.url,
        "created_at": event.created_at,
        "received_at": event.received_at,
        "how": event.how.value,
        "entered_by": event.entered_by,
        "raw": event.raw,
        "kept_at": now,
    }


async def keep_verdicts(
    connection: AsyncConnection, events: Sequence[CommentClassified]
) -> dict[tuple[str, str], RowMapping]:
    """
    Keep every verdict; gives them back as stored, by subject and revision.

    The first one on a revision stands, whatever model judges it again.
    """
    rows = [
        {
            "subject": event.subject,
            "revision": event.revision,
            "event_id": event.id,
            "scores": list(event.scores),
            "findings": [finding.model_dump(mode="json") for finding in event.findings],
            "model_version": event.model_version,
            "policy_version": event.policy_version,
            "judged_at": event.time,
        }
        for event in events
    ]
    stored = await insert_once(connection, verdicts, rows)
    return {(row["subject"], row["revision"]): row for row in stored}


async def keep_removal(connection: AsyncConnection, event: CommentRemoved) -> None:
    """Keep a removal."""
    row = {"event_id": event.id, "subject": event.subject, "raw": event.raw, "at": event.time}
    await insert_once(connection, removals, [row])


async def keep_sighting(connection: AsyncConnection, event: CommentVisibilityChanged, *, ours: bool) -> RowMapping:
    """Keep what was seen on the platform, and whether it is the echo of our own act."""
    row = {
        "event_id": event.id,
        "subject": event.subject,
        "hidden": event.hidden,
        "ours": ours,
        "raw": event.raw,
        "at": event.time,
    }
    [stored] = await insert_once(connection, sightings, [row])
    return stored


async def keep_reports(connection: AsyncConnection, events: Sequence[CommentReported]) -> None:
    """Keep members' reports (A.14)."""
    rows = [
        {
            "event_id": event.id,
            "subject": event.subject,
            "link": event.link,
            "note": event.note,
            "actor": event.actor,
            "at": event.time,
        }
        for event in events
    ]
    await insert_once(connection, reports, rows)


async def keep_posts(connection: AsyncConnection, events: Sequence[PostReceived]) -> None:
    """Keep official posts and their new texts."""
    rows = [
        {
            "event_id": event.id,
            "platform": event.platform,
            "account": event.account,
            "post_id": event.post_id,
            "text": event.text,
            "url": event.url,
            "raw": event.raw,
            "at": event.time,
        }
        for event in events
    ]
    await insert_once(connection, posts, rows)


async def keep_alerts(connection: AsyncConnection, events: Sequence[Event]) -> None:
    """Keep who was told of what, and who answered (A.14)."""
    rows = [
        {
            "event_id": event.id,
            "incident": event.subject,
            "comment": body["comment"],
            "topic": event.topic,
            "body": body,
            "at": event.time,
        }
        for event in events
        for body in [json.loads(event.model_dump_json(exclude={"id", "subject", "time"}))]
    ]
    await insert_once(connection, alerts, rows)


async def note_audit(
    connection: AsyncConnection, at: datetime, actor: str, act: str, what: str, detail: str = ""
) -> None:
    """Append to the audit trail."""
    await connection.execute(insert(audit).values(at=at, actor=actor, act=act, object=what, detail=detail))
