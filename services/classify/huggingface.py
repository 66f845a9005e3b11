"""
Any other model: a local Hugging Face folder of a sequence classifier, with ``labels.json`` beside its files.

``labels.json`` maps the model's labels to categories: ``{"toxic": "vulgar", "hate": "discrimination"}``. A category
that several labels map to gets the highest of their scores; one without a label is never found. Where PyTorch is
installed and the folder has its weights, `transformers` serves it, else its ``model.onnx``. The official post is not
shown to it. Nothing is downloaded: the folder must be whole.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from services.classify.detectors import LONGEST
from services.classify.model import Pair, Scores, open_session, open_tokenizer
from services.classify.normalise import normalise
from shared.categories import CATEGORIES, Category
from shared.errors import SettingsInvalid

MAX_TOKENS = 256
WEIGHTS = ("*.safetensors", "pytorch_model*.bin", "*.onnx", "*.onnx[._]*", "*.h5", "*.msgpack", "*.ot", "*.gguf")
"""Weights in all the formats that such folders hold side by side."""
EXCLUSIVE, INDEPENDENT = "single_label_classification", "multi_label_classification"
"""The values of ``problem_type`` whose scores are probabilities."""

Logits = Callable[[str], Scores]
"""From a normalised comment to one number for each of the model's labels. Called from several threads."""


class HuggingFaceModel:
    """A sequence classifier behind the same interface as our own, one comment at a time."""

    def __init__(self, folder: Path, *, workers: int) -> None:
        """Load it. Raises `SettingsInvalid` when it cannot be served here or the label map does not fit."""
        config = _json(folder / "config.json")
        names = _names(config)
        self._columns = _columns(folder, names)
        self._exclusive = _is_exclusive(config, len(names))
        start: Callable[[], None] | None = None
        weights = _matching(folder, "*.safetensors", "pytorch_model*.bin")
        if weights and importlib.util.find_spec("torch") and importlib.util.find_spec("transformers"):
            self._logits, start = _by_transformers(folder), _one_thread
        elif (folder / "model.onnx").exists():
            self._logits, weights = _by_onnx(folder), _matching(folder, "model.onnx", "model.onnx[._]*")
        else:
            raise SettingsInvalid("CLASSIFY_MODEL_DIR needs PyTorch (requirements/train.lock) or a model.onnx")
        _check(self._logits, len(names))
        self._version = "hf-" + _digest(_read_files(folder, weights))
        self._pool = ThreadPoolExecutor(workers, "score", initializer=start)

    @property
    def version(self) -> str:
        """Names the files that a score depends on: the weights that are served, configuration, tokenizer, label map."""
        return self._version

    async def score(self, pairs: Sequence[Pair]) -> Scores:
        """See `Model.score`."""
        loop = asyncio.get_running_loop()
        plain = await loop.run_in_executor(self._pool, _plain, pairs)
        unique = list(dict.fromkeys(plain))
        rows = await asyncio.gather(*(loop.run_in_executor(self._pool, self._one, text) for text in unique))
        found = dict(zip(unique, rows, strict=True))
        return np.stack([found[text] for text in plain]) if plain else np.zeros((0, len(CATEGORIES)), np.float32)

    async def close(self) -> None:
        """See `Model.close`."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _one(self, text: str) -> Scores:
        logits = self._logits(text).astype(np.float64)
        powers = np.exp(logits - logits.max())
        probabilities = powers / powers.sum() if self._exclusive else 1.0 / (1.0 + np.exp(-logits))
        row = np.zeros(len(CATEGORIES), np.float32)
        for column, category in self._columns.items():
            row[category] = max(row[category], probabilities[column])
        return row


def _plain(pairs: Sequence[Pair]) -> list[str]:
    """The comments as the model reads them, without their posts."""
    return [normalise(pair.comment[:LONGEST]).text for pair in pairs]


def _one_thread() -> None:
    """In each scoring thread: PyTorch computes there and starts no further threads."""
    import torch

    torch.set_num_threads(1)


def _by_transformers(folder: Path) -> Logits:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    try:
        model: Any = AutoModelForSequenceClassification.from_pretrained(folder, local_files_only=True).eval()
        tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # the libraries share no narrower root
        raise SettingsInvalid(f"CLASSIFY_MODEL_DIR cannot be loaded: {type(error).__name__}") from error

    def logits(text: str) -> Scores:
        given = tokenizer(text, truncation=True, max_length=MAX_TOKENS, return_tensors="pt")
        with torch.inference_mode():
            return np.asarray(model(**given).logits[0].float().numpy(), np.float32)

    return logits


def _by_onnx(folder: Path) -> Logits:
    session, tokenizer = open_session(folder / "model.onnx"), open_tokenizer(folder)
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    wanted = {given.name for given in session.get_inputs()}

    def logits(text: str) -> Scores:
        encoded = tokenizer.encode(text)
        columns = {
            "input_ids": encoded.ids, "attention_mask": encoded.attention_mask, "token_type_ids": encoded.type_ids,
        }  # fmt: skip
        given = {name: np.asarray([column], np.int64) for name, column in columns.items() if name in wanted}
        return np.asarray(session.run(None, given)[0][0], np.float32)

    return logits


def _check(logits: Logits, labels: int) -> None:
    """Run the model once. Raises `SettingsInvalid` when it cannot be run, or gives other than one number a label."""
    try:
        given = logits("Thank you.").shape
    except Exception as error:  # the libraries share no narrower root
        raise SettingsInvalid(f"CLASSIFY_MODEL_DIR: the model cannot be run: {type(error).__name__}") from error
    if given != (labels,):
        numbers = " by ".join(map(str, given))
        raise SettingsInvalid(
            f"CLASSIFY_MODEL_DIR: config.json: id2label names {labels} labels, and the model gives {numbers} numbers"
        )


def _is_exclusive(config: dict[str, Any], labels: int) -> bool:
    """Whether the labels shut each other out (softmax), by the same rule as the library's own pipeline."""
    kind = config.get("problem_type")
    if kind not in (None, EXCLUSIVE, INDEPENDENT):
        raise SettingsInvalid(f"CLASSIFY_MODEL_DIR: config.json: problem_type must be {EXCLUSIVE} or {INDEPENDENT}")
    return labels > 1 and kind != INDEPENDENT


