"""
Any other model: a local Hugging Face folder of a sequence classifier, served through `transformers` and PyTorch.

``labels.json`` in the folder maps the model's labels to categories: ``{"toxic": "vulgar", "hate": "discrimination"}``.
A category that several labels map to gets the highest of their scores; one without a label is never found. Nothing is
downloaded: the folder must be whole.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from services.classify.model import Pair, Scores
from services.classify.normalise import normalise
from shared.categories import CATEGORIES, Category
from shared.errors import SettingsInvalid


class HuggingFaceModel:
    """A sequence classifier behind the same interface as our own, one comment at a time."""

    def __init__(self, folder: Path, *, workers: int) -> None:
        """Load it. Raises `SettingsInvalid` when PyTorch is not installed or the label map does not fit."""
        try:
            import torch
            from transformers import AutoModelForSequenceClassification, AutoTokenizer
        except ImportError as error:
            raise SettingsInvalid("CLASSIFY_MODEL_DIR needs PyTorch: install requirements/train.lock") from error
        self._torch = torch
        try:
            self._model: Any = AutoModelForSequenceClassification.from_pretrained(folder, local_files_only=True).eval()
            self._tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError) as error:
            raise SettingsInvalid(f"CLASSIFY_MODEL_DIR cannot be loaded: {type(error).__name__}") from error
        self._columns = _columns(folder, self._model.config.id2label)
        self._version = "hf-" + hashlib.sha256((folder / "config.json").read_bytes()).hexdigest()[:12]
        self._pool = ThreadPoolExecutor(workers, "score")

    @property
    def version(self) -> str:
        """A hash of the model's configuration."""
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
        given = self._tokenizer(normalise(pair.comment).text, truncation=True, return_tensors="pt")
        with self._torch.inference_mode():
            probabilities = self._torch.sigmoid(self._model(**given).logits)[0].numpy()
        row = np.zeros(len(CATEGORIES), np.float32)
        for column, category in self._columns.items():
            row[category] = max(row[category], probabilities[column])
        return row


def _columns(folder: Path, names: dict[int, str]) -> dict[int, int]:
    """The model's columns and the category of each."""
    try:
        given = json.loads((folder / "labels.json").read_text())
        wanted = {label: CATEGORIES.index(Category(category)) for label, category in given.items()}
    except (OSError, ValueError, AttributeError) as error:
        raise SettingsInvalid("CLASSIFY_MODEL_DIR: labels.json must map the model's labels to categories") from error
    unknown = sorted(set(wanted) - set(names.values()))
    if unknown or not wanted:
        raise SettingsInvalid(f"CLASSIFY_MODEL_DIR: labels.json names labels that the model has not: {unknown}")
    return {int(column): wanted[name] for column, name in names.items() if name in wanted}
