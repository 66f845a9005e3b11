"""The shipped model: deterministic, verified at start, and the commands that use it."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from services.classify.model import SHIPPED, OnnxModel, Pair, Scores
from services.classify.models import open_model
from services.classify.normalise import normalise
from services.classify.training.data import authored
from shared import metrics
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


MOST = 1e-5
"""How far two scores of one comment may be apart."""
IN_A_FRESH_PROCESS = """
import asyncio, json, sys
from services.classify.model import SHIPPED, OnnxModel, Pair
model = OnnxModel(SHIPPED, workers=2)
pairs = [Pair(comment, post) for comment, post in json.load(sys.stdin)]
print(json.dumps(asyncio.run(model.score(pairs)).tolist()))
"""


@pytest.fixture(scope="module")
def model() -> OnnxModel:
    return OnnxModel(SHIPPED, workers=2)


@pytest.fixture(scope="module")
def page_comments() -> list[Pair]:
    """A hundred real ones, each with its post, chosen by hash."""
    rows = sorted(authored(), key=lambda row: hashlib.sha256(row.id.encode()).digest())
    return [Pair(row.text, row.about) for row in rows[:100]]


@pytest.fixture(scope="module")
def long_comments(page_comments: list[Pair]) -> list[Pair]:
    """Different prose from beginning to end, under a post and without one, as long as many windows."""
    prose = " ".join(pair.comment for pair in page_comments)
    return [Pair(prose[:4000], page_comments[0].post), Pair(prose[2000:8000])]


def in_a_fresh_process(pairs: Sequence[Pair]) -> Scores:
    command = [sys.executable, "-c", IN_A_FRESH_PROCESS]
    given = json.dumps([(pair.comment, pair.post) for pair in pairs])
    done = subprocess.run(command, cwd=ROOT, input=given, capture_output=True, text=True, check=True)
    return np.asarray(json.loads(done.stdout), np.float32)


@pytest.mark.asyncio
async def test_a_comment_has_one_score_whatever_comes_with_it_and_after_a_restart(model: OnnxModel) -> None:
    alone = np.stack([(await model.score([pair]))[0] for pair in PAIRS])
    together = await model.score([*PAIRS, *reversed(PAIRS)])
    again = await OnnxModel(SHIPPED, workers=1).score(PAIRS)
    assert alone.shape == (len(PAIRS), len(CATEGORIES))
    assert alone.dtype == np.float32
    assert ((alone >= 0) & (alone <= 1)).all()
    for other in (together[: len(PAIRS)], together[len(PAIRS) :][::-1], again, in_a_fresh_process(PAIRS)):
        assert np.abs(other - alone).max() <= MOST


@pytest.mark.asyncio
async def test_page_comments_have_one_score_alone_shuffled_in_batches_and_in_a_fresh_process(
    model: OnnxModel, page_comments: list[Pair]
) -> None:
    alone = dict(zip(page_comments, [(await model.score([pair]))[0] for pair in page_comments], strict=True))
    chance = random.Random(1903)
    shuffled = chance.sample(page_comments, len(page_comments))
    asked = [*zip(shuffled, await model.score(shuffled), strict=True)]
    for size in (2, 7, 32):
        mixed = chance.sample(page_comments, len(page_comments))
        for start in range(0, len(mixed), size):
            batch = mixed[start : start + size]
            asked += zip(batch, await model.score(batch), strict=True)
    asked += zip(shuffled, in_a_fresh_process(shuffled), strict=True)
    assert len(asked) == 5 * len(alone)
    assert max(np.abs(scores - alone[pair]).max() for pair, scores in asked) <= MOST


@pytest.mark.asyncio
async def test_a_long_comment_of_many_windows_has_one_score_whatever_comes_with_it_and_after_a_restart(
    model: OnnxModel, page_comments: list[Pair], long_comments: list[Pair]
) -> None:
    for pair in long_comments:
        windows = model.encode(Pair(normalise(pair.comment).text, normalise(pair.post).text if pair.post else None))
        assert len({window.ids for window in windows}) == len(windows) >= 8
    alone = np.stack([(await model.score([pair]))[0] for pair in long_comments])
    among = await model.score([*page_comments[:20], *long_comments, *page_comments[20:40]])
    turned = (await model.score(long_comments[::-1]))[::-1]
    for other in (among[20:22], turned, in_a_fresh_process(long_comments)):
        assert np.abs(other - alone).max() <= MOST


def scored() -> float:
    """How many pairs the sessions have scored so far in this process."""
    [samples] = (metric.samples for metric in metrics.SCORE_SECONDS.collect())
    return sum(sample.value for sample in samples if sample.name.endswith("_count"))


@pytest.mark.asyncio
async def test_of_equal_pairs_in_one_call_one_is_scored_and_each_call_scores_anew(model: OnnxModel) -> None:
    post, other = "5th Street is closed until Friday.", "The pool opens on Monday."
    one = Pair("Thanks for the notice.", post)
    disguised = Pair("Thanks for the\u200b notice.", "5th Street is closed\u200b until Friday.")
    batch = [one, disguised, Pair("Thanks for the notice.", other), one, Pair("Thanks for the notice."), one]
    for _ in range(2):
        before = scored()
        rows = await model.score(batch)
        assert scored() - before == 3
        assert len(rows) == len(batch)
        assert all((rows[number] == rows[0]).all() for number in (1, 3, 5))
        assert not any((rows[number] == rows[0]).all() for number in (2, 4))


def test_the_shipped_model_is_small_enough_to_clone() -> None:
    held = sum(file.stat().st_size for file in SHIPPED.rglob("*") if file.is_file())
    assert held <= 30_000_000, f"{held / 1e6:.1f} MB"


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
