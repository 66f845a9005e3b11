"""Any other model: a tiny classifier made on the spot, served by its ONNX file, its labels mapped to categories."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.classify.huggingface import HuggingFaceModel
from services.classify.model import Pair, Scores
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


@pytest.mark.parametrize(
    "file", ["tokenizer.json", "tokenizer_config.json", "vocab.txt", "merges.txt", "model.onnx.data", "config.json"]
)
def test_the_version_names_every_file_that_may_change_a_score(tmp_path: Path, file: str) -> None:
    before = open_model(folder_with(tmp_path), workers=1).version
    content = (tmp_path / file).read_text() if (tmp_path / file).exists() else "one\n"
    (tmp_path / file).write_text(content + " ")
    assert open_model(tmp_path, workers=1).version != before


def test_the_version_names_the_numbers_of_the_weights(tmp_path: Path) -> None:
    before = open_model(folder_with(tmp_path), workers=1).version
    others = write_folder(
        tmp_path, {**WORDS, "darn": (1.0, 1.0, 1.0)}, LABELS, problem_type="multi_label_classification"
    )
    assert open_model(others, workers=1).version != before


@pytest.mark.parametrize("file", ["README.md", ".gitattributes", "model_quantized.onnx", "tf_model.h5"])
def test_the_version_does_not_name_what_no_score_depends_on(tmp_path: Path, file: str) -> None:
    before = open_model(folder_with(tmp_path), workers=1).version
    (tmp_path / file).write_text("one")
    assert open_model(tmp_path, workers=1).version == before


@pytest.mark.asyncio
async def test_comments_that_are_alike_are_scored_once(tmp_path: Path) -> None:
    model, seen = HuggingFaceModel(folder_with(tmp_path), workers=2), list[str]()
    logits = model._logits

    def counted(text: str) -> Scores:
        seen.append(text)
        return logits(text)

    model._logits = counted
    pairs = [Pair("darn"), Pair("hello"), Pair("darn", "A post."), Pair("d\u200barn"), Pair("hello")]
    rows = await model.score(pairs)
    assert sorted(seen) == ["darn", "hello"]
    assert rows[0].tolist() == rows[2].tolist() == rows[3].tolist() != rows[1].tolist() == rows[4].tolist()
    assert (await model.score([])).shape == (0, 9)
    await model.close()


def write_weights(folder: Path, torch: Any) -> Path:
    """The same folder with weights for PyTorch, which are then served."""
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    folder_with(folder)
    (folder / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]))
    BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    config = BertConfig(
        vocab_size=8, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8, num_labels=3,
        id2label=dict(enumerate(LABELS)), problem_type="multi_label_classification",
    )  # fmt: skip
    torch.manual_seed(1903)
    network = BertForSequenceClassification(config).eval()
    network.classifier.weight.data.mul_(50)
    network.save_pretrained(folder)
    return folder


@pytest.mark.asyncio
async def test_pytorch_starts_no_threads_of_its_own_beside_the_workers(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is for training only (requirements/train.lock)")
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        model = HuggingFaceModel(write_weights(tmp_path, torch), workers=2)
        assert [model._pool.submit(torch.get_num_threads).result() for _ in range(4)] == [1] * 4
        await model.close()
    finally:
        torch.set_num_threads(before)


def test_weights_of_pytorch_that_do_not_fit_the_labels_stop_the_process(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is for training only (requirements/train.lock)")
    config = json.loads((write_weights(tmp_path, torch) / "config.json").read_text())
    names = {"id2label": {"0": "rude", "1": "very rude", "2": "hateful", "3": "kind"}, "label2id": None}
    (tmp_path / "config.json").write_text(json.dumps({**config, **names}))
    with pytest.raises(SettingsInvalid, match="CLASSIFY_MODEL_DIR"):
        open_model(tmp_path, workers=1)


@pytest.mark.asyncio
async def test_where_pytorch_is_installed_its_own_weights_are_served(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is for training only (requirements/train.lock)")
    from transformers import BertForSequenceClassification, BertTokenizerFast

    network = BertForSequenceClassification.from_pretrained(write_weights(tmp_path, torch)).eval()
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
    "names",
    [
        {"first": "rude", "second": "very rude", "third": "hateful"},
        {"0": "rude", "1": "very rude", "3": "hateful"},
        {"0": "rude", "1": ["very rude"], "2": "hateful"},
        ["rude", "very rude", "hateful"],
        "rude",
        {},
        None,
    ],
)
def test_labels_of_the_configuration_that_are_none_stop_the_process(tmp_path: Path, names: object) -> None:
    with pytest.raises(SettingsInvalid, match=r"config\.json: id2label must map the columns"):
        open_model(folder_with(tmp_path, id2label=names), workers=1)


@pytest.mark.parametrize("last", [["rude", "hateful"], ["rude", "very rude", "hateful", "kind"]])
def test_more_or_fewer_labels_than_the_model_has_numbers_stop_the_process(tmp_path: Path, last: list[str]) -> None:
    names = {str(column): label for column, label in enumerate(last)}
    labels = {label: "vulgar" for label in last}
    with pytest.raises(SettingsInvalid, match=rf"config\.json: id2label names {len(last)} labels.* gives 3 numbers"):
        open_model(folder_with(tmp_path, labels, id2label=names), workers=1)


def test_numbers_that_are_no_probabilities_stop_the_process(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match=r"config\.json: problem_type must be"):
        open_model(folder_with(tmp_path, problem_type="regression"), workers=1)


@pytest.mark.asyncio
async def test_one_label_alone_shuts_nothing_out(tmp_path: Path) -> None:
    write_folder(tmp_path, {"darn": (2.0,)}, ("rude",), problem_type="single_label_classification")
    (tmp_path / "labels.json").write_text(json.dumps({"rude": "vulgar"}))
    model = open_model(tmp_path, workers=1)
    rows = await model.score([Pair("darn")])
    await model.close()
    assert rows[0, VULGAR] == pytest.approx(1 / (1 + np.exp(-2)))


@pytest.mark.parametrize("category", ["no such category", None, 3, ["vulgar"], {"vulgar": 1}])
def test_a_category_that_is_none_is_told_with_its_label(tmp_path: Path, category: object) -> None:
    with pytest.raises(SettingsInvalid, match=r"labels\.json: 'rude' must map to one of the categories off_topic, vul"):
        open_model(folder_with(tmp_path, {"rude": category}), workers=1)


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
