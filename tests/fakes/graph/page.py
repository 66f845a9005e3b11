"""
What a resident sees: the posts, and the comments that are not hidden. ``?as=admin`` shows the hidden ones too, greyed.

Server-rendered; it looks again every two seconds.
"""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Route

from tests.fakes.graph.store import Store

FOLDER = Path(__file__).parent


def page_routes(store: Store, title: str) -> list[Route]:
    """The page and its style sheet."""
    templates = Environment(loader=FileSystemLoader(FOLDER), autoescape=True, trim_blocks=True, lstrip_blocks=True)

    async def page(request: Request) -> Response:
        admin = request.query_params.get("as") == "admin"
        comments = [row for row in store.overview() if not row["removed"]]
        posts = store.rows("SELECT * FROM posts ORDER BY created DESC, id DESC")
        for post in posts:
            mine = [row for row in comments if row["post_id"] == post["id"]]
            post["comments"] = [row for row in mine if admin or not row["hidden"]]
            post["hidden"] = sum(row["hidden"] for row in mine)
        return HTMLResponse(templates.get_template("page.html").render(title=title, posts=posts, admin=admin))

    async def style(_: Request) -> Response:
        return FileResponse(FOLDER / "page.css")

    return [Route("/", page), Route("/page.css", style)]
