"""
Channels through Apprise: e-mail, SMS, Slack, Teams, ntfy, any URL that it knows.

* Apprise is synchronous: its calls run in threads, each with a deadline. A thread that is late goes on alone.
* Its log lines and those of its HTTP client hold addresses, and addresses are secrets: both are silenced.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import apprise

from services.notify.channels import Message, Outcome
from shared.errors import SettingsInvalid

THREADS = 8


class AppriseChannels:
    """Makes channels that share one pool of threads. `close` it at the end."""

    def __init__(self, *, seconds: float) -> None:
        self._seconds = seconds
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="notify-channel")
        for name in ("apprise", "urllib3", "requests"):
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)

    def open(self, addresses: Sequence[str], setting: str) -> tuple[AppriseChannel, ...]:
        """
        One channel for each address, in order.

        Raises `SettingsInvalid` that names the setting and the place in its list, never the address.
        """
        return tuple(self._one(address, place, setting) for place, address in enumerate(addresses, 1))

    def _one(self, address: str, place: int, setting: str) -> AppriseChannel:
        target = apprise.Apprise()
        if not target.add(address):
            raise SettingsInvalid(f"{setting}: address {place} is not an Apprise URL")
        scheme = address.partition("://")[0].lower()
        return AppriseChannel(f"{scheme}-{place}", target, self._pool, self._seconds)

    async def close(self) -> None:
        """Let go of the threads; what they are doing ends by itself. Safe to repeat."""
        self._pool.shutdown(wait=False, cancel_futures=True)


class AppriseChannel:
    """One Apprise URL."""

    def __init__(self, name: str, target: apprise.Apprise, pool: ThreadPoolExecutor, seconds: float) -> None:
        self.name = name
        self._target, self._pool, self._seconds = target, pool, seconds

    async def send(self, message: Message) -> Outcome:
        """Hand the message over. `BUSY` when no thread was free in time: then nothing was sent."""
        call = self._pool.submit(self._notify, message)
        try:
            async with asyncio.timeout(self._seconds):
                accepted = await asyncio.shield(asyncio.wrap_future(call))
        except TimeoutError:
            return Outcome.BUSY if call.cancel() else Outcome.TIMED_OUT
        return Outcome.DELIVERED if accepted else Outcome.REFUSED

    def _notify(self, message: Message) -> bool:
        """Runs in a thread. Apprise turns what its plugins meet into a plain no."""
        return bool(self._target.notify(body=message.body, title=message.title, body_format=apprise.NotifyFormat.TEXT))
