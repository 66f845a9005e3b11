"""What weights and folds are made from: nothing stale is gone on with."""

from __future__ import annotations

import argparse
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from services.classify.training import folds, train
from services.classify.training.data import FOLDS, authored
from services.classify.training.judged import FILE, Judged, check_judged, read_folds, write_judged
from services.classify.training.provenance import (
    check,
    is_finished,
    made_from,
    read_facts,
    rows_hash,
    told_by,
    weights_hash,
    write_facts,
)
from shared.categories import Category
from tests.unit.classify.rows import CLEAN, only, row


def weights(folder: Path, content: str = "weights") -> Path:
    """A folder that looks like weights to all that does not load them."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_text(content)
    return folder


@pytest.mark.parametrize(
    "change",
    [{"comment": "other words"}, {"post": "Another post."}, {"labels": only(Category.VULGAR)}],
)
def test_the_hash_of_rows_changes_with_what_the_model_reads_and_learns(change: dict[str, object]) -> None:
    assert rows_hash([row(0), replace(row(1), **change)]) != rows_hash([row(0), row(1)])
    assert rows_hash([row(0), replace(row(1), id="renamed")]) == rows_hash([row(0), row(1)])


def test_the_hash_of_weights_covers_the_head_and_needs_an_encoder(tmp_path: Path) -> None:
    folder = weights(tmp_path / "w")
    without_head = weights_hash(folder)
    (folder / "head.pt").write_text("head")
    assert weights_hash(folder) != without_head
    (folder / "model.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match=r"w holds no weights to start from: model\.safetensors"):
        weights_hash(folder)


def test_a_record_of_something_else_is_refused_with_what_differs_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there was made with another seed and data: remove it, or name another"):
        check({"seed": 2, "data": "a", "rows": 3}, {"seed": 1, "data": "b", "rows": 3}, tmp_path / "there")
    with pytest.raises(ValueError, match="there does not say what it was made from"):
        check(None, {"seed": 1}, tmp_path / "there")
    check({"seed": 1, "data": "a"}, {"seed": 1}, tmp_path)


def test_finished_weights_are_done_only_for_their_own_record(tmp_path: Path) -> None:
    start, output = weights(tmp_path / "start"), tmp_path / "output"
    record = made_from({"seed": 1}, [row(0)], start)
    assert not is_finished(output, record)
    weights(output)
    with pytest.raises(ValueError, match="does not say"):
        is_finished(output, record)
    write_facts(output, record, {"command": "train"}, start)
    assert is_finished(output, record)
    with pytest.raises(ValueError, match="another seed"):
        is_finished(output, {**record, "seed": 2})


def test_what_weights_are_made_from_leads_back_to_the_first_stage(tmp_path: Path) -> None:
    first, second = weights(tmp_path / "first"), weights(tmp_path / "second", "others")
    base = weights(tmp_path / "base", "base")
    write_facts(first, made_from({"seed": 7}, [row(0)], base), {"command": "one"}, base)
    write_facts(second, made_from({"seed": 1}, [row(1)], first), {"command": "two"}, first)
    facts = read_facts(second)
    assert facts is not None
    assert facts["command"] == "two"
    assert facts["made_from"]["start"] == weights_hash(first)
    assert facts["started_from"]["made_from"]["seed"] == 7
    assert facts["started_from"]["started_from"] is None
    (second / "training.json").write_text("{")
    with pytest.raises(ValueError, match=r"training\.json is not JSON"):
        read_facts(second)


def test_the_command_is_told_without_this_machines_folders(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="PyTorch is for training only (requirements/train.lock)")
    options = argparse.Namespace(command="train", data=None, start=tmp_path / "stage-one", output=Path("w/final"),
                                 hold_out=["river and lake", "x"], seed=3)  # fmt: skip
    told = told_by(options, "train")
    assert told["command"] == (
        "python -m services.classify train --start stage-one --output w/final --hold-out 'river and lake' x --seed 3"
    )
    assert set(told["versions"]) == {"torch", "transformers", "onnx", "onnxruntime"}


def test_training_from_weights_that_are_not_there_is_refused(tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    parser = argparse.ArgumentParser()
    train.add_arguments(parser)
    with pytest.raises(FileNotFoundError, match="nowhere holds no weights to start from"):
        train.main(parser.parse_args(["--start", str(nowhere), "--output", str(tmp_path)]))
    with pytest.raises(FileNotFoundError, match="nowhere holds no weights to start from"):
        folds.main(stage(start=nowhere, output=tmp_path))


def stage(**given: object) -> argparse.Namespace:
    """The options of a stage, as `train` and `folds` take them."""
    parser = argparse.ArgumentParser()
    train.add_stage_arguments(parser)
    return argparse.Namespace(**{**vars(parser.parse_args(["--mixed", "0"])), "only": [], **given})


def fold(folder: Path, number: int, start: Path, *, seed: int = 1, relabel: bool = False) -> None:
    """What `folds` would have written, with logits of nothing."""
    rows = authored(FOLDS[number - 1])
    how = train.page_comments_stage(stage(seed=seed))
    record = made_from(asdict(how), [row for row in rows if row.part == "train"], start)
    judged = [row for row in rows if row.part == "test"]
    if relabel:
        judged[0] = replace(judged[0], labels=(1, *judged[0].labels[1:]) if judged[0].labels[0] != 1 else CLEAN)
    nothing = np.zeros((len(judged), 9), np.float32)
    (folder / str(number)).mkdir(parents=True, exist_ok=True)
    write_judged(folder / str(number) / FILE, Judged(tuple(judged), nothing, nothing), record)


def test_folds_that_are_there_are_taken_as_done_only_where_nothing_changed(tmp_path: Path) -> None:
    start = weights(tmp_path / "start")
    options = stage(start=start, output=tmp_path)
    for number in range(1, len(FOLDS) + 1):
        fold(tmp_path, number, start)
    assert folds.main(options) == 0
    assert [len(judged.rows) for judged in read_folds(tmp_path)] == [
        sum(row.part == "test" for row in authored(held_out)) for held_out in FOLDS
    ]
    with pytest.raises(ValueError, match="1 was made with another seed: remove it"):
        folds.main(argparse.Namespace(**{**vars(options), "seed": 2}))
    weights(start, "other weights")
    with pytest.raises(ValueError, match="1 was made with another start: remove it"):
        folds.main(options)


def test_folds_of_relabelled_rows_or_of_different_seeds_are_not_read(tmp_path: Path) -> None:
    start = weights(tmp_path / "start")
    for number in range(1, len(FOLDS) + 1):
        fold(tmp_path, number, start, relabel=number == 2)
    with pytest.raises(ValueError, match="2 was judged on other page comments: remove it"):
        read_folds(tmp_path)
    fold(tmp_path, 2, start, seed=5)
    with pytest.raises(ValueError, match="2 was made with another seed"):
        read_folds(tmp_path)


def test_a_fold_that_learned_from_other_rows_or_says_nothing_of_them_is_not_read(tmp_path: Path) -> None:
    start, rows = weights(tmp_path / "start"), [row(0), row(1)]
    judged = Judged(tuple(rows), np.zeros((2, 9)), np.ones((2, 9)))
    write_judged(tmp_path / FILE, judged, made_from({"seed": 1}, [row(7)], start))
    wanted = made_from({"seed": 1}, [row(7)], start)
    assert check_judged(tmp_path, rows, wanted)["plain"].tolist() == judged.plain.tolist()
    with pytest.raises(ValueError, match="another data"):
        check_judged(tmp_path, rows, {**wanted, "data": rows_hash([row(7, only(Category.VULGAR))])})
    with pytest.raises(ValueError, match="other page comments"):
        check_judged(tmp_path, rows[::-1], wanted)
    np.savez(tmp_path / FILE, ids=np.array(["r0", "r1"]), served=judged.served, plain=judged.plain)
    with pytest.raises(ValueError, match="does not say what it was made from"):
        check_judged(tmp_path, rows, wanted)
