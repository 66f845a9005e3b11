"""Training's own rules that need no PyTorch: splits, unknown labels, thresholds, and the policy that is rewritten."""

from __future__ import annotations

import argparse
import json
import re
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from services.classify.training import data, folds, train
from services.classify.training.calibration import (
    FEWEST_FOUND,
    PROTECTED_TOUCHED,
    Thresholds,
    choose,
    mode_of,
    with_thresholds,
)
from services.classify.training.consequences import actions_of, consequences, own_sites, strongest, wilson
from services.classify.training.data import AUTHORED, FOLDS, SETTINGS, UNKNOWN, Row, authored, labels_of
from services.classify.training.judged import FILE, Judged, check_judged, read_folds, without_test_posts, write_judged
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
from services.classify.training.thresholds import rewritten
from shared.categories import CATEGORIES, Category
from shared.events import Action
from shared.policy import MODES, SHIPPED, Measured, Mode, load_policy

CLEAN = (0,) * 9


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return authored()


def row(number: int, labels: tuple[int, ...] = CLEAN, *, protected: bool = False, text: str = "words") -> Row:
    return Row(f"r{number}", text, "A post.", text, "A post.", labels, protected, "here", "test")


def only(category: Category) -> tuple[int, ...]:
    return tuple(int(item is category) for item in CATEGORIES)


def test_no_post_stands_on_both_sides_of_the_split(rows: list[Row]) -> None:
    seen = {side: {item.about for item in rows if item.part == side} for side in ("train", "test")}
    assert seen["train"].isdisjoint(seen["test"])
    assert 0.05 < len(seen["test"]) / len(seen["train"]) < 0.2


def test_a_row_is_known_by_its_id(rows: list[Row]) -> None:
    assert len({item.id for item in rows}) == len(rows)


@pytest.mark.parametrize("held_out", FOLDS)
def test_a_fold_leaves_two_settings_out_whole(held_out: tuple[str, str]) -> None:
    found = authored(held_out)
    assert {item.setting for item in found if item.part == "test"} == set(held_out)
    assert not {item.about for item in found if item.part == "test"} & {
        item.about for item in found if item.part == "train"
    }


def test_the_folds_cover_the_ten_settings_of_the_first_fifteen_files_once() -> None:
    names = [setting for pair in FOLDS for setting in pair]
    assert len(set(names)) == len(names) == 10
    assert set(SETTINGS.values()) <= set(names)


def test_an_ads_place_under_the_post_is_unknown_unless_it_is_said() -> None:
    assert labels_of(["solicitation"])[0] == UNKNOWN
    assert labels_of(["solicitation", "off_topic"])[0] == 1
    assert labels_of(["vulgar"])[0] == 0
    assert labels_of([]) == CLEAN


def scored(*groups: tuple[int, tuple[int, ...], float, Category]) -> tuple[list[Row], np.ndarray]:
    rows, scores = [], []
    for count, labels, score, category in groups:
        for _number in range(count):
            rows.append(row(len(rows), labels, protected=labels == CLEAN))
            scores.append([score if item is category else 0.01 for item in CATEGORIES])
    return rows, np.array(scores)


def test_a_category_hides_from_the_lowest_score_at_which_it_is_right_often_enough() -> None:
    yes = only(Category.VULGAR)
    rows, scores = scored((60, yes, 0.95, Category.VULGAR), (40, yes, 0.8, Category.VULGAR),
                          (5, CLEAN, 0.7, Category.VULGAR), (400, CLEAN, 0.02, Category.VULGAR))  # fmt: skip
    hide = choose(rows, scores, scores)[Category.VULGAR].hide
    assert hide is not None
    assert 0.7 < hide <= 0.8


def test_a_category_that_is_wrong_too_often_or_rare_only_proposes() -> None:
    yes = only(Category.VULGAR)
    often, of_often = scored((60, yes, 0.95, Category.VULGAR), (10, CLEAN, 0.99, Category.VULGAR),
                             (900, CLEAN, 0.02, Category.VULGAR))  # fmt: skip
    assert choose(often, of_often, of_often)[Category.VULGAR].hide is None
    rare, of_rare = scored((FEWEST_FOUND - 1, yes, 0.95, Category.VULGAR), (900, CLEAN, 0.02, Category.VULGAR))
    assert choose(rare, of_rare, of_rare)[Category.VULGAR].hide is None


def test_what_may_only_be_proposed_does_not_make_a_hide_threshold() -> None:
    yes = only(Category.SPAM_LINKS)
    rows, scores = scored((60, yes, 0.95, Category.SPAM_LINKS), (900, CLEAN, 0.02, Category.VULGAR))
    chosen = choose(rows, scores, np.minimum(scores, 0.3))
    assert chosen[Category.SPAM_LINKS].hide is None
    assert chosen[Category.SPAM_LINKS].propose <= 0.95


