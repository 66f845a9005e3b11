"""Notify alone: ``python -m services.notify``."""

from services.notify.service import build
from shared.runtime import run

if __name__ == "__main__":
    run(build)
