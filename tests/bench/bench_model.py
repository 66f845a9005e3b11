"""
The model against the plain way of serving it, in one run: the `transformers` pipeline in 32-bit numbers, one comment
at a time and in batches, and ours in 8 bits on one core and on all.

* Comments are page comments with their posts, of the lengths that people write. Each way gets the same in the same
  order, in a process of its own, so that start and memory are those of a fresh process.
* The pipeline's rows need `requirements/train.lock`, and ``--weights``: the folder that train wrote, or none for the
  base encoder. The pipeline's head is a fresh one: its answers mean nothing here, its time does. It cuts a long comment
  off; ours reads all of it.
* The floor is what the processor could do at best, see `floor`.
* A start is told as a user meets it: a command until it answers, the service until it is ready.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import httpx2

from services.classify.model import SHIPPED, OnnxModel, Pair
from services.classify.normalise import normalise
from tests.bench.floor import SIDE, operations, operations_a_second, weights
from tests.bench.fresh import age_seconds, answer_of, at, comments, resident_mebibytes
from tests.bench.machine import print_head
from tests.system import ROOT, Process, free_port, wait_for

MODULE = "tests.bench.bench_model"
BATCH = 32
WARM = 20
"""Comments that are scored before the clock starts."""

Texts = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Row:
    """
    One way of serving: comments a second, and where they were measured the milliseconds of single comments, the seconds
    from the start of its process to its first answer, and the MiB that it held at the end.
    """

    name: str
    threads: int
    ours: bool
    rate: float
    p50: float | None = None
    p99: float | None = None
    ready: float | None = None
    resident: float | None = None


def main() -> int:
    """Print the tables; gives back the exit code."""
    parser = argparse.ArgumentParser(prog=f"python -m {MODULE}", description=__doc__)
    parser.add_argument("--weights", type=Path, help="folder that train wrote; none: the base encoder")
    parser.add_argument("--comments", type=int, default=600, help="how many comments each way scores")
    parser.add_argument("--starts", type=int, default=3, help="starts of each kind; their median is told")
    parser.add_argument("--way", choices=("transformers", "ours"), help=argparse.SUPPRESS)
    parser.add_argument("--workers", type=int, default=1, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way == "transformers":
        print(json.dumps(transformers_way(options.weights)))
        return 0
    if options.way == "ours":
        print(json.dumps(asyncio.run(our_way(options.workers))))
        return 0
    print_head()
    texts = comments(options.comments)
    cores = len(os.sched_getaffinity(0))
    lengths = asyncio.run(_lengths(texts))
    _print_what(texts, lengths, cores)
    _print_ways([*_transformers(texts, options.weights, cores), *_ours(texts, cores)], lengths, len(texts))
    _print_starts(options.starts)
    return 0


def _print_what(texts: Texts, lengths: Sequence[int], cores: int) -> None:
    print(f"load of the last minute: {os.getloadavg()[0]:.1f}; ratios need an idle machine\n")
    letters = [len(text) for text, _ in texts]
    sizes = ", ".join(f"{count} of {given} to {out}" for (given, out), count in weights(SHIPPED / "model.onnx").items())
    print(f"{len(texts)} comments with their posts, {cores} cores")
    print(f"characters of a comment: p50 {at(letters, 0.5):.0f}, p99 {at(letters, 0.99):.0f}")
    print(
        f"tokens of a comment with its post: {sum(lengths) / len(texts):.1f} on average, in {len(lengths)} windows of "
        f"p50 {at(lengths, 0.5):.0f}, p99 {at(lengths, 0.99):.0f}"
    )
    print(f"products with weights in model.onnx: {sizes}\n")


def _print_ways(rows: Sequence[Row], lengths: Sequence[int], count: int) -> None:
    """Ratios are to the first row; the floor is that of as many threads as the row has."""
    known = operations(SHIPPED / "model.onnx", lengths)
    each = sum(known[length] for length in lengths) / count
    floors = {threads: operations_a_second(threads) / each for threads in sorted({row.threads for row in rows})}
    heads = f"{'comments/s':>10} {'ratio':>6} {'of floor':>8} {'p50 ms':>7} {'p99 ms':>7} {'ready s':>8} {'MiB':>5}"
    print(f"{'way':<44} {heads}")
    for row in rows:
        share = f"{row.rate / floors[row.threads]:.2f}" if row.ours else ""
        cells = [_cell(row.p50, 7, 1), _cell(row.p99, 7, 1), _cell(row.ready, 8, 2), _cell(row.resident, 5, 0)]
        line = f"{row.name:<44} {row.rate:>10.1f} {row.rate / rows[0].rate:>6.2f} {share:>8} {' '.join(cells)}"
        print(line.rstrip())
    first, ours = rows[0], next(row for row in rows if row.ours)
    if first.p50 and ours.p50 and not first.ours:
        print(f"\na single comment, p50: {first.p50 / ours.p50:.1f} times faster than the pipeline")
    print("\nready: from the start of the interpreter to the first score, libraries and the check of hashes included")
    print(f"floor: {each / 1e6:.0f} million operations a comment, at the rate of a product of {SIDE} cubed in 8 bits;")
    told = ", ".join(f"{floor:.0f} with {threads}" for threads, floor in floors.items())
    print(f"comments/s of the floor, by threads: {told}")


def _cell(value: float | None, width: int, digits: int) -> str:
    return " " * width if value is None else f"{value:>{width}.{digits}f}"


def _transformers(texts: Texts, folder: Path | None, cores: int) -> list[Row]:
    """The pipeline's rows; none, and a line that says so, where it is not installed."""
    missing = [name for name in ("torch", "transformers") if find_spec(name) is None]
    if missing:
        print(f"skipped: the rows of transformers; {' and '.join(missing)} not installed (requirements/train.lock)\n")
        return []
    told = answer_of(MODULE, "--way", "transformers", *(["--weights", str(folder)] if folder else []), given=texts)
    sizes = ", ".join(f"{name} {size}" for name, size in told["sizes"].items())
    print(f"weights of transformers: {folder or 'the base encoder'}; {sizes}")
    if not _same_sizes(told["sizes"]):
        print("these are not the sizes of the shipped model: the ratios compare two models, not two ways of serving")
    print()
    start = {"ready": told["ready"], "resident": told["resident"]}
    one, many = told["single"], told["batches"]
    return [
        Row("transformers, one at a time, 32 bits", cores, False, one["rate"], one["p50"], one["p99"], **start),
        Row(f"transformers, batches of {BATCH}, 32 bits", cores, False, many),
    ]


