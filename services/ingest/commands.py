"""
Commands of ingest: ``explain`` says what ingest makes of a delivery, without acting.

An operator uses it on a dead letter; an administrator, when a platform has changed its format.
"""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path

from shared.platforms import Found
from shared.platforms.registry import READERS


def explain(platform: str, file: str, now: datetime) -> int:
    """
    Print one JSON line for each thing in ``file`` (``-``: standard input), a delivery's body as received.

    Gives back the exit code: 0 when it was read, whatever it holds; 2 for an unknown platform or a missing file.
    Needs no settings, no network and no signature.
    """
    if platform not in READERS:
        print(f"explain: unknown platform '{platform}'; known: {', '.join(sorted(READERS))}", file=sys.stderr)
        return 2
    try:
        body = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        print(f"explain: cannot read {file}: {error.strerror}", file=sys.stderr)
        return 2
    for found in READERS[platform]().read(body, now):
        print(json.dumps(_line(found), ensure_ascii=True))
    return 0


def _line(found: Found) -> dict[str, str | None]:
    line = {
        "kind": found.kind,
        "account": found.account,
        "comment_id": found.comment_id,
        "post_id": found.post_id,
        "author": found.author,
        "text": found.text,
        "revision": found.revision,
        "time": found.time.isoformat().replace("+00:00", "Z") if found.time else None,
    }
    return {**line, "why": found.why} if found.kind in ("ignore", "unreadable") else line
