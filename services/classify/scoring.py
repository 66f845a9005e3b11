"""
Score a history: JSON lines in, one JSON line out for each, in the same order.

* A line that cannot be scored is answered with its error, and the rest goes on.
* What is read is never written over: input and output that are one file are refused.
* The output is whole or not there. It is written to ``OUTPUT.partial``, which takes its place at the end; after Ctrl-C
  or an error the partial stays, the output is as it was, and the next run begins the partial anew.
"""

from __future__ import annotations

import asyncio
import codecs
import json
import os
import shutil
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from services.classify.judge import Judge
from services.classify.lines import MOST_NAMES, Line, answer, read, refusal
from shared.errors import SettingsInvalid
from shared.policy import Policy

BATCH = 64


@dataclass
class Tally:
    """
    What became of a history.

    ``lines`` had something in them, ``failed`` of these were not scored, and ``first`` is the number of the first of
    those in the file. ``unknown`` are names of fields that were not read, `MOST_NAMES` at most.
    """

    lines: int = 0
    failed: int = 0
    first: int | None = None
    unknown: list[str] = field(default_factory=list)

    def add(self, line: Line, *, failed: bool) -> None:
        """Count one line."""
        self.lines += 1
        self.failed += failed
        self.first = line.number if failed and self.first is None else self.first
        self.unknown = list(dict.fromkeys([*self.unknown, *line.unknown]))[:MOST_NAMES]


def score_history(
    source: BinaryIO, judge: Judge, policy: Policy, output: TextIO, advance: Callable[[int], object]
) -> Tally:
    """
    Judge every line of ``source`` and close the model; ``advance`` is told how many lines were answered since.

    The reading stands outside of the event loop, so that Ctrl-C ends a wait for input at once. Raises what the model
    and the files raise; the batches before are written by then.
    """
    tally = Tally()
    with asyncio.Runner() as runner:
        try:
            for batch in _batches(source):
                for line, written in zip(batch, runner.run(_answers(batch, judge, policy)), strict=True):
                    output.write(json.dumps(written, allow_nan=False) + "\n")
                    tally.add(line, failed="error" in written)
                output.flush()
                advance(len(batch))
        finally:
            runner.run(judge.model.close())
    return tally


def count_lines(source: BinaryIO) -> int | None:
    """How many lines are still to be read; None for a pipe, which counting would empty."""
    if not stat.S_ISREG(os.fstat(source.fileno()).st_mode):
        return None
    start = source.tell()
    total = sum(1 for _ in _filled(source))
    source.seek(start)
    return total


def refuse_one_file(source: BinaryIO, target: str) -> None:
    """Raise `SettingsInvalid` where ``target`` or its partial is the file being read, whatever names it goes by."""
    given = os.fstat(source.fileno())
    if target == "-":
        written = [os.fstat(sys.stdout.fileno())]
    else:
        written = [path.stat() for path in (Path(target), _partial(Path(target))) if path.exists()]
    if stat.S_ISREG(given.st_mode) and any(os.path.samestat(given, one) for one in written):
        raise SettingsInvalid("--input and --output are one file: name another for the output")


@contextmanager
def open_output(target: str) -> Iterator[TextIO]:
    """
    Open what is written to: ``-`` is standard output, and a pipe or a device is written to directly.

    A file is replaced on leaving, and only without an error; an error carries a note that names the partial. Raises
    `OSError` for a file that must not be written, before anything is scored.
    """
    path = Path(target)
    if target == "-":
        yield sys.stdout
    elif path.exists() and not path.is_file():
        with path.open("w", encoding="utf-8") as output:
            yield output
    else:
        if path.exists():
            path.open("r+b").close()
        with _replacing(path.resolve()) as output:
            yield output


@contextmanager
def _replacing(whole: Path) -> Iterator[TextIO]:
    partial = _partial(whole)
    with partial.open("w", encoding="utf-8") as output:
        try:
            yield output
        except BaseException as error:
            error.add_note(f"what was scored so far is in {partial.name}, beside the output")
            raise
        output.flush()
        os.fsync(output.fileno())
    if whole.exists():
        shutil.copymode(whole, partial)
    partial.replace(whole)


def _partial(path: Path) -> Path:
    whole = path.resolve()
    return whole.with_name(whole.name + ".partial")


def _filled(source: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """The lines that hold something, with their numbers from 1, without line ends and byte order marks."""
    for number, line in enumerate(source, start=1):
        content = line.removeprefix(codecs.BOM_UTF8).strip()
        if content:
            yield number, content


def _batches(source: BinaryIO) -> Iterator[list[Line]]:
    batch: list[Line] = []
    for number, content in _filled(source):
        batch.append(read(number, content))
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


async def _answers(batch: Sequence[Line], judge: Judge, policy: Policy) -> list[dict[str, Any]]:
    verdicts = iter(await judge([line.sample for line in batch if line.sample is not None]))
    return [refusal(line) if line.sample is None else answer(line, next(verdicts), policy) for line in batch]