def _same_sizes(sizes: Mapping[str, int]) -> bool:
    """Whether the products of an encoder of these sizes are those of the shipped model, heads aside."""
    layers, width, inner = sizes["layers"], sizes["width"], sizes["inner"]
    wanted = {(width, width): 4 * layers, (width, inner): layers, (inner, width): layers}
    return {size: count for size, count in weights(SHIPPED / "model.onnx").items() if count > 1} == wanted


def _ours(texts: Texts, cores: int) -> list[Row]:
    rows = []
    for workers in sorted({1, cores}):
        told = answer_of(MODULE, "--way", "ours", "--workers", str(workers), given=texts)
        one, where = told["single"], "one core" if workers == 1 else f"all {workers} cores"
        if workers == 1:  # one comment is scored by one worker, however many there are
            rows.append(Row(f"ours, one at a time, {where}, 8 bits", 1, True, one["rate"], one["p50"], one["p99"]))
        rows.append(
            Row(f"ours, batches of {BATCH}, {where}, 8 bits", workers, True, told["batches"],
                ready=told["ready"], resident=told["resident"])
        )  # fmt: skip
    return rows


def transformers_way(folder: Path | None) -> dict[str, Any]:
    """Score what standard input gives with the pipeline, in this process; times in s and ms, memory in MiB."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline
    from transformers.utils import logging

    from services.classify.encode import MAX_TOKENS
    from services.classify.training.network import encoder_folder
    from shared.categories import CATEGORIES

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    source = folder or encoder_folder()
    model = AutoModelForSequenceClassification.from_pretrained(source, num_labels=len(CATEGORIES))
    tokenizer = AutoTokenizer.from_pretrained(source, model_max_length=MAX_TOKENS)
    judge = pipeline("text-classification", model=model, tokenizer=tokenizer, top_k=None,
                     function_to_apply="sigmoid", truncation=True)  # fmt: skip
    judge({"text": "The road is open.", "text_pair": "Thank you."})
    ready = age_seconds()
    pairs = [{"text": post, "text_pair": comment} for comment, post in json.load(sys.stdin)]
    single = _one_by_one(pairs, judge)
    begun = time.perf_counter()
    judge(pairs, batch_size=BATCH)
    batches = len(pairs) / (time.perf_counter() - begun)
    config = model.config
    sizes = {"layers": config.num_hidden_layers, "width": config.hidden_size, "inner": config.intermediate_size}
    return {"ready": ready, "single": single, "batches": batches, "resident": resident_mebibytes(), "sizes": sizes}


async def our_way(workers: int) -> dict[str, Any]:
    """Score what standard input gives with the shipped model, in this process; times in s and ms, memory in MiB."""
    model = OnnxModel(SHIPPED, workers=workers)
    await model.score([Pair("Thank you.", "The road is open.")])
    ready = age_seconds()
    pairs = [Pair(comment, post) for comment, post in json.load(sys.stdin)]
    single = []
    await model.score(pairs[:WARM])
    for pair in pairs:
        begun = time.perf_counter()
        await model.score([pair])
        single.append(1000 * (time.perf_counter() - begun))
    begun = time.perf_counter()
    for start in range(0, len(pairs), BATCH):
        await model.score(pairs[start : start + BATCH])
    batches = len(pairs) / (time.perf_counter() - begun)
    await model.close()
    return {"ready": ready, "single": _told(single), "batches": batches, "resident": resident_mebibytes()}


def _one_by_one(texts: Sequence[Any], call: Callable[[Any], object]) -> dict[str, float]:
    for text in texts[:WARM]:
        call(text)
    single = []
    for text in texts:
        begun = time.perf_counter()
        call(text)
        single.append(1000 * (time.perf_counter() - begun))
    return _told(single)


def _told(single: Sequence[float]) -> dict[str, float]:
    return {"rate": 1000 * len(single) / sum(single), "p50": at(single, 0.5), "p99": at(single, 0.99)}


async def _lengths(texts: Texts) -> list[int]:
    """Tokens of every window that the shipped model reads."""
    model = OnnxModel(SHIPPED, workers=1)
    pairs = [Pair(normalise(comment).text, normalise(post).text) for comment, post in texts]
    found = [len(window.ids) for pair in pairs for window in model.encode(pair)]
    await model.close()
    return found


def _print_starts(count: int) -> None:
    command = median(command_start() for _ in range(count))
    with tempfile.TemporaryDirectory() as folder:
        first, _ = service_start(Path(folder))
        later = [service_start(Path(folder)) for _ in range(count)]
    again, resident = median(seconds for seconds, _ in later), median(mebibytes for _, mebibytes in later)
    print(f"\n{'start, as a user meets it':<58} {'s':>6} {'MiB':>5}")
    print(f"{'python -m services.classify score, until the first verdict':<58} {command:>6.2f}")
    print(f"{'python -m services.classify, until ready, new database':<58} {first:>6.2f}")
    print(f"{'python -m services.classify, until ready, later':<58} {again:>6.2f} {resident:>5.0f}")


def command_start() -> float:
    """Seconds from starting the command, a line at its input, to its verdict."""
    line = json.dumps({"id": 1, "text": "Thank you.", "post": "The road is open."}) + "\n"
    begun = time.perf_counter()
    command = [sys.executable, "-m", "services.classify", "score"]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        running.stdin.write(line)
        running.stdin.close()
        assert "scores" in json.loads(running.stdout.readline())
        return time.perf_counter() - begun


def service_start(folder: Path) -> tuple[float, float]:
    """Seconds from starting the service, its log and its tables in ``folder``, to ready; its memory then, in MiB."""
    port = free_port()
    environment = {"DATA_DIR": str(folder), "BUS_URL": "", "DATABASE_URL": "", "HTTP_PORT": str(port)}
    process = Process("classify", [sys.executable, "-m", "services.classify"], environment, folder / "classify.log")
    begun = time.perf_counter()
    process.start()
    try:
        wait_for(
            "readiness of classify",
            lambda: httpx2.get(f"http://127.0.0.1:{port}/readyz", timeout=5).status_code == 200,
        )
        seconds = time.perf_counter() - begun
        assert process.running is not None
        return seconds, resident_mebibytes(process.running.pid)
    finally:
        process.kill()


if __name__ == "__main__":
    sys.exit(main())
