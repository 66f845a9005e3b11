"""
What a person reads when the whole system runs in one process: where to look, and the token to sign in with.

The first start makes a local administrator. The token is kept in ``DATA_DIR/console-token``, readable by the owner
only, so that a restart prints the same one. Distributed, nothing of this happens: people are added by a command.
"""

from __future__ import annotations

import secrets
import sys
from pathlib import Path

from shared.directory import Role
from shared.service import Resources

LOCAL_PERSON = "local-admin"
ADD_ACCOUNT = ".venv/bin/python -m services.retention accounts add facebook PAGE_ID --name NAME --mode propose"
"""With the interpreter that `make run` sets up."""


async def welcome(resources: Resources, address: str) -> None:
    """Print where to look, on stderr. Embedded and on loopback only; safe to repeat."""
    settings = resources.settings
    if not settings.embedded() or settings.http_host not in ("127.0.0.1", "::1", "localhost"):
        return
    token = _kept_token(settings.data_dir / "console-token")
    known = await resources.directory.person_by_token(token)
    if known is None:
        await resources.directory.add_person(
            LOCAL_PERSON, "Local administrator", frozenset({Role.ADMINISTRATOR, Role.DESIGNATED}), token=token
        )
    accounts = await resources.directory.accounts()
    lines = [
        "",
        f"  Console     {address}/",
        f"  Token       {token}",
        f"  Webhooks    {address}/webhooks/facebook, {address}/webhooks/generic",
        f"  Operations  {address}/readyz  {address}/metrics",
        f"  Accounts    {len(accounts)} known" + ("" if accounts else "; add one:"),
    ]
    if not accounts:
        lines.append(f"              {ADD_ACCOUNT}")
    print("\n".join(lines), "\n", file=sys.stderr, flush=True)  # noqa: T201 - the operator's terminal


def _kept_token(file: Path) -> str:
    if file.exists() and (token := file.read_text().strip()):
        return token
    token = secrets.token_urlsafe(24)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.write_text(token + "\n")
    return token
