"""Any other model: a tiny classifier made on the spot, served by its ONNX file, its labels mapped to categories."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from services.classify.model import Pair
from services.classify.models import open_model
from shared.categories import CATEGORIES, Category
from shared.errors import SettingsInvalid
from tests.unit.classify.tiny_model import write_folder

WORDS = {"darn": (8.0, -8.0, -8.0), "heck": (-8.0, 6.0, -8.0), "hello": (-8.0, -8.0, -8.0)}
LABELS = ("rude", "very rude", "hateful")
MAP = {"rude": "vulgar", "very rude": "vulgar", "hateful": "discrimination"}
VULGAR, DISCRIMINATION = CATEGORIES.index(Category.VULGAR), CATEGORIES.index(Category.DISCRIMINATION)


def folder_with(folder: Path, labels: object = MAP, **config: object) -> Path:
    write_folder(folder, WORDS, LABELS, **{"problem_type": "multi_label_classification", **config})
    (folder / "labels.json").write_text(json.dumps(labels))
    return folder


@pytest.mark.asyncio
async def test_its_labels_become_categories_and_the_strongest_label_counts(tmp_path: Path) -> None:
    model = open_model(folder_with(tmp_path), workers=2)
    rows = await model.score([Pair("darn"), Pair("heck", "A post."), Pair("hello")])
    await model.close()
    assert (rows.shape, rows.dtype) == ((3, 9), np.float32)
    assert rows[:, VULGAR] == pytest.approx([1 / (1 + np.exp(-8)), 1 / (1 + np.exp(-6)), 1 / (1 + np.exp(8))])
    unmapped = [c for c in range(len(CATEGORIES)) if c not in (VULGAR, DISCRIMINATION)]
    assert not rows[:, unmapped].any()


@pytest.mark.asyncio
async def test_labels_that_shut_each_other_out_share_one(tmp_path: Path) -> None:
    model = open_model(folder_with(tmp_path, problem_type="single_label_classification"), workers=1)
    [row] = await model.score([Pair("hello")])
    await model.close()
    assert row[VULGAR] == pytest.approx(1 / 3)


@pytest.mark.asyncio
async def test_the_version_names_the_weights_and_the_label_map(tmp_path: Path) -> None:
    versions = set()
    for number, (labels, words) in enumerate([(MAP, WORDS), ({"rude": "vulgar"}, WORDS), (MAP, {"darn": (1, 1, 1)})]):
        folder = tmp_path / str(number)
        folder.mkdir()
        folder_with(folder, labels)
        write_folder(folder, words, LABELS)
        versions.add(open_model(folder, workers=1).version)
    assert len(versions) == 3


@pytest.mark.asyncio
async def test_where_pytorch_is_installed_its_own_weights_are_served(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is for training only (requirements/train.lock)")
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    folder_with(tmp_path)
    (tmp_path / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]))
    BertTokenizerFast(str(tmp_path / "vocab.txt")).save_pretrained(tmp_path)
    config = BertConfig(
        vocab_size=8, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8, num_labels=3,
        id2label=dict(enumerate(LABELS)), problem_type="multi_label_classification",
    )  # fmt: skip
    torch.manual_seed(1903)
    network = BertForSequenceClassification(config).eval()
    network.classifier.weight.data.mul_(50)
    network.save_pretrained(tmp_path)
    model = open_model(tmp_path, workers=2)
    rows = await model.score([Pair("darn heck"), Pair("hello"), Pair("darn heck")])
    await model.close()
    given = BertTokenizerFast.from_pretrained(tmp_path)("darn heck", return_tensors="pt")
    with torch.inference_mode():
        logits = network(**given).logits[0].numpy()
    rude, very_rude, hateful = 1 / (1 + np.exp(-logits))
    assert rows[0, VULGAR] == pytest.approx(max(rude, very_rude), abs=1e-5)
    assert rows[0, DISCRIMINATION] == pytest.approx(hateful, abs=1e-5)
    assert rows[0].tolist() == rows[2].tolist() != rows[1].tolist()


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"rude": "no such category"}, "must map"),
        ({"kind": "vulgar"}, "has not"),
        ({}, "has not"),
        (["vulgar"], "JSON object"),
    ],
)
def test_a_label_map_that_does_not_fit_stops_the_process(tmp_path: Path, labels: object, message: str) -> None:
    with pytest.raises(SettingsInvalid, match=message):
        open_model(folder_with(tmp_path, labels), workers=1)


@pytest.mark.parametrize(
    ("file", "message"), [("model.onnx", "needs PyTorch"), ("labels.json", "labels"), ("tokenizer.json", "tokenizer")]
)
def test_a_folder_that_is_not_whole_stops_the_process(tmp_path: Path, file: str, message: str) -> None:
    (folder_with(tmp_path) / file).unlink()
    with pytest.raises(SettingsInvalid, match=message):
        open_model(tmp_path, workers=1)


def test_weights_that_are_none_stop_the_process(tmp_path: Path) -> None:
    (folder_with(tmp_path) / "model.onnx").write_bytes(b"not a model")
    with pytest.raises(SettingsInvalid, match=r"model\.onnx cannot be loaded"):
        open_model(tmp_path, workers=1)
