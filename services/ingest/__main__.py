"""
Ingest alone: ``python -m services.ingest``.

``python -m services.ingest explain PLATFORM FILE`` says what ingest makes of a delivery, without acting.
"""

from __future__ import annotations

import argparse
import sys

from services.ingest.commands import explain
from services.ingest.service import build
from shared.runtime import run, utc_now


def main() -> int:
    """Run what the command line asks for; gives back the exit code."""
    parser = argparse.ArgumentParser(prog="python -m services.ingest", description=__doc__)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    told = commands.add_parser("explain", help="say what ingest makes of a delivery, without acting")
    told.add_argument("platform", metavar="PLATFORM")
    told.add_argument("file", metavar="FILE", help="one delivery's body as received; - for standard input")
    arguments = parser.parse_args()
    if arguments.command == "explain":
        return explain(arguments.platform, arguments.file, utc_now())
    run(build)
    return 0


if __name__ == "__main__":
    sys.exit(main())
