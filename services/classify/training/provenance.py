"""
What weights are made from, so that nothing is gone on with, skipped or believed that is of something else.

A record is flat: the numbers of the stage (`train.Stage`), how many ``rows`` it learns from, the hash of these as the
model reads them with their labels (``data``), the same of public rows beside them (``mixed``, ``mixed_data``), and the
hash of the weights that it starts from (``start``). It stands in the checkpoint, beside finished weights
(``training.json``) and in what the folds said (``judged.npz``).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shlex
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from services.classify.training.data import Row, fingerprint

FACTS = "training.json"
VERSIONS = ("torch", "transformers", "onnx", "onnxruntime")
WEIGHTS = ("config.json", "model.safetensors", "head.pt", "tokenizer.json")
"""The files that make a start: the encoder, the head where there is one, and the tokenizer."""

Record = dict[str, Any]


def made_from(numbers: Mapping[str, Any], rows: Sequence[Row], start: Path, mixed: Sequence[Row] = ()) -> Record:
    """The record of a stage. Raises `FileNotFoundError` where ``start`` holds no weights."""
    beside = {"mixed": len(mixed), "mixed_data": rows_hash(mixed)} if mixed else {}
    return {**numbers, "rows": len(rows), "data": rows_hash(rows), **beside, "start": weights_hash(start)}


def rows_hash(rows: Sequence[Row]) -> str:
    """16 hex digits over the rows in their order: what the model reads of them, and their labels."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(json.dumps([row.comment, row.post, row.labels]).encode() + b"\n")
    return digest.hexdigest()[:16]


def weights_hash(folder: Path) -> str:
    """16 hex digits over the files of `WEIGHTS`. Raises `FileNotFoundError` where there is no encoder."""
    for name in ("config.json", "model.safetensors"):
        if not (folder / name).is_file():
            raise FileNotFoundError(f"{folder} holds no weights to start from: {name} is missing")
    return fingerprint(folder / name for name in WEIGHTS if (folder / name).is_file())


def check(found: Mapping[str, Any] | None, wanted: Mapping[str, Any], place: Path) -> None:
    """Hold the record in ``place``, a folder or file, against what is wanted. Raises `ValueError` naming both."""
    if not found:
        raise ValueError(f"{place} does not say what it was made from: remove it, or name another folder")
    differs = [name for name in wanted if found.get(name) != wanted[name]]
    if differs:
        raise ValueError(f"{place} was made with another {' and '.join(differs)}: remove it, or name another folder")


def is_finished(output: Path, wanted: Record) -> bool:
    """
    Whether ``output`` holds the finished weights of just this record.

    Raises `ValueError` where it holds those of another, or of none: finished weights are never written over.
    """
    if not (output / "model.safetensors").exists():
        return False
    check((read_facts(output) or {}).get("made_from"), wanted, output)
    return True


def read_facts(folder: Path) -> dict[str, Any] | None:
    """``training.json`` of a folder; None where there is none. Raises `ValueError` for one that is not JSON."""
    file = folder / FACTS
    if not file.is_file():
        return None
    try:
        facts = json.loads(file.read_text())
    except ValueError as error:
        raise ValueError(f"{file} is not JSON") from error
    if not isinstance(facts, dict):
        raise ValueError(f"{file} is not a JSON object")
    return facts


def write_facts(folder: Path, record: Record, told: Mapping[str, Any], start: Path) -> None:
    """Write ``training.json``: what the caller knows, the record, and what the start says of itself."""
    facts = {**told, "made_from": record, "started_from": read_facts(start)}
    partial = folder / f"{FACTS}.new"
    partial.write_text(json.dumps(facts, indent=2) + "\n")
    partial.replace(folder / FACTS)


def told_by(options: argparse.Namespace, name: str) -> dict[str, Any]:
    """
    The command with its options, and the versions of what it runs on.

    A folder that is given from the root on is named by its last part only. Raises `ModuleNotFoundError` where a package
    is missing.
    """
    words = ["python", "-m", "services.classify", name]
    for option, value in vars(options).items():
        if option == "command" or value is None or value == []:
            continue
        given = value if isinstance(value, list) else [value]
        shown = [one.name if isinstance(one, Path) and one.is_absolute() else str(one) for one in given]
        words += [f"--{option.replace('_', '-')}", *shown]
    return {"command": shlex.join(words), "versions": {package: version(package) for package in VERSIONS}}
