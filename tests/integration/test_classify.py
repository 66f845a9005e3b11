"""The shipped model: deterministic, verified at start, and the commands that use it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from services.classify.model import SHIPPED, OnnxModel, Pair
from services.classify.models import open_model
from services.classify.training.data import authored
from shared.categories import CATEGORIES
from shared.errors import SettingsInvalid
from tests.system import ROOT

PAIRS = [
    Pair("Thanks for the road closure notice."),
    Pair("Thanks for the road closure notice.", "5th Street is closed until Friday."),
    Pair("You useless f*cking clowns"),
    Pair(""),
    Pair("x" * 20_000, "y" * 20_000),
    Pair("\u202e\u200b 🚒"),
]


@pytest.fixture(scope="module")
def model() -> OnnxModel:
    return OnnxModel(SHIPPED, workers=2)


@pytest.mark.asyncio
async def test_a_comment_has_one_score_whatever_comes_with_it_and_after_a_restart(model: OnnxModel) -> None:
    alone = np.stack([(await model.score([pair]))[0] for pair in PAIRS])
    together = await model.score([*PAIRS, *reversed(PAIRS)])
    again = await OnnxModel(SHIPPED, workers=1).score(PAIRS)
    assert alone.shape == (len(PAIRS), len(CATEGORIES))
    assert alone.dtype == np.float32
    assert ((alone >= 0) & (alone <= 1)).all()
    for other in (together[: len(PAIRS)], together[len(PAIRS) :][::-1], again):
        assert np.abs(other - alone).max() <= 1e-5


@pytest.mark.asyncio
async def test_no_comments_give_no_scores(model: OnnxModel) -> None:
    assert (await model.score([])).shape == (0, 9)


@pytest.mark.asyncio
@pytest.mark.policy("A.11")
async def test_a11_the_served_model_tells_each_category_apart(model: OnnxModel) -> None:
    rows = [row for row in authored() if row.part == "test"]
    scores = await model.score([Pair(row.comment, row.post) for row in rows])
    for column, category in enumerate(CATEGORIES):
        yes = scores[[number for number, row in enumerate(rows) if row.labels[column] == 1], column]
        no = scores[[number for number, row in enumerate(rows) if row.labels[column] == 0], column]
        better = (yes[:, None] > no[None, :]).mean()
        assert better > 0.93, f"{category}: {better:.3f} of pairs in the right order"


def copy_of_the_model(folder: Path) -> Path:
    for file in SHIPPED.iterdir():
        shutil.copy(file, folder / file.name)
    return folder


def test_an_altered_model_stops_the_process(tmp_path: Path) -> None:
    folder = copy_of_the_model(tmp_path)
    with (folder / "model.onnx").open("r+b") as file:
        file.seek(5000)
        file.write(b"\x00\x01\x02")
    with pytest.raises(SettingsInvalid, match=r"model\.onnx is not the file"):
        open_model(folder, workers=1)


def test_labels_in_another_order_stop_the_process(tmp_path: Path) -> None:
    folder = copy_of_the_model(tmp_path)
    card = json.loads((folder / "model.json").read_text())
    card["labels"].reverse()
    (folder / "model.json").write_text(json.dumps(card))
    with pytest.raises(SettingsInvalid, match=r"A\.11 a to i in order"):
        open_model(folder, workers=1)


def test_an_altered_calibration_stops_the_process(tmp_path: Path) -> None:
    folder = copy_of_the_model(tmp_path)
    card = json.loads((folder / "model.json").read_text())
    card["calibration"]["vulgar"][1] = -20.0
    (folder / "model.json").write_text(json.dumps(card))
    with pytest.raises(SettingsInvalid, match="calibration"):
        open_model(folder, workers=1)


def test_a_card_without_hashes_stops_the_process(tmp_path: Path) -> None:
    folder = copy_of_the_model(tmp_path)
    card = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps({**card, "sha256": {}}))
    with pytest.raises(SettingsInvalid, match="cannot be read"):
        open_model(folder, workers=1)


@pytest.mark.parametrize("missing", ["model.json", "model.onnx", "tokenizer.json"])
def test_a_missing_file_stops_the_process(tmp_path: Path, missing: str) -> None:
    folder = copy_of_the_model(tmp_path)
    (folder / missing).unlink()
    with pytest.raises(SettingsInvalid, match="CLASSIFY_MODEL_DIR"):
        open_model(folder, workers=1)


def run(*arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "services.classify", *arguments]
    return subprocess.run(command, cwd=ROOT, input=given, capture_output=True, text=True, check=False)


def test_a_history_is_scored_line_by_line_and_a_broken_line_is_named(tmp_path: Path) -> None:
    lines = [
        {"id": 1, "text": "Go to cheap-pills.example.com now"},
        {"id": "b", "text": "Thanks!", "post": "The road is open.", "platform": "facebook"},
        {"id": "c"},
    ]
    given = "\n".join([*map(json.dumps, lines), "not JSON", ""])
    done = run("score", given=given)
    assert done.returncode == 1
    first, second, third, fourth = map(json.loads, done.stdout.splitlines())
    assert set(first) == {"id", "scores", "findings", "decision"}
    assert list(first["scores"]) == [category.value for category in CATEGORIES]
    assert (first["id"], first["decision"]) == (1, "hide")
    assert "links" in {finding["source"] for finding in first["findings"]}
    assert (second["id"], second["decision"], second["findings"]) == ("b", "allow", [])
    assert "text must be a string" in third["error"]
    assert fourth["line"] == 4
    (tmp_path / "in.jsonl").write_text(json.dumps(lines[0]) + "\n")
    files = ("--input", str(tmp_path / "in.jsonl"), "--output", str(tmp_path / "out.jsonl"))
    assert run("score", *files).returncode == 0
    assert json.loads((tmp_path / "out.jsonl").read_text())["decision"] == "hide"


def test_lines_that_are_no_text_do_not_stop_the_others() -> None:
    given = (
        b'\xff\xfe\n{"id": "\\ud800", "text": "a \\ud800 b"}\n' + b"[" * 100_000 + b'\n{"id": 4, "text": "Thanks!"}\n'
    )
    command = [sys.executable, "-m", "services.classify", "score"]
    done = subprocess.run(command, cwd=ROOT, input=given, capture_output=True, check=False)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert (done.returncode, ["error" in row for row in rows]) == (1, [True, False, True, False])


def test_wrong_usage_is_told_in_words(tmp_path: Path) -> None:
    missing = run("score", "--input", str(tmp_path / "none.jsonl"))
    assert (missing.returncode, "score failed" in missing.stderr) == (2, True)
    train = run("train", "--output", str(tmp_path))
    assert (train.returncode, "requirements/train.lock" in train.stderr) == (2, True)