def test_off_topic_and_ownership_never_hide_however_sure() -> None:
    rows, scores = scored((60, only(Category.OFF_TOPIC), 0.99, Category.OFF_TOPIC),
                          (60, only(Category.IP_VIOLATION), 0.99, Category.IP_VIOLATION),
                          (900, CLEAN, 0.02, Category.VULGAR))  # fmt: skip
    chosen = choose(rows, scores, scores)
    assert chosen[Category.OFF_TOPIC].hide is None
    assert chosen[Category.IP_VIOLATION].hide is None


def test_no_more_of_protected_speech_is_touched_than_the_rule_says() -> None:
    rows, scores = scored((100, only(Category.SEXUAL), 0.5, Category.SEXUAL), (60, CLEAN, 0.6, Category.SEXUAL),
                          (940, CLEAN, 0.02, Category.SEXUAL))  # fmt: skip
    chosen = choose(rows, scores, scores)
    touched = np.mean([score[3] >= chosen[Category.SEXUAL].propose for item, score in zip(rows, scores, strict=True)
                       if item.protected])  # fmt: skip
    assert touched <= PROTECTED_TOUCHED
    assert chosen[Category.SEXUAL].propose > 0.6


def test_what_is_shipped_is_not_chosen_on_the_posts_that_test_it() -> None:
    rows = (row(0), replace(row(1), part="train"), row(2), replace(row(3), part="train"))
    logits = np.arange(36.0).reshape(4, 9)
    (kept,) = without_test_posts([Judged(rows, logits, -logits)])
    assert [item.id for item in kept.rows] == ["r1", "r3"]
    assert kept.served.tolist() == logits[[1, 3]].tolist()
    assert kept.plain.tolist() == (-logits[[1, 3]]).tolist()


def test_the_policy_keeps_its_words_and_takes_the_new_numbers(tmp_path: Path) -> None:
    chosen = {category: Thresholds(0.31, 0.87) for category in CATEGORIES}
    chosen[Category.OFF_TOPIC] = chosen[Category.IP_VIOLATION] = Thresholds(0.42, None)
    measured = {category: (Measured(precision=0.9, recall=0.8), Measured(precision=0.97, recall=0.5))
                for category in CATEGORIES}  # fmt: skip
    before = SHIPPED.read_text()
    after = rewritten(before, chosen, measured)
    (tmp_path / "policy.toml").write_text(after)
    policy = load_policy(tmp_path / "policy.toml")
    assert policy.categories[Category.SEXUAL].hide_threshold == 0.87
    assert policy.categories[Category.SPAM_LINKS].mode is Mode.HIDE
    assert policy.categories[Category.SEXUAL].measured_at_hide == Measured(precision=0.97, recall=0.5)
    assert policy.categories[Category.OFF_TOPIC].mode is Mode.PROPOSE
    assert policy.categories[Category.OFF_TOPIC].measured_at_hide is None
    numbers = re.compile(r"^(mode|propose_threshold|hide_threshold|measured_at_\w+) = .*\n", re.MULTILINE)
    assert numbers.sub("", after) == numbers.sub("", before)
    assert rewritten(after, chosen, measured) == after


def test_numbers_make_a_mode_more_cautious_and_never_less() -> None:
    sure, unsure = Thresholds(0.4, 0.8), Thresholds(0.4, None)
    assert [mode_of(mode, sure) for mode in MODES] == list(MODES)
    assert [mode_of(mode, unsure) for mode in MODES] == [Mode.OBSERVE, Mode.PROPOSE, Mode.PROPOSE]
    policy = load_policy()
    hides = policy.model_copy(update={"categories": {
        name: rule.model_copy(update={"mode": Mode.HIDE}) for name, rule in policy.categories.items()}})  # fmt: skip
    after = with_thresholds(hides, dict.fromkeys(CATEGORIES, unsure))
    assert {rule.mode for rule in after.categories.values()} == {Mode.PROPOSE}


def test_a_policy_without_a_category_is_not_rewritten() -> None:
    measured = {category: (Measured(precision=0.9, recall=0.8), None) for category in CATEGORIES}
    with pytest.raises(ValueError, match="off_topic"):
        rewritten("schema = 1\n", {category: Thresholds(0.3, None) for category in CATEGORIES}, measured)


def test_actions_follow_the_shared_rule() -> None:
    chosen = {category: Thresholds(0.4, None) for category in CATEGORIES}
    chosen[Category.VULGAR] = Thresholds(0.4, 0.8)
    policy = load_policy()
    hides = {name: rule.model_copy(update={"mode": Mode.HIDE}) for name, rule in policy.categories.items()}
    policy = with_thresholds(policy.model_copy(update={"categories": hides}), chosen)
    rows = [row(1), row(2), row(3, protected=True)]
    chances = np.full((3, 9), 0.01)
    chances[0, 1], chances[1, 1] = 0.9, 0.5
    actions = actions_of(rows, chances, [[], [], []], policy)
    assert actions == [Action.HIDE, Action.PROPOSE, Action.ALLOW]
    table = "\n".join(consequences(rows, actions))
    assert "| harmless comments (3) | 1: 33.3 %" in table
    assert "| protected speech (1) | 0: 0.0 %" in table


