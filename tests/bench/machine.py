"""What a number was measured on."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path


def machine() -> str:
    """Processor, cores, memory, versions: one line."""
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.processor(),
    )
    memory = next(line.split()[1] for line in Path("/proc/meminfo").read_text().splitlines() if "MemTotal" in line)
    return f"{cpu}, {os.cpu_count()} cores, {int(memory) // 2**20} GiB, Linux {platform.release()}, Python {platform.python_version()}"


def commit() -> str:
    """The commit that is measured, with a mark when the tree differs from it."""
    done = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "not a checkout"


def print_head() -> None:
    """The lines above every set of numbers."""
    print(f"machine  {machine()}")
    print(f"command  python -m {_module()} {' '.join(sys.argv[1:])}".rstrip())
    print(f"commit   {commit()}\n")


def _module() -> str:
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    return spec.name if spec else Path(sys.argv[0]).name
