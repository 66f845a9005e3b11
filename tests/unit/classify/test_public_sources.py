"""What the documents say of the public sources: an address for each, and an example whose file training reads."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from services.classify.training import data
from shared.categories import CATEGORIES, Category

ROOT = Path(__file__).resolve().parents[3]
DOCUMENT = (ROOT / "docs" / "data.md").read_text()
SPAM, SOLICITATION = CATEGORIES.index(Category.SPAM_LINKS), CATEGORIES.index(Category.SOLICITATION)


def test_every_public_source_has_an_address() -> None:
    table = re.findall(r"^\| (\w+) \| (.+?) \| .+ \| (yes|no) \|$", DOCUMENT, re.MULTILINE)
    assert len(table) == 21
    assert [name for name, where, _ in table if not re.search(r"<https://[^ <>]+>", where)] == []
    assert {name for name, _, used in table if used == "no"} == data.LEFT_OUT


def test_the_example_makes_a_file_that_training_reads(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is for training only (requirements/train.lock)")
    [example] = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
    raw = [
        "ham\tOn my way,  see you",
        "spam\tYou won &amp; must call",
        "ham\ton my way, see you",
        "ham\tSee www.a.example",
        "ham\tWrite to me@b.example",
        "ham\t" + "x" * 1501,
    ]
    (tmp_path / "SMSSpamCollection").write_text("\n".join(raw) + "\n")
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{example}"]
    subprocess.run(command, cwd=tmp_path, check=True)
    rows = sorted(data.public(tmp_path / "public", 10, 1), key=lambda row: row.id)
    assert [row.text for row in rows] == ["On my way, see you", "You won & must call", "See www.a.example"]
    assert [row.labels[SPAM] for row in rows] == [0, 1, data.UNKNOWN]
    assert [row.labels[SOLICITATION] for row in rows] == [0, data.UNKNOWN, 0]
    others = {label for row in rows for column, label in enumerate(row.labels) if column not in (SPAM, SOLICITATION)}
    assert others == {data.UNKNOWN}
