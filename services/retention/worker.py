"""
The hide worker: drives each visibility row to its end.

It leases a comment for longer than its HTTP timeout, reads the platform's state, calls only on a difference, reads
back, publishes, and marks only if the generation is still its own. A crash repeats a step and never loses one; a
repeated hide looks first and changes nothing.

* A call that timed out may still land: the comment is looked at once more a minute later.
* A rate limit or a refused credential lets the whole account wait; it never counts as a failure of a comment.
* What cannot be done is a state that pages a person, never a log line alone.

Policy: A.10.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from services.retention.store.acts import ActStore
from shared import metrics
from shared.bus import Bus
from shared.bus.cloudevents import publish_events
from shared.directory import Directory
from shared.errors import CommentGone, CredentialRefused, PlatformRefused, PlatformUnavailable
from shared.events import CommentHidden, CommentHideFailed, CommentRestored
from shared.platforms import CommentState, Outbound

log = logging.getLogger(__name__)

Row = Mapping[str, Any]
LOOK_AGAIN = timedelta(minutes=1)
CREDENTIAL_WAIT = timedelta(minutes=5)
GIVE_UP = timedelta(hours=6)
"""After this time a person is told; the worker goes on, once an hour."""


class HideWorker:
    """Called by its loop; gives back how many rows it worked on."""

    def __init__(
        self,
        store: ActStore,
        platforms: Mapping[str, Outbound],
        bus: Bus,
        directory: Directory,
        now: Callable[[], datetime],
        *,
        worker: str,
        lease: timedelta,
        at_once: int = 8,
    ) -> None:
        self._store, self._platforms, self._bus, self._directory, self._now = store, platforms, bus, directory, now
        self._worker, self._lease, self._at_once = worker, lease, at_once

    async def __call__(self) -> int:
        """One round: claim what is due, one comment an account, and drive each. Raises `Transient`."""
        rows = await self._store.claim_due(self._worker, self._now(), self._lease, self._at_once)
        await asyncio.gather(*(self._drive(row) for row in rows))
        return len(rows)

    async def _drive(self, row: Row) -> None:
        platform = self._platforms.get(row["platform"])
        hide = row["wanted"] == "hidden"
        try:
            if platform is None or not (platform.capabilities.can_hide if hide else platform.capabilities.can_show):
                await self._end(row, "not_supported")
                return
            answer = await self._carry_out(platform, row, hide=hide)
            if answer:
                await self._verified(row, answer, hide=hide)
        except CommentGone:
            await self._gone(row, hide=hide)
        except CredentialRefused as error:
            await self._hold(row, CREDENTIAL_WAIT, "credential", error)
        except PlatformRefused as error:
            log.error("platform refused", extra={"subject": row["subject"], "error": str(error)})
            await self._end(row, "refused", error)
        except PlatformUnavailable as error:
            if error.retry_after_seconds is not None:
                await self._hold(row, timedelta(seconds=error.retry_after_seconds), "rate_limited", error)
            else:
                await self._again(row, error)

    async def _carry_out(self, platform: Outbound, row: Row, *, hide: bool) -> str | None:
        """What was changed: ``changed``, ``already so``; None when a newer generation took over or it was ended."""
        state = await platform.look(row["account"], row["comment_id"])
        if state.hidden == hide:
            return "changed" if row["state"] == "sent" else "already so"
        if hide and not state.can_hide:
            await self._end(row, "not_supported")
            return None
        if not await self._store.mark_sent(row, self._now()):
            return None
        await platform.set_hidden(row["account"], row["comment_id"], hidden=hide)
        after: CommentState = await platform.look(row["account"], row["comment_id"])
        if after.hidden != hide:
            raise PlatformUnavailable("the platform took the call and shows no change")
        return "changed"

    async def _verified(self, row: Row, answer: str, *, hide: bool) -> None:
        now = self._now()
        await self._publish(row, answer, hide=hide, now=now)
        look_again = row["look_again_at"]
        done = await self._store.mark(
            row,
            state="verified",
            answer=answer,
            verified_at=now,
            next_attempt_at=look_again if look_again and look_again > now else None,
            look_again_at=None,
            last_error=None,
        )
        if done and hide and answer == "changed" and (arrived := await self._store.received_at(row["subject"])):
            metrics.HIDE_SECONDS.labels(row["platform"]).observe(max(0.0, (now - arrived).total_seconds()))
        if row["attempts"]:
            await self._store.free_account(row["platform"], row["account"])

    async def _gone(self, row: Row, *, hide: bool) -> None:
        """No longer there: nobody sees it, and nothing is left to do."""
        now = self._now()
        await self._publish(row, "gone", hide=hide, now=now)
        await self._store.mark(row, state="gone", answer="gone", verified_at=now, next_attempt_at=None)

    async def _publish(self, row: Row, answer: str, *, hide: bool, now: datetime) -> None:
        kind = CommentHidden if hide else CommentRestored
        event = kind.caused_by(
            f"{row['subject']}/{row['generation']}",
            subject=row["subject"],
            time=now,
            generation=row["generation"],
            record_id=row["record_id"],
            answer=answer,
        )
        await publish_events(self._bus, "retention", [event])

    async def _end(self, row: Row, reason: str, error: Exception | None = None) -> None:
        """It cannot be done: a state, and a person is told where a hide was wanted."""
        if row["wanted"] == "hidden":
            await self._tell_failure(row, reason, f"{row['subject']}/{row['generation']}/{reason}")
        state = "not_supported" if reason == "not_supported" else "failed_final"
        error_name = type(error).__name__ if error else None
        await self._store.mark(row, state=state, reason=reason, last_error=error_name, next_attempt_at=None)

    async def _hold(self, row: Row, wait: timedelta, reason: str, error: Exception) -> None:
        """The account waits; the comment's own attempts do not count."""
        now = self._now()
        first = await self._store.hold_account(row["platform"], row["account"], now + wait, reason, now)
        log.warning("account waits", extra={"subject": row["subject"], "reason": reason, "error": str(error)})
        if first and reason == "credential":
            await self._tell_failure(row, reason, f"{row['platform']}:{row['account']}/{reason}/{now.isoformat()}")
        await self._store.mark(
            row, state="failed_retryable", reason=reason, last_error=type(error).__name__, next_attempt_at=now + wait
        )

    async def _again(self, row: Row, error: Exception) -> None:
        """Try later, with backoff and jitter; after hours a person is told as well."""
        now, attempts = self._now(), row["attempts"] + 1
        log.warning(
            "platform call failed", extra={"subject": row["subject"], "attempts": attempts, "error": str(error)}
        )
        late = now - row["requested_at"] > GIVE_UP
        if late and row["reason"] != "gave_up":
            await self._tell_failure(row, "gave_up", f"{row['subject']}/{row['generation']}/gave_up")
        wait = timedelta(hours=1) if late else timedelta(seconds=min(900.0, 2.0 ** min(attempts, 10)))
        await self._store.mark(
            row,
            state="failed_retryable",
            reason="gave_up" if late else "unavailable",
            attempts=attempts,
            last_error=type(error).__name__,
            next_attempt_at=now + wait * random.uniform(0.5, 1.0),  # noqa: S311 - jitter, not a secret
            look_again_at=now + LOOK_AGAIN,
        )

    async def _tell_failure(self, row: Row, reason: str, cause: str) -> None:
        account = await self._directory.account(row["platform"], row["account"])
        event = CommentHideFailed.caused_by(
            cause,
            subject=row["subject"],
            time=self._now(),
            platform=row["platform"],
            account=row["account"],
            generation=row["generation"],
            record_id=row["record_id"],
            reason=reason,
            account_name=account.name if account else "",
        )
        await publish_events(self._bus, "retention", [event])
