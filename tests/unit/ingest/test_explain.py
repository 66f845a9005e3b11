"""`explain` says what ingest makes of a delivery, without acting."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from services.ingest.commands import explain
from tests.conftest import NOON

KEYS = {"kind", "account", "comment_id", "post_id", "author", "text", "revision", "time"}
DELIVERIES = Path(__file__).parents[2] / "contract" / "platforms" / "deliveries.json"


def test_each_thing_is_one_json_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for delivery in json.loads(DELIVERIES.read_text()):
        file = tmp_path / "body"
        file.write_text(delivery["body"])
        assert explain(delivery["platform"], str(file), NOON) == 0
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [line["kind"] for line in lines] == [expected["kind"] for expected in delivery["expect"]]
        for line in lines:
            assert set(line) == (KEYS | {"why"} if line["kind"] in ("ignore", "unreadable") else KEYS)


@pytest.mark.parametrize("arguments", [["myspace", "-"], ["facebook", "no-such-file.json"]])
def test_what_cannot_be_explained_is_exit_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert explain(*arguments, NOON) == 2  # type: ignore[call-arg]
    captured = capsys.readouterr()
    assert captured.out == ""
    assert arguments[0] in captured.err or arguments[1] in captured.err


def test_the_command_reads_standard_input() -> None:
    command = [sys.executable, "-m", "services.ingest", "explain", "facebook", "-"]
    done = subprocess.run(command, input=b"\xff", capture_output=True, check=False, cwd=Path(__file__).parents[3])
    assert done.returncode == 0
    assert json.loads(done.stdout)["why"] == "the body is not UTF-8"