def test_a_settings_own_sites_are_those_of_its_posts() -> None:
    posts = ["Rules at calderlake.gov/boating", "See https://www.facebook.com/x and permits.calderlake.gov"]
    rows = [Row(str(n), "c", post, "c", post, CLEAN, False, "lake", "test") for n, post in enumerate(posts)]
    assert own_sites(rows) == {"lake": ("calderlake.gov",)}


def test_the_stronger_of_model_and_detector_counts_and_the_models_own_numbers_stay() -> None:
    from services.classify.detectors import Evidence

    chances = np.full((2, 9), 0.3)
    seen = [[Evidence(Category.VULGAR, 0.9, "masked_profanity", (), "x")],
            [Evidence(Category.VULGAR, 0.1, "masked_profanity", (), "x")]]  # fmt: skip
    assert strongest(chances, seen)[:, 1].tolist() == [0.9, 0.3]
    assert strongest(chances, seen, hiding=True)[:, 1].tolist() == [0.9, 0.3]
    unsure = [[replace(item, source="likely_profanity") for item in items] for items in seen]
    assert strongest(chances, unsure)[:, 1].tolist() == [0.9, 0.3]
    assert strongest(chances, unsure, hiding=True)[:, 1].tolist() == [0.3, 0.3]
    assert chances[0, 1] == 0.3


def test_an_interval_holds_its_share_and_narrows() -> None:
    few, many = wilson(1, 10), wilson(100, 1000)
    assert few[0] < 0.1 < few[1]
    assert many[1] - many[0] < few[1] - few[0]
    assert wilson(0, 0) == (0.0, 1.0)


def test_the_fingerprint_changes_with_a_byte(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text("one")
    first = data.fingerprint([file])
    file.write_text("onf")
    assert data.fingerprint([file]) != first


def test_the_documents_state_how_many_page_comments_there_are_and_their_hash() -> None:
    lines = [json.loads(line) for file in AUTHORED.glob("*.jsonl") for line in file.read_text().splitlines()]
    comments, posts = f"{len(lines):,} comments", f"{len({line['post'] for line in lines}):,}"
    docs = Path(__file__).resolve().parents[3] / "docs" / "data.md"
    assert f"{comments} on {posts} posts" in docs.read_text()
    assert f"{comments} on {posts} official posts" in (AUTHORED / "labels.md").read_text()
    assert f"hash `{data.fingerprint(AUTHORED.glob('*.jsonl'))}`" in docs.read_text()


def test_a_setting_that_no_file_has_is_refused() -> None:
    with pytest.raises(ValueError, match="metro_countee"):
        authored(["metro_countee", "coastal_city"])


def test_a_folder_without_public_rows_is_refused(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    with pytest.raises(FileNotFoundError, match=r"train holds no \*\.parquet files"):
        data.public(tmp_path, 10, 1)
    with pytest.raises(FileNotFoundError, match=r"docs/data\.md"):
        data.not_trained_on(tmp_path / "nowhere")


def test_public_rows_that_may_not_be_learned_from_or_lack_a_column_are_refused(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is for training only (requirements/train.lock)")
    from pyarrow import parquet

    (tmp_path / "train").mkdir()
    whole = {"text": ["a"], "context": [None], **{category.value: [0] for category in CATEGORIES}}
    parquet.write_table(pyarrow.table(whole), tmp_path / "train" / "hateval.parquet")
    with pytest.raises(FileNotFoundError, match="may be learned from"):
        data.public(tmp_path, 10, 1)
    del whole["sexual"]
    parquet.write_table(pyarrow.table(whole), tmp_path / "train" / "edos.parquet")
    with pytest.raises(ValueError, match=r"edos\.parquet lacks the columns sexual"):
        data.public(tmp_path, 10, 1)


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
        folds.main(argparse.Namespace(start=nowhere, output=tmp_path, epochs=1, seed=1))


def fold(folder: Path, number: int, start: Path, *, seed: int = 1, relabel: bool = False) -> None:
    """What `folds` would have written, with logits of nothing."""
    rows = authored(FOLDS[number - 1])
    record = made_from(asdict(train.page_comments_stage(1, seed)), [row for row in rows if row.part == "train"], start)
    judged = [row for row in rows if row.part == "test"]
    if relabel:
        judged[0] = replace(judged[0], labels=(1, *judged[0].labels[1:]) if judged[0].labels[0] != 1 else CLEAN)
    nothing = np.zeros((len(judged), 9), np.float32)
    (folder / str(number)).mkdir(parents=True, exist_ok=True)
    write_judged(folder / str(number) / FILE, Judged(tuple(judged), nothing, nothing), record)


def test_folds_that_are_there_are_taken_as_done_only_where_nothing_changed(tmp_path: Path) -> None:
    start = weights(tmp_path / "start")
    options = argparse.Namespace(start=start, output=tmp_path, epochs=1, seed=1)
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
