"""What a number was measured on."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path


def machine() -> str:
    """Processor, cores, memory, versions: one line."""
    lines = [line for file in ("/proc/cpuinfo", "/proc/meminfo") for line in Path(file).read_text().splitlines()]
    told = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    gibibytes = int(told["MemTotal"].split()[0]) / 2**20
    system = f"Linux {platform.release()}, Python {platform.python_version()}"
    return f"{told.get('model name', 'unknown')}, {os.cpu_count()} cores, {gibibytes:.0f} GiB, {system}"


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
