"""Training's rows: splits, unknown labels, fingerprints, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from services.classify.training import data
from services.classify.training.consequences import own_sites
from services.classify.training.data import AUTHORED, FOLDS, SETTINGS, UNKNOWN, Row, authored, labels_of
from shared.categories import CATEGORIES
from tests.unit.classify.rows import CLEAN


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return authored()


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


def test_a_settings_own_sites_are_those_of_its_posts() -> None:
    posts = ["Rules at calderlake.gov/boating", "See https://www.facebook.com/x and permits.calderlake.gov"]
    rows = [Row(str(n), "c", post, "c", post, CLEAN, False, "lake", "test") for n, post in enumerate(posts)]
    assert own_sites(rows) == {"lake": ("calderlake.gov",)}


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
