"""
What people see: the posts with their comments, as a resident, or as an administrator with ``?as=admin``.

* A resident sees neither a hidden comment nor the replies below it; a line says how many are hidden.
* An administrator sees those too, greyed and labelled in words.
* Rendered on the server. Without JavaScript the page loads itself again; with it, the posts alone are replaced, and
  only when something changed.
* What people wrote is text and nothing else: it is escaped, and no address in it is a link.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Route

from tests.fakes.graph.store import Row, Store

FOLDER = Path(__file__).parent
COLOURS = 6
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True)
class Thread:
    """A comment as it is shown, with the replies below it."""

    comment: Row
    replies: list[Thread]


def page_routes(store: Store) -> list[Route]:
    """The page, its style sheet and its script."""
    templates = Environment(loader=FileSystemLoader(FOLDER), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    templates.filters |= {"initials": initials, "colour": colour}
    templates.globals["ago"] = lambda at: ago(store.now() - at)

    async def page(request: Request) -> Response:
        admin = request.query_params.get("as") == "admin"
        pages = {row["id"]: row for row in store.rows("SELECT * FROM pages ORDER BY rowid")}
        posts = store.rows("SELECT * FROM posts ORDER BY created DESC, id DESC")
        comments: dict[str, list[Row]] = {}
        for row in store.rows("SELECT * FROM comments WHERE NOT removed ORDER BY created, id"):
            comments.setdefault(row["post_id"], []).append(row)
        for post in posts:
            mine = comments.get(post["id"], [])
            post["threads"] = threads(mine, None, admin=admin)
            post["hidden"] = sum(row["hidden"] for row in mine)
            post["own"] = post["author_id"] == post["page_id"]
        title = next((row["name"] for row in pages.values()), "A page")
        text = templates.get_template("page.html").render(title=title, posts=posts, admin=admin)
        return HTMLResponse(text, headers=HEADERS)

    async def file(request: Request) -> Response:
        return FileResponse(FOLDER / request.url.path.lstrip("/"), headers={"Cache-Control": "no-store"})

    return [Route("/", page), Route("/page.css", file), Route("/page.js", file)]


def threads(comments: list[Row], parent_id: str | None, *, admin: bool) -> list[Thread]:
    """The comments below ``parent_id`` that this person sees, each with its replies."""
    return [
        Thread(row, threads(comments, row["id"], admin=admin))
        for row in comments
        if row["parent_id"] == parent_id and (admin or not row["hidden"])
    ]


def initials(name: str) -> str:
    """One or two letters for the round picture."""
    letters = [word[0] for word in name.split() if word[0].isalnum()]
    return "".join(letters[:1] + letters[1:][-1:]).upper() or "?"


def colour(name: str) -> int:
    """The number of a colour: the same name has the same."""
    return hashlib.sha256(name.encode()).digest()[0] % COLOURS


def ago(seconds: float) -> str:
    """How long ago, in a word or two."""
    if seconds < 60:
        return "Just now"
    for unit, size in (("min", 3600), ("h", 86400)):
        if seconds < size:
            return f"{int(seconds // (60 if unit == 'min' else 3600))} {unit}"
    return f"{int(seconds // 86400)} d"
