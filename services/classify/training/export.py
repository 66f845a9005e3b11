"""
Export trained weights for serving: ONNX in int8, the tokenizer, and ``model.json`` with calibration and hashes.

``model.json`` also says what the weights are made from (``training``: commands, versions, seeds, data).

Probabilities are calibrated for each category on what the folds say of settings that they never saw.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from services.classify.encode import MAX_TOKENS, Marks, encode
from services.classify.model import FILES, version_of
from services.classify.training.calibration import Calibration, fit
from services.classify.training.judged import read_folds, without_test_posts
from services.classify.training.network import Encoder, build, padded
from services.classify.training.provenance import read_facts, weights_hash
from shared.categories import CATEGORIES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command line takes."""
    parser.add_argument("--weights", type=Path, required=True, help="folder that train wrote")
    parser.add_argument("--output", type=Path, required=True, help="folder for the model")
    parser.add_argument("--folds", type=Path, required=True, help="folder that folds wrote: probabilities rest on it")


def main(options: argparse.Namespace) -> int:
    """Write the model; gives back the exit code."""
    calibration = fit(without_test_posts(read_folds(options.folds)))
    print(f"wrote model {write_model(options.weights, options.output, calibration)}")
    return 0


def write_model(weights: Path, output: Path, calibration: Calibration | None) -> str:
    """
    Write the model of ``weights`` into ``output``; gives back its version.

    Without a calibration: logits as they are. Raises `FileNotFoundError` where there are no weights. A repeat writes
    the same.
    """
    weights_hash(weights)
    output.mkdir(parents=True, exist_ok=True)
    marks = Encoder(weights).marks
    _write_onnx(build(weights).eval(), marks, output / "model.onnx")
    _write_tokenizer(weights / "tokenizer.json", output / "tokenizer.json")
    calibration = calibration or {category.value: [1.0, 0.0] for category in CATEGORIES}
    hashes = {name: hashlib.sha256((output / name).read_bytes()).hexdigest() for name in FILES}
    version = version_of(hashes, calibration)
    card = {
        "labels": [category.value for category in CATEGORIES],
        "max_tokens": MAX_TOKENS,
        "marks": asdict(marks),
        "version": version,
        "calibration": calibration,
        "sha256": hashes,
        "training": read_facts(weights),
    }
    (output / "model.json").write_text(json.dumps(card, indent=2) + "\n")
    return version


def _write_onnx(network: Any, marks: Marks, target: Path) -> None:
    """One comment at a time, of any length; dynamic int8, weights by channel."""
    import torch
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.shape_inference import quant_pre_process

    given = tuple(padded([encode([7, 8], [9], marks)], network.reads))
    names = list(network.reads)
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
