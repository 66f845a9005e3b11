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
Logits = Callable[[str], Scores]
"""From a normalised comment to one number for each of the model's labels. Called from several threads."""


class HuggingFaceModel:
    """A sequence classifier behind the same interface as our own, one comment at a time."""

    def __init__(self, folder: Path, *, workers: int) -> None:
        """Load it. Raises `SettingsInvalid` when it cannot be served here or the label map does not fit."""
        config = _json(folder / "config.json")
        names = {int(column): str(name) for column, name in (config.get("id2label") or {}).items()}
        self._columns = _columns(folder, names)
        self._exclusive = _is_exclusive(config, len(names))
        weights = sorted(file for kind in ("*.safetensors", "pytorch_model*.bin") for file in folder.glob(kind))
        if weights and importlib.util.find_spec("torch") and importlib.util.find_spec("transformers"):
            self._logits = _by_transformers(folder)
        elif (folder / "model.onnx").exists():
            self._logits, weights = _by_onnx(folder), [folder / "model.onnx"]
        else:
            raise SettingsInvalid("CLASSIFY_MODEL_DIR needs PyTorch (requirements/train.lock) or a model.onnx")
        self._version = "hf-" + _digest([*weights, folder / "config.json", folder / "labels.json"])
        self._pool = ThreadPoolExecutor(workers, "score")

    @property
    def version(self) -> str:
        """Names the weights that are served, their configuration and the label map."""
        return self._version

    async def score(self, pairs: Sequence[Pair]) -> Scores:
        """See `Model.score`."""
        loop = asyncio.get_running_loop()
        rows = await asyncio.gather(*(loop.run_in_executor(self._pool, self._one, pair) for pair in pairs))
        return np.stack(rows) if rows else np.zeros((0, len(CATEGORIES)), np.float32)

    async def close(self) -> None:
        """See `Model.close`."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _one(self, pair: Pair) -> Scores:
        logits = self._logits(normalise(pair.comment[:LONGEST]).text).astype(np.float64)
        powers = np.exp(logits - logits.max())
        probabilities = powers / powers.sum() if self._exclusive else 1.0 / (1.0 + np.exp(-logits))
        row = np.zeros(len(CATEGORIES), np.float32)
        for column, category in self._columns.items():
            row[category] = max(row[category], probabilities[column])
        return row


def _by_transformers(folder: Path) -> Logits:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    try:
        model: Any = AutoModelForSequenceClassification.from_pretrained(folder, local_files_only=True).eval()
        tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError) as error:
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


def _is_exclusive(config: dict[str, Any], labels: int) -> bool:
    """Whether the labels shut each other out (softmax), by the same rule as the library's own pipeline."""
    kind = config.get("problem_type")
    return labels > 1 if kind is None else kind == "single_label_classification"


def _json(file: Path) -> dict[str, Any]:
    try:
        given = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        given = None
    if not isinstance(given, dict):
        raise SettingsInvalid(f"CLASSIFY_MODEL_DIR: {file.name} cannot be read as a JSON object")
    return given


def _columns(folder: Path, names: dict[int, str]) -> dict[int, int]:
    """The model's columns and the category of each."""
    given = _json(folder / "labels.json")
    try:
        wanted = {label: CATEGORIES.index(Category(category)) for label, category in given.items()}
    except ValueError:
        raise SettingsInvalid("CLASSIFY_MODEL_DIR: labels.json must map the model's labels to categories") from None
    unknown = sorted(set(wanted) - set(names.values()))
    if unknown or not wanted:
        raise SettingsInvalid(f"CLASSIFY_MODEL_DIR: labels.json names labels that the model has not: {unknown}")
    return {column: wanted[name] for column, name in names.items() if name in wanted}


def _digest(files: Sequence[Path]) -> str:
    whole = hashlib.sha256()
    for file in files:
        with file.open("rb") as content:
            whole.update(hashlib.file_digest(content, "sha256").digest())
    return whole.hexdigest()[:12]
