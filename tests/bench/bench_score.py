"""
The model alone: comments a second, the time of one comment, start to ready, resident memory.

Comments are those of `services/classify/training/data`, with their posts, in a random order of a fixed seed. Each
number of workers runs in a process of its own, so that memory and start are those of a fresh process.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

from tests.bench.machine import print_head

DATA = Path(__file__).resolve().parents[2] / "services" / "classify" / "training" / "data"
BATCH = 32


def main() -> int:
    """Print the table; gives back the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.bench_score", description=__doc__)
    parser.add_argument("--comments", type=int, default=1000, help="how many comments are scored, at least 100")
    parser.add_argument("--workers", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.workers:
        print(json.dumps(asyncio.run(measure(options.workers, options.comments))))
        return 0
    print_head()
    cores = len(os.sched_getaffinity(0))
    print(f"{options.comments} comments with their posts, batches of {BATCH}\n")
    print(
        f"{'workers':>7} {'comments/s':>11} {'p50 ms':>7} {'p99 ms':>7} {'flagged p50':>12} {'p99 ms':>7} "
        f"{'ready s':>8} {'MiB':>5}"
    )
    for workers in sorted({1, cores}):
        row = _in_a_fresh_process(workers, options.comments)
        print(
            f"{workers:>7} {row['rate']:>11.0f} {row['p50']:>7.1f} {row['p99']:>7.1f} {row['flagged_p50']:>12.1f} "
            f"{row['flagged_p99']:>7.1f} {row['ready']:>8.2f} {row['resident']:>5.0f}"
        )
    print("\nflagged: a comment with findings of the model, the words that moved it included; one at a time")
    print("ready: from the start of the interpreter to the first score, libraries and the check of hashes included")
    return 0


def _in_a_fresh_process(workers: int, comments: int) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.bench.bench_score", "--workers", str(workers), "--comments", str(comments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    row: dict[str, float] = json.loads(done.stdout)
    return row


async def measure(workers: int, comments: int) -> dict[str, float]:
    """Score in this process; gives back rates in 1/s, times in ms and s, memory in MiB."""
    from services.classify.detectors import Sample
    from services.classify.model import SHIPPED, Pair
    from services.classify.models import open_model
    from services.classify.service import open_judge
    from shared.policy import load_policy

    model = open_model(SHIPPED, workers=workers)
    await model.score([Pair("Thank you.")])
    ready = _age_seconds()
    judge = open_judge(model, load_policy())
    samples = [Sample(text, post) for text, post in _comments(comments)]
    begun = time.perf_counter()
    for start in range(0, len(samples), BATCH):
        await judge.without_reasons(samples[start : start + BATCH])
    rate = len(samples) / (time.perf_counter() - begun)
    single: list[float] = []
    flagged: list[float] = []
    for sample in samples[:500]:
        begun = time.perf_counter()
        [verdict] = await judge.without_reasons([sample])
        single.append(1000 * (time.perf_counter() - begun))
        if any(finding.source == "model" for finding in verdict.findings):
            begun = time.perf_counter()
            await judge([sample])
            flagged.append(1000 * (time.perf_counter() - begun))
    await model.close()
    return {
        "rate": rate, "ready": ready, "resident": _resident_mebibytes(),
        "p50": _share(single, 0.5), "p99": _share(single, 0.99),
        "flagged_p50": _share(flagged, 0.5), "flagged_p99": _share(flagged, 0.99),
    }  # fmt: skip


def _comments(count: int) -> list[tuple[str, str]]:
    rows = [json.loads(line) for file in sorted(DATA.glob("*.jsonl")) for line in file.read_text().splitlines()]
    chosen = random.Random(1903).sample(rows, min(count, len(rows)))
    return [(row["comment"], row["post"]) for row in chosen]


def _share(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def _age_seconds() -> float:
    """How long this process has lived, by the kernel."""
    ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    uptime = float(Path("/proc/uptime").read_text().split()[0])
    return uptime - ticks / os.sysconf("SC_CLK_TCK")


def _resident_mebibytes() -> float:
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    sys.exit(main())
