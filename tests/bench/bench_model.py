"""
The model against the plain way of serving it, in one run: the `transformers` pipeline in 32-bit numbers, one comment
at a time and in batches, and ours in 8 bits on one core and on all.

Needs `requirements/train.lock`, and ``--weights``: the folder that train wrote, or none for the base encoder, whose
arithmetic is the same. The pipeline's head is a fresh one of the same size: its answers mean nothing here, its time
does. Comments are those of `services/classify/training/data` without their posts, since a pipeline takes one text.

The floor is what the processor could do at best: multiplications a comment, over the rate of a large 8-bit product.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from services.classify.model import SHIPPED, OnnxModel, Pair
from services.classify.normalise import normalise
from services.classify.training.data import authored
from tests.bench.machine import print_head

LAYERS, WIDTH, INNER = 6, 384, 1536
SIDE = 1024
"""Rows, columns and depth of the product that the floor is measured with."""


@dataclass(frozen=True)
class Measured:
    """One way of serving: comments a second, and the milliseconds of single ones (empty in batches)."""

    name: str
    rate: float
    single: Sequence[float]


def main() -> int:
    """Print the table; gives back the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.bench_model", description=__doc__)
    parser.add_argument("--weights", type=Path, help="folder that train wrote; none: the base encoder")
    parser.add_argument("--comments", type=int, default=600)
    options = parser.parse_args()
    print_head()
    texts = _texts(options.comments)
    pipeline = _pipeline(options.weights)
    cores = _cores()
    rows = [
        _one_by_one("transformers, one at a time, 32 bits", texts, lambda text: pipeline(text)),
        _at_once("transformers, batches of 32, 32 bits", texts, lambda: pipeline(texts, batch_size=32)),
    ]
    for workers in sorted({1, cores}):
        rows += _ours(texts, workers)
    floor = _floor(texts)
    print(f"{len(texts)} comments, {_mean_tokens(texts):.1f} tokens each on average, {cores} cores\n")
    print(f"{'way':<42} {'comments/s':>10} {'ratio':>6} {'of floor':>8} {'p50 ms':>7} {'p99 ms':>7}")
    for row in rows:
        share = (
            f"{row.rate / (floor * (cores if 'all cores' in row.name else 1)):>8.2f}"
            if "8 bits" in row.name
            else " " * 8
        )
        single = f"{_at(row.single, 0.5):>7.1f} {_at(row.single, 0.99):>7.1f}" if row.single else ""
        print(f"{row.name:<42} {row.rate:>10.0f} {row.rate / rows[0].rate:>6.1f} {share} {single}".rstrip())
    ours = next(row for row in rows if row.single and "8 bits" in row.name)
    print(
        f"\nsingle comment, p50: {_at(rows[0].single, 0.5) / _at(ours.single, 0.5):.1f} times faster than the pipeline"
    )
    print(f"floor: {floor:.0f} comments/s a core, by a product of {SIDE} x {SIDE} x {SIDE} in 8 bits")
    return 0


def _texts(count: int) -> list[str]:
    rows = random.Random(1903).sample(authored(), count)
    return [row.text for row in rows]


def _pipeline(weights: Path | None) -> Any:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

    from services.classify.training.network import encoder_folder

    folder = weights or encoder_folder()
    model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=9)
    tokenizer = AutoTokenizer.from_pretrained(folder, model_max_length=128)
    return pipeline(
        "text-classification",
        model=model,
        tokenizer=tokenizer,
        top_k=None,
        function_to_apply="sigmoid",
        truncation=True,
    )


def _one_by_one(name: str, texts: Sequence[str], call: Callable[[str], object]) -> Measured:
    for text in texts[:20]:
        call(text)
    single = []
    for text in texts:
        begun = time.perf_counter()
        call(text)
        single.append(1000 * (time.perf_counter() - begun))
    return Measured(name, 1000 * len(texts) / sum(single), single)


def _at_once(name: str, texts: Sequence[str], call: Callable[[], object]) -> Measured:
    begun = time.perf_counter()
    call()
    return Measured(name, len(texts) / (time.perf_counter() - begun), [])


def _ours(texts: Sequence[str], workers: int) -> list[Measured]:
    """Throughput with so many workers; with one, the time of single comments too."""

    async def measure() -> list[Measured]:
        model = OnnxModel(SHIPPED, workers=workers)
        pairs = [Pair(text) for text in texts]
        await model.score(pairs[:20])
        begun = time.perf_counter()
        await model.score(pairs)
        where = "one core" if workers == 1 else "all cores"
        found = [Measured(f"ours, {where}, 8 bits", len(pairs) / (time.perf_counter() - begun), [])]
        if workers == 1:
            single = []
            for pair in pairs:
                begun = time.perf_counter()
                await model.score([pair])
                single.append(1000 * (time.perf_counter() - begun))
            found.append(Measured("ours, one by one, 8 bits", 1000 * len(pairs) / sum(single), single))
        await model.close()
        return found

    return asyncio.run(measure())


def _mean_tokens(texts: Sequence[str]) -> float:
    return sum(_lengths(texts)) / len(texts)


def _lengths(texts: Sequence[str]) -> list[int]:
    model = OnnxModel(SHIPPED, workers=1)
    return [sum(len(window.ids) for window in model.encode(Pair(normalise(text).text))) for text in texts]


def _floor(texts: Sequence[str]) -> float:
    """Comments a second that one core could do if it only multiplied."""
    operations = [
        LAYERS * (length * 2 * (4 * WIDTH**2 + 2 * WIDTH * INNER) + 4 * length**2 * WIDTH) for length in _lengths(texts)
    ]
    return _products_a_second() / (sum(operations) / len(operations))


def _products_a_second() -> float:
    """8-bit operations a second of one core: the best of several runs of one large product."""
    import onnxruntime
    from onnx import TensorProto, helper

    node = helper.make_node("MatMulInteger", ["a", "b"], ["c"])
    given = [helper.make_tensor_value_info("a", TensorProto.UINT8, [SIDE, SIDE])]
    weights = np.random.default_rng(1).integers(-128, 127, (SIDE, SIDE), np.int8)
    tensor = helper.make_tensor("b", TensorProto.INT8, [SIDE, SIDE], weights.tobytes(), raw=True)
    answer = [helper.make_tensor_value_info("c", TensorProto.INT32, [SIDE, SIDE])]
    graph = helper.make_graph([node], "product", given, answer, [tensor])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    matrix = np.random.default_rng(2).integers(0, 255, (SIDE, SIDE), np.uint8)
    best = float("inf")
    for _ in range(20):
        begun = time.perf_counter()
        session.run(None, {"a": matrix})
        best = min(best, time.perf_counter() - begun)
    return 2 * SIDE**3 / best


def _cores() -> int:
    import os

    return len(os.sched_getaffinity(0))


def _at(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


if __name__ == "__main__":
    sys.exit(main())
