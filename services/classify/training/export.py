"""
Export trained weights for serving: ONNX in int8, the tokenizer, and ``model.json`` with calibration and hashes.

Probabilities are calibrated for each category on posts that training did not see.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from services.classify.encode import CLS, MAX_TOKENS, SEP
from services.classify.training.data import UNKNOWN, authored
from services.classify.training.network import Encoder, build, predict
from shared.categories import CATEGORIES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command line takes."""
    parser.add_argument("--weights", type=Path, required=True, help="folder that train wrote")
    parser.add_argument("--output", type=Path, required=True, help="folder for the model")
    parser.add_argument("--hold-out", nargs="*", default=[], help="settings that train left out; calibration must too")


def main(options: argparse.Namespace) -> int:
    """Write the model; gives back the exit code."""
    options.output.mkdir(parents=True, exist_ok=True)
    network = build(options.weights).eval()
    _write_onnx(network, options.output / "model.onnx")
    _write_tokenizer(options.weights / "tokenizer.json", options.output / "tokenizer.json")
    calibration = _calibrate(network, Encoder(options.weights), options.hold_out)
    files = ("model.onnx", "tokenizer.json")
    hashes = {name: hashlib.sha256((options.output / name).read_bytes()).hexdigest() for name in files}
    version = hashlib.sha256(json.dumps([hashes, calibration], sort_keys=True).encode()).hexdigest()[:12]
    card = {
        "labels": [category.value for category in CATEGORIES],
        "max_tokens": MAX_TOKENS,
        "version": version,
        "calibration": calibration,
        "sha256": hashes,
    }
    (options.output / "model.json").write_text(json.dumps(card, indent=2) + "\n")
    print(f"wrote model {version}")
    return 0


def _write_onnx(network: Any, target: Path) -> None:
    """One comment at a time, of any length; dynamic int8, weights by channel."""
    import torch
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.shape_inference import quant_pre_process

    ids = torch.tensor([[CLS, 7592, SEP, 2088, SEP]])
    given = (ids, torch.ones_like(ids), torch.tensor([[0, 0, 0, 1, 1]]))
    names = ["input_ids", "attention_mask", "token_type_ids"]
    axes: dict[str, dict[int, str]] = {name: {0: "batch", 1: "tokens"} for name in names}
    with tempfile.TemporaryDirectory() as folder:
        plain, prepared = str(Path(folder) / "plain.onnx"), str(Path(folder) / "prepared.onnx")
        torch.onnx.export(
            network,
            given,
            plain,
            input_names=names,
            output_names=["logits"],
            dynamic_axes={**axes, "logits": {0: "batch"}},
            opset_version=17,
            dynamo=False,
        )
        quant_pre_process(plain, prepared, skip_symbolic_shape=True)
        quantize_dynamic(prepared, str(target), per_channel=True, reduce_range=False, weight_type=QuantType.QInt8)


def _write_tokenizer(source: Path, target: Path) -> None:
    """Without the padding and truncation that it is shipped with: serving does both itself."""
    tokenizer = json.loads(source.read_text())
    tokenizer["padding"], tokenizer["truncation"] = None, None
    target.write_text(json.dumps(tokenizer, ensure_ascii=False))


def _calibrate(network: Any, encoder: Encoder, held_out: Sequence[str]) -> dict[str, list[float]]:
    """Slope and shift for each category (Platt): ``p = sigmoid(slope * logit + shift)``."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    rows = [row for row in authored(held_out) if row.part == "calibration"]
    logits, labels = predict(network, encoder, rows), np.array([row.labels for row in rows])
    found = {}
    for column, category in enumerate(CATEGORIES):
        known = labels[:, column] != UNKNOWN
        fitted = LogisticRegression().fit(logits[known, column : column + 1], labels[known, column])
        found[category.value] = [round(float(fitted.coef_[0, 0]), 5), round(float(fitted.intercept_[0]), 5)]
    return found
