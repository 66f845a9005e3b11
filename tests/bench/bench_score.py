"""
A comment judged as the service judges it, by model and detectors: comments a second, the time of one comment, start to
ready, resident memory. The model alone, beside the plain way of serving it: `bench_model`.

Comments are those of `services/classify/training/data`, with their posts, in a random order of a fixed seed. Each
number of workers runs in a process of its own, so that memory and start are those of a fresh process.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time

from tests.bench.fresh import age_seconds, answer_of, at, comments, resident_mebibytes
from tests.bench.machine import print_head

BATCH = 32


def main() -> int:
    """Print the table; gives back the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.bench_score", description=__doc__)
    parser.add_argument("--comments", type=int, default=1000, help="how many comments are scored, at least 100")
    parser.add_argument("--workers", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.workers:
        print(json.dumps(asyncio.run(measure(options.workers))))
        return 0
    print_head()
    cores = len(os.sched_getaffinity(0))
    print(f"{options.comments} comments with their posts, batches of {BATCH}\n")
    print(
        f"{'workers':>7} {'comments/s':>11} {'p50 ms':>7} {'p99 ms':>7} {'flagged p50':>12} {'p99 ms':>7} "
        f"{'ready s':>8} {'MiB':>5}"
    )
    for workers in sorted({1, cores}):
        row = answer_of("tests.bench.bench_score", "--workers", str(workers), given=comments(options.comments))
        print(
            f"{workers:>7} {row['rate']:>11.0f} {row['p50']:>7.1f} {row['p99']:>7.1f} {row['flagged_p50']:>12.1f} "
            f"{row['flagged_p99']:>7.1f} {row['ready']:>8.2f} {row['resident']:>5.0f}"
        )
    print("\nflagged: a comment with findings of the model, the words that moved it included; one at a time")
    print("ready: from the start of the interpreter to the first score, libraries and the check of hashes included")
    return 0


async def measure(workers: int) -> dict[str, float]:
    """Score what standard input gives in this process; gives back rates in 1/s, times in ms and s, memory in MiB."""
    from services.classify.detectors import Sample
    from services.classify.model import SHIPPED, Pair
    from services.classify.models import open_model
    from services.classify.service import open_judge
    from shared.policy import load_policy

    model = open_model(SHIPPED, workers=workers)
    await model.score([Pair("Thank you.")])
    ready = age_seconds()
    judge = open_judge(model, load_policy())
    samples = [Sample(text, post) for text, post in json.load(sys.stdin)]
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
        "rate": rate, "ready": ready, "resident": resident_mebibytes(),
        "p50": at(single, 0.5), "p99": at(single, 0.99),
        "flagged_p50": at(flagged, 0.5), "flagged_p99": at(flagged, 0.99),
    }  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
