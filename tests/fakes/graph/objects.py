"""
Comments, posts and pages as Graph objects, the ``fields`` parameter, and lists with cursors.

* Only the fields that were asked for come back, and ``id``. A field that the object cannot have is an error.
* ``from``, ``can_hide`` and ``can_remove`` are for the page's own token. An empty field is left out.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from tests.fakes.graph.failures import GraphError
from tests.fakes.graph.store import Row, Store
from tests.fakes.graph.webhook import meta_time, post_url

Fields = Mapping[str, Any]
"""Names of fields, each with the fields asked of it (None: its usual ones)."""

FOR_PAGE = frozenset({"from", "can_hide", "can_remove"})
USUAL = {
    "Comment": "id,created_time,from,message",
    "Post": "id,created_time,message,story",
    "Page": "id,name",
}
LONGEST_LIST = 100
TOKEN = re.compile(r"\s*([A-Za-z_]\w*|[{},])")


def parse_fields(text: str) -> Fields:
    """Read ``id,parent{id},attachments{title}``. Raises `GraphError` for anything else."""
    words, at = [], 0
    while at < len(text.rstrip()):
        match = TOKEN.match(text, at)
        if match is None:
            raise GraphError("bad_parameter", f"(#100) Syntax error at character {at} of fields")
        words.append(match[1])
        at = match.end()
    fields, end = _parse(words, 0)
    if end != len(words):
        raise GraphError("bad_parameter", "(#100) Syntax error: unbalanced braces in fields")
    return fields


def _parse(words: Sequence[str], at: int) -> tuple[dict[str, Any], int]:
    found: dict[str, Any] = {}
    name = ""
    while at < len(words) and words[at] != "}":
        if words[at] == "{":
            if not name:
                raise GraphError("bad_parameter", "(#100) Syntax error: a brace without a field")
            found[name], at = _parse(words, at + 1)
            if at >= len(words):
                raise GraphError("bad_parameter", "(#100) Syntax error: unbalanced braces in fields")
        elif words[at] != ",":
            name = words[at]
            found[name] = None
        at += 1
    return found, at


def pick(whole: Mapping[str, Any], fields: Fields, kind: str) -> dict[str, Any]:
    """Those fields of an object that were asked for. Raises `GraphError` for one that it cannot have."""
    chosen: dict[str, Any] = {}
    for name, inner in fields.items():
        if name not in whole:
            raise GraphError(
                "bad_parameter", f"(#100) Tried accessing nonexisting field ({name}) on node type ({kind})"
            )
        value = whole[name]
        if value is None:
            continue
        if isinstance(value, dict) and inner is not None:
            data = value.get("data")
            if isinstance(data, list):
                value = {**value, "data": [{key: item[key] for key in inner if item.get(key)} for item in data]}
            else:
                value = {key: value[key] for key in inner if value.get(key) is not None}
        chosen[name] = value
    return {**chosen, "id": whole["id"]}


def comment_object(store: Store, row: Row, fields: str, *, for_page: bool) -> dict[str, Any]:
    """A comment. ``for_page``: the caller holds the page's token."""
    parent = store.comment(row["parent_id"]) if row["parent_id"] else None
    replies = store.row("SELECT COUNT(*) AS n FROM comments WHERE parent_id = ? AND NOT removed", row["id"])
    photo = {"type": "photo", "media": {"image": {"src": row["photo"]}}, "url": row["photo"]} if row["photo"] else None
    whole = {
        "id": row["id"],
        "message": row["message"],
        "from": {"name": row["author"], "id": row["author_id"]},
        "created_time": meta_time(row["created"]),
        "is_hidden": bool(row["hidden"]),
        "can_hide": bool(row["can_hide"]),
        "can_remove": True,
        "parent": parent and {"created_time": meta_time(parent["created"]), "message": parent["message"],
                              "id": parent["id"]},
        "attachment": photo,
        "permalink_url": f"https://www.facebook.com/{row['id']}",
        "comment_count": replies["n"] if replies else 0,
        "like_count": 0,
    }  # fmt: skip
    return pick(_seen(whole, for_page=for_page), parse_fields(fields or USUAL["Comment"]), "Comment")


