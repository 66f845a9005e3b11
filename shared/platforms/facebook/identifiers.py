"""
Facebook's ids made canonical, so that webhook, sweep and manual entry name one comment in one way.

* A comment is ``{post part}_{comment part}``. The older ``{page}_{post part}_{comment part}`` is deprecated and loses
  its page.
* A post is ``{page}_{post part}``. A bare post part gets its page.
* Photos and videos are known by the file name in their address: hosts, sizes and query strings differ from one answer
  to the next, and the signature in the query expires.
"""

from __future__ import annotations

from urllib.parse import urlsplit


def canonical_comment(comment_id: str) -> str:
    """The id of a comment without the deprecated page part."""
    parts = comment_id.split("_")
    return "_".join(parts[1:]) if len(parts) == 3 and all(parts) else comment_id


def canonical_post(account: str, post_id: str) -> str:
    """The id of a post with its page."""
    return post_id if "_" in post_id else f"{account}_{post_id}"


def parent_of(account: str, parent_id: str | None, post_id: str | None) -> str | None:
    """The comment that a reply answers; None at top level, where Facebook names the post as the parent."""
    if parent_id is None:
        return None
    if post_id is not None and canonical_post(account, parent_id) == post_id:
        return None
    return canonical_comment(parent_id)


def media_id(address: str) -> str | None:
    """The file name in a media address, which stays the same; None when there is none."""
    try:
        return urlsplit(address).path.rpartition("/")[2] or None
    except ValueError:
        return None
