"""Which model a folder holds: ours in ONNX, or any Hugging Face sequence classifier with a label map."""

from __future__ import annotations

from pathlib import Path

from services.classify.huggingface import HuggingFaceModel
from services.classify.model import Model, OnnxModel
from shared.errors import SettingsInvalid


def open_model(folder: Path, *, workers: int) -> Model:
    """Load the model in ``folder``. Raises `SettingsInvalid` that says what is missing."""
    if (folder / "model.json").exists():
        return OnnxModel(folder, workers=workers)
    if (folder / "config.json").exists():
        return HuggingFaceModel(folder, workers=workers)
    raise SettingsInvalid(f"CLASSIFY_MODEL_DIR: {folder.name} holds neither model.json nor config.json")
