"""The training loop, with a tiny BERT and a tiny MPNet made on the spot; needs PyTorch."""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.classify.encode import COMMENT_TOKENS
from services.classify.training.data import UNKNOWN, Row
from services.classify.training.export import write_model
from services.classify.training.hidden import hidden_of
from services.classify.training.judged import FILE, check_judged, judge
from services.classify.training.network import Encoder, build, padded, predict
from services.classify.training.provenance import FACTS
from services.classify.training.train import CHECKPOINT, Stage, add_arguments, loss_of, main, run
from shared.categories import CATEGORIES, Category

torch = pytest.importorskip("torch", reason="PyTorch is for training only (requirements/train.lock)")
pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning", "ignore:Exporting aten"
)

WORDS = tuple(f"word{number}" for number in range(600))
WIDTH = 32
HOW = Stage(epochs=2, batch=4, rate=1e-2, words=True, seed=5)
TOLD = {"command": "python -m services.classify train", "files": "none", "held_out": []}
OFF_TOPIC = CATEGORIES.index(Category.OFF_TOPIC)


@pytest.fixture(scope="module", params=["bert", "mpnet"])
def start(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An encoder of either kind, of another width than that of the shipped model's, with two layers."""
    import transformers

    folder, kind = tmp_path_factory.mktemp(request.param), {"bert": "Bert", "mpnet": "MPNet"}[request.param]
    marks = {"bert": ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"],
             "mpnet": ["<s>", "<pad>", "</s>", "[UNK]", "<mask>"]}[request.param]  # fmt: skip
    (folder / "vocab.txt").write_text("\n".join([*marks, *WORDS]))
    getattr(transformers, f"{kind}TokenizerFast")(str(folder / "vocab.txt")).save_pretrained(folder)
    config = getattr(transformers, f"{kind}Config")(
        vocab_size=len(marks) + len(WORDS), hidden_size=WIDTH, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=WIDTH, initializer_range=0.1,
    )  # fmt: skip
    torch.manual_seed(1903)
    getattr(transformers, f"{kind}Model")(config).save_pretrained(folder)
    return folder


def row(number: int, labels: tuple[int, ...] = (0,) * 9, post: str = "word1 word2", words: int = 3) -> Row:
    text = " ".join(WORDS[(number * 37 + index * 11) % len(WORDS)] for index in range(words))
    return Row(f"r{number}", text, post, text, post, labels, False, "here", "train")


def rows(count: int = 18) -> list[Row]:
    chance = random.Random(1)
    return [row(number, tuple(chance.choice([0, 1, UNKNOWN]) for _ in CATEGORIES)) for number in range(count)]


class Shown(random.Random):
    """Chance that never hides a post."""

    def random(self) -> float:
        return 0.99


class Hidden(random.Random):
    """Chance that hides every post."""

    def random(self) -> float:
        return 0.0


def gradients(start: Path, given: list[Row], chance: random.Random) -> tuple[float, Any]:
    """The loss, and for each category how much of the head's gradient there is."""
    torch.manual_seed(0)
    network = build(start)
    loss = loss_of(network.eval(), Encoder(start), given, chance)
    loss.backward()
    return loss.item(), network.head.weight.grad.abs().sum(1)


def test_a_label_that_is_unknown_teaches_nothing(start: Path) -> None:
    labels = (0, 1, UNKNOWN, 0, 1, UNKNOWN, 0, 0, 1)
    _, taught = gradients(start, [row(0, labels), row(1, labels)], Shown())
    assert [bool(value) for value in taught] == [label != UNKNOWN for label in labels]
    loss, taught = gradients(start, [row(0, (UNKNOWN,) * 9)], Shown())
    assert loss == 0.0
    assert not taught.any()


def test_a_row_of_which_little_is_known_has_the_mean_of_what_is_known(start: Path) -> None:
    of_vulgar = tuple(1 if category is Category.VULGAR else UNKNOWN for category in CATEGORIES)
    alone, _ = gradients(start, [row(0, of_vulgar)], Shown())
    beside, _ = gradients(start, [row(0, of_vulgar), row(1, (UNKNOWN,) * 9)], Shown())
    assert beside == pytest.approx(alone, rel=1e-2)


@pytest.mark.parametrize(
    ("post", "chance", "is_shown"), [("word1", Shown(), True), ("word1", Hidden(), False), ("", Shown(), False)]
)
def test_without_its_post_a_row_says_nothing_of_being_off_topic(
    start: Path, post: str, chance: random.Random, is_shown: bool
) -> None:
    _, taught = gradients(start, [row(0, (1,) * 9, post)], chance)
    assert bool(taught[OFF_TOPIC]) is is_shown
    assert taught[1:].all()


class Cut(list[Row]):
    """Rows at whose ``at``-th reading the power goes out."""

    def __init__(self, given: list[Row], at: int) -> None:
        super().__init__(given)
        self._left = at

    def __iter__(self) -> Iterator[Row]:
        self._left -= 1
        if not self._left:
            raise KeyboardInterrupt
        return super().__iter__()


def state(folder: Path) -> dict[str, Any]:
    return dict(build(folder).state_dict())


def test_a_stage_that_was_cut_off_ends_with_the_same_weights(start: Path, tmp_path: Path) -> None:
    whole, again = tmp_path / "whole", tmp_path / "again"
    run(rows(), start, whole, HOW, TOLD, every=3)
    with pytest.raises(KeyboardInterrupt):
        run(Cut(rows(), at=3), start, again, HOW, TOLD, every=3)
    assert torch.load(again / CHECKPOINT)["done"] == 3
    assert not (again / "model.safetensors").exists()
    run(rows(), start, again, HOW, TOLD, every=3)
    first, second = state(whole), state(again)
    assert all(torch.equal(value, second[name]) for name, value in first.items())
    assert not torch.equal(first["head.weight"], state(start)["head.weight"])
    assert not (again / CHECKPOINT).exists()


def test_a_finished_stage_is_done_and_never_written_over(start: Path, tmp_path: Path) -> None:
    run(rows(), start, tmp_path, HOW, TOLD)
    before = (tmp_path / "model.safetensors").stat().st_mtime_ns
    run(rows(), start, tmp_path, HOW, TOLD)
    with pytest.raises(ValueError, match="made with another seed: remove it, or name another folder"):
        run(rows(), start, tmp_path, replace(HOW, seed=6), TOLD)
    with pytest.raises(ValueError, match="made with another data: remove it"):
        run([*rows(17), row(17, (1,) * 9)], start, tmp_path, HOW, TOLD)
    assert (tmp_path / "model.safetensors").stat().st_mtime_ns == before
    record = json.loads((tmp_path / FACTS).read_text())["made_from"]
    assert (record["epochs"], record["rows"], record["seed"]) == (2, 18, 5)


def test_a_checkpoint_of_other_rows_is_not_gone_on_with(start: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(Cut(rows(), at=3), start, tmp_path, HOW, TOLD, every=3)
    with pytest.raises(ValueError, match=r"checkpoint\.pt was made with another rows and data: remove it"):
        run(rows(16), start, tmp_path, HOW, TOLD, every=3)
    assert (tmp_path / CHECKPOINT).exists()


def test_cut_off_while_the_weights_are_written_a_repeat_writes_them(start: Path, tmp_path: Path) -> None:
    run(rows(), start, tmp_path / "whole", HOW, TOLD)
    (tmp_path / "again" / FACTS).mkdir(parents=True)
    with pytest.raises(OSError, match=FACTS):
        run(rows(), start, tmp_path / "again", HOW, TOLD)
    (tmp_path / "again" / FACTS).rmdir()
    (tmp_path / "again" / "head.pt").unlink()
    run(rows(), start, tmp_path / "again", HOW, TOLD)
    assert torch.equal(state(tmp_path / "whole")["head.weight"], state(tmp_path / "again")["head.weight"])


def test_a_long_comment_is_judged_by_all_its_windows(start: Path) -> None:
    network, encoder = build(start).eval(), Encoder(start)
    long, short = row(3, words=3 * COMMENT_TOKENS), row(4)
    pieces = encoder.windows(long)
    assert len(pieces) > 3
    with torch.no_grad():
        logits = np.stack([network(*padded([piece], network.reads))[0].numpy() for piece in pieces])
    expected = logits.max(axis=0)
    expected[OFF_TOPIC] = logits[:, OFF_TOPIC].min()
    found = predict(network, encoder, [short, long])
    assert found[1] == pytest.approx(expected, abs=1e-4)
    assert not np.allclose(found[1], logits[0], atol=1e-2)
    assert found[0] == pytest.approx(predict(network, encoder, [short])[0], abs=1e-4)


def test_the_exported_model_says_what_pytorch_says(start: Path, tmp_path: Path) -> None:
    trained = run(rows(), start, tmp_path / "trained", HOW, TOLD)
    write_model(trained, tmp_path / "model", None)
    given = [row(31, post="", words=12), row(32, words=3 * COMMENT_TOKENS), *(row(n, words=12) for n in range(40, 54))]
    plain = predict(build(trained), Encoder(trained), given)
    record = json.loads((trained / FACTS).read_text())["made_from"]
    judge(given, trained, tmp_path / "model", tmp_path / FILE, record)
    served = check_judged(tmp_path, given, record)["served"]
    assert np.abs(served - plain).max() < 0.2 * np.ptp(plain)
    alike = np.corrcoef((served - served.mean(axis=0)).ravel(), (plain - plain.mean(axis=0)).ravel())[0, 1]
    assert alike > 0.9
    card = json.loads((tmp_path / "model" / "model.json").read_text())
    assert card["training"]["command"] == TOLD["command"]
    assert card["training"]["made_from"] == record


def test_the_head_is_as_wide_as_the_encoder(start: Path) -> None:
    assert build(start).head.in_features == WIDTH


def test_an_encoder_keeps_its_first_layers(start: Path, tmp_path: Path) -> None:
    whole, half = build(start).encoder, build(start, layers=1).encoder
    assert (len(whole.encoder.layer), len(half.encoder.layer)) == (2, 1)
    first = [value for name, value in whole.named_parameters() if "layer.0." in name]
    kept = [value for name, value in half.named_parameters() if "layer.0." in name]
    assert all(torch.equal(one, other) for one, other in zip(first, kept, strict=True))
    trained = run(rows(), start, tmp_path / "trained", replace(HOW, layers=1), TOLD)
    assert len(build(trained).encoder.encoder.layer) == 1


def test_the_lowest_layers_may_stay_as_they_are(start: Path, tmp_path: Path) -> None:
    trained = run(rows(), start, tmp_path / "trained", replace(HOW, frozen=1), TOLD)
    before, after = build(start).encoder.state_dict(), build(trained).encoder.state_dict()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert any("layer.1." in name for name in moved)
    assert not [name for name in moved if "layer.0." in name or name.startswith("embeddings.")]


def test_what_frozen_layers_say_is_computed_once_and_changes_nothing(start: Path, tmp_path: Path) -> None:
    how, mixed = replace(HOW, frozen=1, words=False), [row(40, post="")]
    hidden = hidden_of([*rows(), *mixed], start, 1, tmp_path / "cache")
    again = hidden_of([*mixed, *rows()], start, 1, tmp_path / "cache")
    encoder = Encoder(start)
    items = [encoder(row(3, words=20)), encoder(row(5), with_post=False), encoder(row(40, post=""))]
    with pytest.raises(KeyError):
        hidden(items)
    network = build(start).eval()
    with torch.no_grad():
        expected = network.read(items[1:])
        network.freeze(1, again)
        assert network.read(items[1:]).numpy() == pytest.approx(expected.numpy(), abs=0.02)
        network.whole()
        assert torch.equal(network.read(items[1:]), expected)
    kept = run(rows(), start, tmp_path / "kept", how, TOLD, mixed=mixed, hidden=hidden)
    anew = run(rows(), start, tmp_path / "anew", how, TOLD, mixed=mixed)
    one, other = state(kept), state(anew)
    assert one.keys() == other.keys()
    assert all(value.numpy() == pytest.approx(other[name].numpy(), abs=0.05) for name, value in one.items())
    assert not torch.equal(one["head.weight"], state(start)["head.weight"])
    hidden_of([*rows(), *mixed], kept, 1, tmp_path / "cache")
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_a_stage_may_end_after_so_many_batches(start: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(rows(), start, tmp_path, replace(HOW, steps=3), TOLD)
    assert "step 3 of 3" in capsys.readouterr().out


def test_public_rows_are_seen_in_the_first_epoch_only(
    start: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def noted(network: Any, encoder: Encoder, given: list[Row], chance: random.Random) -> Any:
        seen.append([item.id for item in given])
        return loss_of(network, encoder, given, chance)

    monkeypatch.setattr("services.classify.training.train.loss_of", noted)
    run(rows(), start, tmp_path, HOW, TOLD, mixed=[row(90), row(91), row(92)])
    assert "step 11 of 11" in capsys.readouterr().out
    first, second = list(chain(*seen[:6])), list(chain(*seen[6:]))
    assert sorted(first) == sorted([*(item.id for item in rows()), "r90", "r91", "r92"])
    assert sorted(second) == sorted(item.id for item in rows())


def test_the_marks_are_those_of_the_encoder(start: Path) -> None:
    encoder = Encoder(start)
    given = row(1, post="word1 word2")
    assert encoder(given).ids == tuple(encoder.tokenizer(given.post, given.comment)["input_ids"])
    assert encoder(given, with_post=False).ids == tuple(encoder.tokenizer(given.comment)["input_ids"])


def test_the_command_says_what_it_made_and_a_repeat_makes_nothing_twice(start: Path, tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    (tmp_path / "train").mkdir()
    columns = {"text": ["word1", "word2"], "context": [None, "word3"], **{c.value: [0, 1] for c in CATEGORIES}}
    parquet.write_table(pyarrow.table(columns), tmp_path / "train" / "edos.parquet")
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    given = [
        "--public-rows",
        "2",
        "--data",
        str(tmp_path),
        "--start",
        str(start),
        "--output",
        str(tmp_path / "w"),
        "--epochs",
        "0",
    ]
    assert main(parser.parse_args(given)) == 0
    written = tmp_path / "w" / "stage-one" / FACTS
    facts, before = json.loads(written.read_text()), written.stat().st_mtime_ns
    assert facts["command"].startswith("python -m services.classify train --public-rows 2 ")
    assert str(tmp_path) not in json.dumps(facts)
    assert facts["versions"]["torch"] == torch.__version__.partition("+")[0]
    assert (facts["made_from"]["rows"], facts["started_from"]) == (2, None)
    assert len(facts["files"]) == len(facts["made_from"]["data"]) == len(facts["made_from"]["start"]) == 16
    assert main(parser.parse_args(given)) == 0
    assert written.stat().st_mtime_ns == before
