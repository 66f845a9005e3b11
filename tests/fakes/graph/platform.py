"""
What can happen on the simulated Facebook, whoever does it: each act changes the store and tells the subscribers.

* An act that changes nothing is counted and told to nobody.
* A page's hide by an API call comes back as a ``hide`` change, like one by a person.
* Only a page that is subscribed is told of.
"""

from __future__ import annotations

import hashlib

from tests.fakes.graph.delivery import Deliveries, Notice
from tests.fakes.graph.store import Row, Store
from tests.fakes.graph.webhook import comment_notice, post_notice


class Unknown(LookupError):
    """There is no such page, post or comment, or no longer."""


class Facebook:
    """Posts and comments of some pages, and who is told."""

    def __init__(self, store: Store, deliveries: Deliveries) -> None:
        self.store, self.deliveries = store, deliveries

    def add_post(
        self,
        message: str,
        *,
        page_id: str,
        post_id: str | None = None,
        author: str | None = None,
        author_id: str | None = None,
        title: str | None = None,
    ) -> str:
        """A post by the page, or by a visitor when ``author`` is named; gives back its id. Safe to repeat by id."""
        page = self.store.page(page_id)
        if page is None:
            raise Unknown(page_id)
        with self.store.transaction():
            post_id = post_id or f"{page_id}_{884412005561000 + self.store.next('post')}"
            if self.store.post(post_id):
                return post_id
            now = self.store.now()
            writer = (author_id or _person(author), author) if author else (page_id, page["name"])
            row = {"author_id": writer[0], "author": writer[1], "message": message, "title": title}
            self.store.insert("posts", id=post_id, page_id=page_id, **row, created=now, updated=now)
            self._tell(post_notice(self.post(post_id), "add"))
        return post_id

    def edit_post(self, post_id: str, message: str) -> None:
        """The post's new text."""
        with self.store.transaction():
            post = self.post(post_id)
            self.store.change(
                "UPDATE posts SET message = ?, updated = ? WHERE id = ?", message, self.store.now(), post["id"]
            )
            self._tell(post_notice(self.post(post_id), "edited"))

    def add_comment(
        self,
        post_id: str,
        message: str,
        *,
        author: str = "Dana Whitfield",
        author_id: str | None = None,
        parent_id: str | None = None,
        comment_id: str | None = None,
        photo: str | None = None,
        can_hide: bool = True,
        by_page: bool = False,
    ) -> str:
        """
        A comment, or a reply where ``parent_id`` names another comment; gives back its id.

        Safe to repeat with the same ``comment_id``: the first one stands. ``can_hide`` false is a comment by an
        administrator of the page; the page's own can never be hidden.
        """
        with self.store.transaction():
            post = self.post(post_id)
            if parent_id is not None and self.comment(parent_id)["post_id"] != post_id:
                raise Unknown(parent_id)
            number = self.store.next("comment")
            comment_id = comment_id or f"{post_id.partition('_')[2]}_{990117733420000 + number}"
            if self.store.row("SELECT id FROM comments WHERE id = ?", comment_id):
                return comment_id
            if by_page:
                author, author_id = self._page_name(post["page_id"]), post["page_id"]
            author_id = author_id or _person(author)
            now = self.store.now()
            self.store.change("UPDATE posts SET updated = ? WHERE id = ?", now, post_id)
            self.store.add_comment(
                id=comment_id,
                post_id=post_id,
                parent_id=parent_id,
                author_id=author_id,
                author=author,
                message=message,
                photo=photo,
                created=now,
                can_hide=int(can_hide and author_id != post["page_id"]),
            )
            self._tell_comment(comment_id, "add")
        return comment_id

    def edit(self, comment_id: str, message: str) -> None:
        """The comment's new text."""
        with self.store.transaction():
            self.comment(comment_id)
            self.store.edit_comment(comment_id, message)
            self._tell_comment(comment_id, "edited")

    def remove(self, comment_id: str) -> None:
        """Gone for good, and the replies below it with it."""
        with self.store.transaction():
            comment = self.comment(comment_id)
            for reply in self.store.rows("SELECT id FROM comments WHERE parent_id = ? AND NOT removed", comment_id):
                self.remove(reply["id"])
            self.store.change("UPDATE comments SET removed = 1 WHERE id = ?", comment_id)
            self._tell(comment_notice(comment, self.post(comment["post_id"]), "remove"))

    def set_hidden(self, comment_id: str, *, hidden: bool, by: str) -> bool:
        """Hide or show, by the ``api`` or by a ``person``; True when that changed something."""
        with self.store.transaction():
            self.comment(comment_id)
            changed = self.store.set_hidden(comment_id, hidden=hidden, by=by)
            if changed:
                self._tell_comment(comment_id, "hide" if hidden else "unhide")
        return changed

    def post(self, post_id: str) -> Row:
        """The post. Raises `Unknown`."""
        row = self.store.post(post_id)
        if row is None:
            raise Unknown(post_id)
        return row

    def comment(self, comment_id: str) -> Row:
        """The comment, while it is there. Raises `Unknown`."""
        row = self.store.comment(comment_id)
        if row is None:
            raise Unknown(comment_id)
        return row

    def _tell_comment(self, comment_id: str, verb: str) -> None:
        comment = self.comment(comment_id)
        self._tell(comment_notice(comment, self.post(comment["post_id"]), verb))

    def _tell(self, notice: Notice) -> None:
        page = self.store.page(notice.page_id)
        if page and page["subscribed"]:
            self.deliveries.tell(notice)

    def _page_name(self, page_id: str) -> str:
        page = self.store.page(page_id)
        return str(page["name"]) if page else page_id


def _person(name: str | None) -> str:
    """The id of a person by name: the same name is the same person."""
    return f"7120{int(hashlib.sha256((name or '').encode()).hexdigest(), 16) % 10**12:012d}"