def _json(file: Path) -> dict[str, Any]:
    try:
        given = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        given = None
    if not isinstance(given, dict):
        raise SettingsInvalid(f"CLASSIFY_MODEL_DIR: {file.name} cannot be read as a JSON object")
    return given


def _names(config: dict[str, Any]) -> dict[int, str]:
    """The model's labels by their columns."""
    given = config.get("id2label")
    try:
        names = {int(column): label for column, label in given.items()} if isinstance(given, dict) else {}
    except ValueError:
        names = {}
    if (
        not names
        or sorted(names) != list(range(len(names)))
        or not all(isinstance(n, str | int) for n in names.values())
    ):
        raise SettingsInvalid("CLASSIFY_MODEL_DIR: config.json: id2label must map the columns 0, 1, ... to labels")
    return {column: str(label) for column, label in names.items()}


def _columns(folder: Path, names: dict[int, str]) -> dict[int, int]:
    """The model's columns and the category of each."""
    wanted = {}
    for label, category in _json(folder / "labels.json").items():
        try:
            wanted[label] = CATEGORIES.index(Category(category))
        except ValueError:
            known = ", ".join(CATEGORIES)
            raise SettingsInvalid(
                f"CLASSIFY_MODEL_DIR: labels.json: {label!r} must map to one of the categories {known}"
            ) from None
    unknown = sorted(set(wanted) - set(names.values()))
    if unknown or not wanted:
        raise SettingsInvalid(f"CLASSIFY_MODEL_DIR: labels.json names labels that the model has not: {unknown}")
    return {column: wanted[name] for column, name in names.items() if name in wanted}


def _matching(folder: Path, *patterns: str) -> list[Path]:
    return sorted({file for pattern in patterns for file in folder.glob(pattern) if file.is_file()})


def _read_files(folder: Path, weights: Sequence[Path]) -> list[Path]:
    """What may change a score: all files of the folder but prose and the weights that are not served."""
    left_out = {*_matching(folder, *WEIGHTS, ".*", "*.md")} - {*weights}
    return [file for file in _matching(folder, "*") if file not in left_out]


def _digest(files: Sequence[Path]) -> str:
    """12 hex digits over names and bytes."""
    whole = hashlib.sha256()
    for file in files:
        with file.open("rb") as content:
            whole.update(file.name.encode() + b"\0" + hashlib.file_digest(content, "sha256").digest())
    return whole.hexdigest()[:12]