def post_object(row: Row, fields: str, *, for_page: bool) -> dict[str, Any]:
    """A post."""
    shared = {"data": [{"title": row["title"], "type": "share"}]} if row["title"] else None
    whole = {
        "id": row["id"],
        "message": row["message"] or None,
        "story": None if row["message"] else f"{row['author']} shared a link.",
        "from": {"name": row["author"], "id": row["author_id"]},
        "created_time": meta_time(row["created"]),
        "updated_time": meta_time(row["updated"]),
        "permalink_url": post_url(row),
        "attachments": shared,
        "is_hidden": False,
        "is_published": True,
        "status_type": "added_photos",
    }
    return pick(_seen(whole, for_page=for_page), parse_fields(fields or USUAL["Post"]), "Post")


def page_object(row: Row, fields: str) -> dict[str, Any]:
    """A page."""
    return pick({"id": row["id"], "name": row["name"]}, parse_fields(fields or USUAL["Page"]), "Page")


def _seen(whole: dict[str, Any], *, for_page: bool) -> dict[str, Any]:
    return whole if for_page else {name: None if name in FOR_PAGE else value for name, value in whole.items()}


def page_of(rows: Sequence[Row], query: Mapping[str, str]) -> tuple[list[Row], dict[str, Any]]:
    """
    One page of a list, and its ``paging`` without addresses: ``cursors``, and whether there is more on either side.

    A cursor is a place, not a number of rows: rows that come or go between two calls shift nothing.
    """
    limit = min(whole_number(query, "limit", 25), LONGEST_LIST)
    places = [cursor(row) for row in rows]
    first, last = 0, len(rows)
    if after := query.get("after"):
        first = _place(places, rows, after, behind=True)
        last = min(last, first + limit)
    elif before := query.get("before"):
        last = _place(places, rows, before, behind=False)
        first = max(0, last - limit)
    else:
        last = min(last, limit)
    part = list(rows[first:last])
    if not part:
        return [], {}
    cursors = {"before": places[first], "after": places[last - 1]}
    return part, {"cursors": cursors, "earlier": first > 0, "more": last < len(rows)}


def _place(places: Sequence[str], rows: Sequence[Row], mark: str, *, behind: bool) -> int:
    """Where a cursor stands in the list, also when its own row is gone."""
    if mark in places:
        return places.index(mark) + behind
    at = _key(mark)
    keys = [(row["created"], row["id"]) for row in rows]
    falling = len(keys) > 1 and keys[0] > keys[-1]
    return sum(key > at if falling else key < at for key in keys)


def cursor(row: Row) -> str:
    """The place of a row in a list."""
    return base64.urlsafe_b64encode(f"{row['created']!r}/{row['id']}".encode()).decode().rstrip("=")


def _key(mark: str) -> tuple[float, str]:
    try:
        text = base64.urlsafe_b64decode(mark + "=" * (-len(mark) % 4)).decode()
        created, _, node = text.partition("/")
        return float(created), node
    except (binascii.Error, ValueError):
        raise GraphError("bad_parameter", "(#100) Invalid cursor") from None


def whole_number(query: Mapping[str, str], name: str, default: int) -> int:
    """A positive whole number in the query. Raises `GraphError`."""
    given = query.get(name, str(default))
    if not given.isdecimal() or not int(given):
        raise GraphError("bad_parameter", f"(#100) Param {name} must be a positive integer")
    return int(given)


def moment(query: Mapping[str, str], name: str) -> float | None:
    """A time in the query, as unix seconds or ISO 8601. Raises `GraphError`."""
    given = query.get(name)
    if not given:
        return None
    try:
        return float(given)
    except ValueError:
        pass
    try:
        at = datetime.fromisoformat(given)
    except ValueError:
        raise GraphError("bad_parameter", f"(#100) Param {name} must be a time") from None
    if at.tzinfo is None:
        raise GraphError("bad_parameter", f"(#100) Param {name} must have a zone")
    return at.timestamp()
