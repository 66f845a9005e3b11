"""`score` as a city runs it: files, pipes, a stop halfway, and what is said on standard error."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from services.classify.commands import main
from tests.system import ROOT, wait_for
from tests.unit.classify.tiny_model import write_folder

Score = Callable[..., subprocess.CompletedProcess[str]]

LINES = '{"id": 1, "text": "Thanks!"}\n{"id": 2, "text": "darn"}\n'
INTERRUPTIBLE = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background process inherits that it is ignored
from services.classify.commands import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = write_folder(tmp_path_factory.mktemp("model"), {"darn": (6.0, -6.0)}, ("bad", "good"))
    (folder / "labels.json").write_text('{"bad": "vulgar"}')
    return {**os.environ, "CLASSIFY_MODEL_DIR": str(folder), "CLASSIFY_WORKERS": "1"}


@pytest.fixture
def score(environment: dict[str, str]) -> Score:
    def run(*arguments: object, given: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "services.classify", "score", *map(str, arguments)],
            cwd=ROOT,
            env={**environment, **variables},
            input=given,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def in_shell(environment: dict[str, str], script: str) -> subprocess.CompletedProcess[str]:
    command = ["bash", "-c", f"score() {{ '{sys.executable}' -m services.classify score \"$@\"; }}; {script}"]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    assert "Traceback" not in done.stderr
    return done.stderr.splitlines()[-1]


@pytest.mark.parametrize("other", ["same", "symbolic link", "hard link", "partial"])
def test_a_history_is_never_written_over(score: Score, tmp_path: Path, other: str) -> None:
    history = tmp_path / "history.jsonl"
    history.write_text(LINES)
    output = tmp_path / "other.jsonl"
    if other == "same":
        output = history
    elif other == "symbolic link":
        output.symlink_to(history)
    elif other == "hard link":
        output.hardlink_to(history)
    else:
        history = history.rename(tmp_path / "other.jsonl.partial")
    done = score("--input", history, "--output", output)
    assert (done.returncode, done.stderr) == (
        2,
        "score failed: --input and --output are one file: name another for the output\n",
    )
    assert history.read_text() == LINES


@pytest.mark.parametrize("script", ["score < '{0}' --output '{0}'", "score --input '{0}' >> '{0}'"])
def test_a_redirection_to_the_history_is_refused_too(environment: dict[str, str], tmp_path: Path, script: str) -> None:
    history = tmp_path / "history.jsonl"
    history.write_text(LINES)
    done = in_shell(environment, script.format(history))
    assert (done.returncode, "are one file" in done.stderr, history.read_text()) == (2, True, LINES)


def test_the_output_is_replaced_whole_and_keeps_its_mode_and_its_link(score: Score, tmp_path: Path) -> None:
    output, link = tmp_path / "out.jsonl", tmp_path / "link.jsonl"
    output.write_text("of before")
    output.chmod(0o600)
    link.symlink_to(output)
    assert score("--output", link, given=LINES).returncode == 0
    assert [json.loads(line)["id"] for line in output.read_text().splitlines()] == [1, 2]
    assert (link.is_symlink(), output.stat().st_mode & 0o777) == (True, 0o600)
    assert not (tmp_path / "out.jsonl.partial").exists()


def test_an_output_that_must_not_be_written_is_refused(score: Score, tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    output.write_text("of before")
    output.chmod(0o400)
    if os.access(output, os.W_OK):
        pytest.skip("root may write every file")
    done = score("--output", output, given=LINES)
    assert (done.returncode, last_line(done)) == (2, f"score failed: Permission denied: {output}")
    assert output.read_text() == "of before"


def test_a_pipe_is_written_to_and_not_replaced(environment: dict[str, str], tmp_path: Path) -> None:
    pipe, history = tmp_path / "pipe", tmp_path / "history.jsonl"
    os.mkfifo(pipe)
    history.write_text(LINES)
    done = in_shell(environment, f"timeout 60 cat '{pipe}' & score --input '{history}' --output '{pipe}'; wait")
    assert [json.loads(line)["id"] for line in done.stdout.splitlines()] == [1, 2]
    assert pipe.is_fifo()


def test_a_named_pipe_is_scored(score: Score, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=(LINES,), daemon=True)
    writer.start()
    done = score("--input", pipe)
    writer.join(10)
    assert (done.returncode, [json.loads(line)["id"] for line in done.stdout.splitlines()]) == (0, [1, 2])


def test_standard_input_by_its_name_and_a_process_substitution_are_scored(environment: dict[str, str]) -> None:
    script = f"printf '%s' '{LINES}' | score --input /dev/stdin; score --input <(printf '%s' '{LINES}')"
    done = in_shell(environment, script)
    assert (done.returncode, [json.loads(line)["id"] for line in done.stdout.splitlines()]) == (0, [1, 2, 1, 2])


def test_how_far_it_is_stands_on_standard_error_alone(score: Score, tmp_path: Path) -> None:
    (tmp_path / "history.jsonl").write_text(LINES)
    known = score("--input", tmp_path / "history.jsonl")
    assert "2/2" in known.stderr
    unknown = score(given=LINES)
    assert "2 comments" in unknown.stderr
    for done in (known, unknown):
        assert [json.loads(line)["id"] for line in done.stdout.splitlines()] == [1, 2]


@pytest.mark.parametrize("content", ["", "\ufeff", "\r\n"])
def test_an_empty_history_gives_an_empty_output(score: Score, tmp_path: Path, content: str) -> None:
    history, output = tmp_path / "history.jsonl", tmp_path / "out.jsonl"
    history.write_text(content, encoding="utf-8", newline="")
    done = score("--input", history, "--output", output)
    assert (done.returncode, output.read_text()) == (0, "")


def test_a_history_from_windows_with_wrong_lines_is_scored_and_they_are_counted(score: Score, tmp_path: Path) -> None:
    lines = ['{"id": 1, "text": "Thanks!", "author": "secret"}', '{"id": 2, "txt": "secret"}', "secret", LINES]
    history, output = tmp_path / "history.jsonl", tmp_path / "out.jsonl"
    history.write_text("\n".join(lines), encoding="utf-8-sig", newline="\r\n")
    done = score("--input", history, "--output", output)
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    assert (done.returncode, ["error" in row for row in rows]) == (1, [False, True, True, False, False])
    assert done.stderr.splitlines()[-2:] == [
        "2 of 5 lines were not scored; the first of them is line 2",
        "fields that were not read: author, txt",
    ]
    assert "secret" not in done.stderr


def test_what_cannot_be_read_or_written_is_told_in_one_line(score: Score, tmp_path: Path) -> None:
    none, folder = tmp_path / "none.jsonl", tmp_path / "folder"
    folder.mkdir()
    wanted = {
        f"score failed: No such file or directory: {none}": score("--input", none),
        f"score failed: Is a directory: {folder}": score("--input", folder),
        f"score failed: No such file or directory: {none / 'out.partial'}": score("--output", none / "out"),
        "score failed: CLASSIFY_MODEL_DIR: none.jsonl holds neither model.json nor config.json": score(
            CLASSIFY_MODEL_DIR=str(none)
        ),
    }
    for words, done in wanted.items():
        assert (done.returncode, last_line(done)) == (2, words)


def test_an_error_of_another_kind_is_told_in_one_line_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["score", "--input", "a\0b"]) == 2
    assert capsys.readouterr().err == "score failed: embedded null byte\n"


def test_a_reader_that_goes_away_is_no_traceback(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "history.jsonl").write_text(LINES)
    script = f"score --input '{tmp_path / 'history.jsonl'}' | true; exit ${{PIPESTATUS[0]}}"
    done = in_shell(environment, script)
    assert (done.returncode, last_line(done)) == (2, "score failed: Broken pipe")


def test_ctrl_c_ends_a_wait_for_input_and_leaves_the_output_as_it_was(
    environment: dict[str, str], tmp_path: Path
) -> None:
    output, partial = tmp_path / "out.jsonl", tmp_path / "out.jsonl.partial"
    output.write_text("of before")
    with subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE, "score", "--output", str(output)],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(LINES * 40)
        process.stdin.flush()
        wait_for("a batch that is scored", lambda: partial.read_text().count("\n") == 64)
        process.send_signal(signal.SIGINT)
        try:
            code = process.wait(20)
        finally:
            process.kill()
        said = process.stderr.read()
    assert code == 130
    assert said.splitlines()[-1] == (
        "score was stopped; what was scored so far is in out.jsonl.partial, beside the output"
    )
    assert ("Traceback" in said, output.read_text()) == (False, "of before")


def test_the_exit_codes_stand_in_the_help(score: Score) -> None:
    told = " ".join(score("--help").stdout.split())
    for words in ("0 every line was scored", "1 some lines could not be scored", "2 wrong usage", "130 stopped"):
        assert words in told
