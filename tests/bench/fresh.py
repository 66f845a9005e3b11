"""What the benchmarks of the model share: real comments, and what a fresh process took to start and to hold."""

from __future__ import annotations

import json
import math
import os
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

DATA = Path(__file__).resolve().parents[2] / "services" / "classify" / "training" / "data"


def comments(count: int) -> list[tuple[str, str]]:
    """``count`` page comments, each with its post, as written; a random choice of a fixed seed."""
    rows = [json.loads(line) for file in sorted(DATA.glob("*.jsonl")) for line in file.read_text().splitlines()]
    chosen = random.Random(1903).sample(rows, min(count, len(rows)))
    return [(row["comment"], row["post"]) for row in chosen]


def answer_of(module: str, *arguments: str, given: object) -> Any:
    """
    Run ``module`` in a process of its own; gives back the JSON of the last line that it printed.

    ``given`` reaches it as JSON on standard input: the files that it was chosen from are not in that process's memory.
    """
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, input=json.dumps(given), stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def at(values: Sequence[float], share: float) -> float:
    """The value below which this share of ``values`` lies; not a number where there are none."""
    return math.nan if not values else sorted(values)[min(len(values) - 1, int(share * len(values)))]


def age_seconds() -> float:
    """How long this process has lived, by the kernel."""
    ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    uptime = float(Path("/proc/uptime").read_text().split()[0])
    return uptime - ticks / os.sysconf("SC_CLK_TCK")


def resident_mebibytes(process: int | str = "self") -> float:
    """Resident memory of a process now."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    [line] = [line for line in lines if line.startswith("VmRSS:")]
    return int(line.split()[1]) / 1024
