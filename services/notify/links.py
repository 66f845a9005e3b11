"""
The link in a message: signed, with an expiry, for one delivery to one person.

The link of a delivery stays the same when the delivery is repeated, so that a person sees that it is the same one.
That it works once is the alert's row's doing: the first answer is kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_urlsafe
from uuid import UUID

from itsdangerous import BadData, URLSafeSerializer


class LinkExpired(Exception):
    """The link was ours, and its time is over."""


class LinkUnknown(Exception):
    """The link is not one of ours, or was changed."""


class Links:
    """Makes and reads links. ``address`` is where people reach notify."""

    def __init__(self, secret: str, address: str, now: Callable[[], datetime]) -> None:
        self._address, self._now = address.rstrip("/"), now
        self._serializer = URLSafeSerializer(
            secret, salt="notify.page", signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256}
        )

    def url(self, delivery: UUID, expires_at: datetime) -> str:
        """The link for a delivery. The same arguments give the same link."""
        return f"{self._address}/page/{self.token(delivery, expires_at)}"

    def token(self, delivery: UUID, expires_at: datetime) -> str:
        """The signed part of the link."""
        token = self._serializer.dumps([delivery.hex, int(expires_at.timestamp())])
        return token if isinstance(token, str) else token.decode()

    def read(self, token: str) -> UUID:
        """The delivery of a token. Raises `LinkUnknown`, `LinkExpired`."""
        try:
            name, expires = self._serializer.loads(token)
            delivery = UUID(hex=name)
        except (BadData, ValueError, TypeError, AttributeError) as error:
            raise LinkUnknown from error
        if self._now() >= datetime.fromtimestamp(int(expires), UTC):
            raise LinkExpired
        return delivery


def kept_secret(file: Path) -> str:
    """A secret made once and kept in ``file``, readable by its owner only, so that links outlive a restart."""
    if file.exists() and (secret := file.read_text().strip()):
        return secret
    secret = token_urlsafe(32)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.write_text(secret + "\n")
    return secret
