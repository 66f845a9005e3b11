"""A platform in memory, for the hide worker: it says what it is told to, and counts every call."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from shared.errors import CommentGone
from shared.events import CommentReceived, How
from shared.platforms import Capabilities, CommentState


@dataclass
class FakePlatform:
    """Implements `Outbound`. ``failures`` are raised by the next calls, in order; ``after_call`` runs inside a hide."""

    platform: str = "facebook"
    capabilities: Capabilities = field(
        default_factory=lambda: Capabilities(
            can_hide=True,
            can_show=True,
            can_delete=False,
            hides_replies=False,
            pushes_comments=True,
            tells_edits=True,
            tells_removals=True,
        )
    )
    hidden: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    fixed: set[str] = field(default_factory=set)
    texts: dict[str, CommentReceived] = field(default_factory=dict)
    failures: list[Exception] = field(default_factory=list)
    fail_after: list[Exception] = field(default_factory=list)
    after_call: Callable[[], object] | None = None
    calls: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    async def look(self, account: str, comment_id: str) -> CommentState:
        """See `Outbound.look`."""
        self._fail(comment_id)
        return CommentState(hidden=comment_id in self.hidden, can_hide=comment_id not in self.fixed)

    async def comment(self, account: str, comment_id: str, how: How = How.POLL) -> CommentReceived:
        """See `Outbound.comment`."""
        self._fail(comment_id)
        return self.texts[comment_id]

    async def set_hidden(self, account: str, comment_id: str, *, hidden: bool) -> None:
        """See `Outbound.set_hidden`. A failure of ``fail_after`` is raised although the call was carried out."""
        self.calls[comment_id] += 1
        (self.hidden.add if hidden else self.hidden.discard)(comment_id)
        if self.after_call:
            self.after_call()
        if self.fail_after:
            raise self.fail_after.pop(0)

    def _fail(self, comment_id: str) -> None:
        if comment_id in self.gone:
            raise CommentGone("not there")
        if self.failures:
            raise self.failures.pop(0)
