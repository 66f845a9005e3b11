"""
The whole system in one process: ``python -m services``.

``python -m services migrate`` brings the database to this release's schema, ``python -m services check`` validates
settings and policy and starts nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import sys

from services.classify.service import build as classify
from services.ingest.service import build as ingest
from services.notify.service import build as notify
from services.retention.service import build as retention
from services.welcome import welcome
from shared.db import Database
from shared.errors import ModerationError
from shared.migrate import migrate
from shared.policy import load_policy
from shared.runtime import run
from shared.settings import SystemSettings


def main() -> int:
    """Run what the command line asks for; gives back the exit code."""
    parser = argparse.ArgumentParser(prog="python -m services", description=__doc__)
    parser.add_argument("command", nargs="?", choices=["run", "migrate", "check"], default="run")
    command = parser.parse_args().command
    if command == "run":
        run(ingest, classify, retention, notify, welcome=welcome)
    try:
        settings = SystemSettings.load()
        policy = load_policy(settings.policy_file)
        if command == "migrate":
            print(f"schema {asyncio.run(_migrate(settings))}")
        else:
            print(f"settings and policy {policy.version} are valid")
    except ModerationError as error:
        print(f"{command} failed: {error}", file=sys.stderr)
        return 2
    return 0


async def _migrate(settings: SystemSettings) -> str:
    db = Database.open(settings.database())
    try:
        return await migrate(db)
    finally:
        await db.close()


if __name__ == "__main__":
    sys.exit(main())
