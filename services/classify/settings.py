"""Settings of classify."""

import os
from pathlib import Path

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings


class ClassifySettings(ServiceSettings):
    """Environment variables that begin with ``CLASSIFY_``."""

    model_config = SettingsConfigDict(env_prefix="CLASSIFY_", protected_namespaces=())

    workers: int | None = Field(default=None, ge=1, le=64, description="scoring threads; empty: one a core")
    model_dir: Path | None = Field(default=None, description="another model's folder; empty: the shipped one")
    max_batch: int = Field(default=32, ge=1, le=500, description="comments handled between two commits")
    flood_copies: int = Field(default=4, ge=2, le=1000, description="other comments alike that make a flood")
    flood_minutes: float = Field(default=60, gt=0, le=1440, description="how long a comment counts for a flood")
    flood_capacity: int = Field(default=5000, ge=10, le=100_000, description="most comments remembered for floods")

    def threads(self, *, embedded: bool) -> int:
        """Scoring threads in force: one a core that this process may use, embedded one fewer."""
        if self.workers:
            return self.workers
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return max(1, cores - 1 if embedded else cores)
