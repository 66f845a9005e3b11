"""Classify alone: ``python -m services.classify``; with a subcommand, one of its commands (``--help`` lists them)."""

from __future__ import annotations

import sys

from services.classify.commands import main
from services.classify.service import build
from shared.runtime import run

if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.exit(main(sys.argv[1:]))
    run(build)
