"""
All platforms, by name: the one place that knows them all. Services ask here and code against the protocols.

A platform without its secret is not configured: it is left out, and its webhook answers 404.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

import httpx2

from shared.platforms import Inbound, Outbound
from shared.platforms.facebook.inbound import FacebookInbound
from shared.platforms.facebook.outbound import FacebookGraph
from shared.platforms.generic import GenericInbound, Sender, key_of
from shared.settings import FacebookSettings, GenericSettings

READERS: Mapping[str, Callable[[], Inbound]] = {"facebook": FacebookInbound, "generic": GenericInbound}
"""Every platform that can push, as a reader without secrets: it reads and verifies nothing."""


def open_inbound(facebook: FacebookSettings, generic: GenericSettings) -> dict[str, Inbound]:
    """The receiving halves that are configured. Raises `SettingsInvalid` for a secret that cannot be one."""
    found: dict[str, Inbound] = {}
    if facebook.app_secrets:
        secrets = [secret.get_secret_value() for secret in facebook.app_secrets]
        found["facebook"] = FacebookInbound(secrets, facebook.verify_token.get_secret_value())
    if generic.senders:
        found["generic"] = GenericInbound(
            {
                name: Sender(
                    keys=tuple(key_of(secret.get_secret_value()) for secret in sender.secrets),
                    accounts=frozenset(sender.accounts),
                )
                for name, sender in generic.senders.items()
            }
        )
    return found


def open_facebook(http: httpx2.AsyncClient, settings: FacebookSettings, now: Callable[[], datetime]) -> FacebookGraph:
    """The Graph API with the credentials in ``settings``; a page without a token is refused call by call."""
    return FacebookGraph(
        http,
        {page: token.get_secret_value() for page, token in settings.page_tokens.items()},
        settings.app_secrets[0].get_secret_value() if settings.app_secrets else "",
        url=settings.graph_url,
        version=settings.graph_version,
        timeout_seconds=settings.timeout_seconds,
        now=now,
    )


def open_outbound(
    http: httpx2.AsyncClient, facebook: FacebookSettings, now: Callable[[], datetime]
) -> dict[str, Outbound]:
    """The acting halves. A platform that is not here cannot hide: the hide is ``not_supported``."""
    return {"facebook": open_facebook(http, facebook, now)}
