"""Retention alone: ``python -m services.retention``; with a subcommand, one of its commands (``--help`` lists them)."""

from __future__ import annotations

import sys

from services.retention.commands import main
from services.retention.service import build
from shared.runtime import run

if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.exit(main(sys.argv[1:]))
    run(build)
