"""
A sequence classifier of a few bytes, made on the spot as a Hugging Face folder with an ONNX file.

The logits of a comment are the mean of a table's rows, one row for each word: ``Gather`` and ``ReduceMean``. The ONNX
file is written field by field in the protobuf wire format (`onnx.proto`), so that no further package is needed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

FLOAT, INT64 = 1, 7


def write_folder(folder: Path, words: Mapping[str, Sequence[float]], labels: Sequence[str], **config: object) -> Path:
    """A folder with ``config.json``, ``tokenizer.json`` and ``model.onnx``; a word not in ``words`` counts nothing."""
    vocabulary = {"[UNK]": 0, **{word: number for number, word in enumerate(words, start=1)}}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    table = np.asarray([[0.0] * len(labels), *words.values()], np.float32)
    (folder / "model.onnx").write_bytes(_model(table))
    names = {str(column): label for column, label in enumerate(labels)}
    (folder / "config.json").write_text(json.dumps({"id2label": names, **config}))
    return folder


def _model(table: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> bytes:
    rows, columns = table.shape
    dimensions = b"".join(_number(1, size) for size in (rows, columns))
    weights = dimensions + _number(2, FLOAT) + _bytes(8, b"table") + _bytes(9, table.tobytes())
    axes = _bytes(1, b"axes") + _number(8, 1) + _number(20, 7)
    keep = _bytes(1, b"keepdims") + _number(3, 0) + _number(20, 2)
    graph = (
        _bytes(1, _node("Gather", ["table", "input_ids"], "looked_up"))
        + _bytes(1, _node("ReduceMean", ["looked_up"], "logits", axes, keep))
        + _bytes(2, b"tiny")
        + _bytes(5, weights)
        + _bytes(11, _value("input_ids", INT64, ["batch", "tokens"]))
        + _bytes(12, _value("logits", FLOAT, ["batch", "labels"]))
    )
    return _number(1, 8) + _bytes(7, graph) + _bytes(8, _number(2, 13))


def _node(kind: str, inputs: Sequence[str], output: str, *attributes: bytes) -> bytes:
    given = b"".join(_bytes(1, name.encode()) for name in inputs)
    return given + _bytes(2, output.encode()) + _bytes(4, kind.encode()) + b"".join(_bytes(5, a) for a in attributes)


def _value(name: str, kind: int, axes: Sequence[str]) -> bytes:
    shape = b"".join(_bytes(1, _bytes(2, axis.encode())) for axis in axes)
    return _bytes(1, name.encode()) + _bytes(2, _bytes(1, _number(1, kind) + _bytes(2, shape)))


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value
