"""
The floor of the machine: comments a second if a processor did nothing but the model's multiplications.

* The sizes are not written here: ONNX Runtime tells the shapes of every matrix product of a run, and so how many
  multiplications a text of so many tokens takes, whatever model is shipped.
* The rate is that of one large product of 8-bit numbers, measured on the same machine in the same run. Products that
  the model does in 32 bits count as if they were in 8. The rate is that of ONNX Runtime's own product, not of the data
  sheet.
"""

from __future__ import annotations

import json
import math
import os
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

SIDE = 1024
"""Rows, columns and depth of the product that the rate is measured with."""
PRODUCTS = ("MatMulInteger", "MatMul", "Gemm")
UINT8, INT8, INT32 = 2, 3, 6
"""Types of ONNX."""


def operations(model: Path | bytes, lengths: Sequence[int]) -> dict[int, int]:
    """For each length in tokens, the multiplications and additions that the matrix products of one run take."""
    different = sorted(set(lengths))
    products = _products(model, different)
    each = len(products) // len(different)
    return {
        length: sum(2 * math.prod(shape) * depth for depth, shape in products[number * each : (number + 1) * each])
        for number, length in enumerate(different)
    }


def weights(model: Path | bytes, length: int = 16) -> Mapping[tuple[int, int], int]:
    """How many products with weights a run has, by the sizes of what goes in and what comes out, as `Counter`."""
    products = _products(model, [length])
    return Counter((depth, shape[-1]) for depth, shape in products if len(shape) < 4)


def operations_a_second(threads: int) -> float:
    """8-bit operations a second with so many threads: the best of several runs of one large product."""
    session = onnxruntime.InferenceSession(product(SIDE), _options(threads), providers=["CPUExecutionProvider"])
    matrix = np.random.default_rng(2).integers(0, 255, (SIDE, SIDE), np.uint8)
    best = math.inf
    for _ in range(20):
        begun = time.perf_counter()
        session.run(None, {"a": matrix})
        best = min(best, time.perf_counter() - begun)
    return 2 * SIDE**3 / best


def product(side: int) -> bytes:
    """An ONNX model with one product: ``a`` of any height, 8 bits, by square weights of 8 bits."""
    numbers = np.random.default_rng(1).integers(-128, 127, (side, side), np.int8)
    tensor = _pack((1, side), (1, side), (2, INT8), (8, b"b"), (9, numbers.tobytes()))
    node = _pack((1, b"a"), (1, b"b"), (2, b"c"), (4, b"MatMulInteger"))
    graph = _pack((1, node), (2, b"product"), (5, tensor), (11, _value(b"a", UINT8)), (12, _value(b"c", INT32)))
    return _pack((1, 8), (7, graph), (8, _pack((1, b""), (2, 17))))


def _value(name: bytes, kind: int) -> bytes:
    """A matrix of any size."""
    shape = _pack((1, _pack((2, b"rows"))), (1, _pack((2, b"columns"))))
    return _pack((1, name), (2, _pack((1, _pack((1, kind), (2, shape))))))


def _pack(*fields: tuple[int, int | bytes]) -> bytes:
    """Fields as Protocol Buffers writes them, so that a product needs no package that writes ONNX."""
    packed = b""
    for number, value in fields:
        if isinstance(value, int):
            packed += _varint(number << 3) + _varint(value)
        else:
            packed += _varint(number << 3 | 2) + _varint(len(value)) + value
    return packed


def _varint(value: int) -> bytes:
    digits = []
    while value > 127:
        digits.append(value & 127 | 128)
        value >>= 7
    return bytes([*digits, value])


def _products(model: Path | bytes, lengths: Sequence[int]) -> list[tuple[int, list[int]]]:
    """
    Depth and answer's shape of every matrix product, in the order of the runs, one for each length.

    Raises `ValueError` for a model in which there is none.
    """
    options = _options(1)
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL  # fused nodes hide products
    options.enable_profiling = True
    with tempfile.TemporaryDirectory() as folder:
        options.profile_file_prefix = os.path.join(folder, "run")
        source = model if isinstance(model, bytes) else str(model)
        session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
        for length in lengths:
            session.run(None, {item.name: _given(item, length) for item in session.get_inputs()})
        events = json.loads(Path(session.end_profiling()).read_text())
    ran = [event["args"] for event in events if event.get("cat") == "Node" and "output_type_shape" in event["args"]]
    products = [
        (_shape(told["input_type_shape"])[-1], _shape(told["output_type_shape"]))
        for told in ran
        if told["op_name"] in PRODUCTS
    ]
    if not products:
        raise ValueError("the model has no matrix product that is known here")
    return products


def _given(item: Any, length: int) -> Any:
    """One text of so many tokens, or a matrix of so many rows."""
    if item.type == "tensor(int64)":
        return np.ones((1, length), np.int64)
    return np.ones((length, SIDE), np.uint8)


def _shape(told: Sequence[Mapping[str, list[int]]]) -> list[int]:
    return next(iter(told[0].values()))


def _options(threads: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return options
