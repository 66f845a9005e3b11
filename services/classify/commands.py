"""
Commands: score a city's own history, and train, evaluate and export the model.

Exit codes: 0 done, 1 some lines could not be scored, 2 wrong usage or settings.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from tqdm import tqdm

from services.classify.detectors import Sample
from services.classify.judge import Judge, Verdict
from services.classify.model import SHIPPED
from services.classify.models import open_model
from services.classify.service import open_judge
from services.classify.settings import ClassifySettings
from shared.categories import CATEGORIES
from shared.decision import decide
from shared.errors import ModerationError
from shared.policy import Policy, load_policy
from shared.settings import SystemSettings

BATCH = 64
TRAINING = ("train", "folds", "export", "thresholds", "evaluate")


def main(arguments: Sequence[str]) -> int:
    """Run one command; gives back the exit code."""
    parser = argparse.ArgumentParser(prog="python -m services.classify", description=__doc__)
    commands = parser.add_subparsers(required=True, dest="command")
    score = commands.add_parser("score", help="judge JSON lines with id, text and optionally post and platform")
    score.add_argument("--input", default="-", help="a file, or - for standard input")
    score.add_argument("--output", default="-", help="a file, or - for standard output")
    for name in TRAINING:
        module = importlib.import_module(f"services.classify.training.{name}")
        module.add_arguments(commands.add_parser(name, help=(module.__doc__ or "").strip().splitlines()[0]))
    options = parser.parse_args(arguments)
    try:
        if options.command == "score":
            return _score(options.input, options.output)
        return int(importlib.import_module(f"services.classify.training.{options.command}").main(options))
    except ModuleNotFoundError as error:
        print(f"{options.command} needs {error.name}: install requirements/train.lock", file=sys.stderr)
    except (ModerationError, OSError) as error:
        print(f"{options.command} failed: {error}", file=sys.stderr)
    return 2


def _score(source: str, target: str) -> int:
    """Judge every line of ``source``; a line that cannot be read gets an error and the rest goes on."""
    settings = ClassifySettings.load()
    policy = load_policy(SystemSettings.load().policy_file)
    model = open_model(settings.model_dir or SHIPPED, workers=settings.threads(embedded=False))
    with ExitStack() as stack:
        lines = stack.enter_context(Path(source).open("rb")) if source != "-" else sys.stdin.buffer
        output = stack.enter_context(Path(target).open("w", encoding="utf-8")) if target != "-" else sys.stdout
        bar = stack.enter_context(tqdm(total=_count(source), unit=" comments", file=sys.stderr))
        return asyncio.run(_score_lines(lines, open_judge(model, policy), policy, output, bar))


async def _score_lines(lines: BinaryIO, judge: Judge, policy: Policy, output: TextIO, bar: Any) -> int:
    failed = 0
    for batch in _batches(lines):
        failed += await _score_batch(batch, judge, policy, output)
        bar.update(len(batch))
    await judge.model.close()
    return 1 if failed else 0


def _count(source: str) -> int | None:
    """How many lines there are, for the progress bar; not known for a stream."""
    if source == "-":
        return None
    with Path(source).open("rb") as file:
        return sum(1 for line in file if line.strip())


def _batches(lines: BinaryIO) -> Iterator[list[tuple[int, bytes]]]:
    batch: list[tuple[int, bytes]] = []
    for number, line in enumerate(lines, start=1):
        if line.strip():
            batch.append((number, line))
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


async def _score_batch(batch: Sequence[tuple[int, bytes]], judge: Judge, policy: Policy, output: TextIO) -> int:
    """Write one line for each; gives back how many could not be read."""
    rows = [_read(number, line) for number, line in batch]
    verdicts = iter(await judge([row["sample"] for row in rows if "sample" in row]))
    for row in rows:
        answer = _answer(row["id"], next(verdicts), policy) if "sample" in row else row
        output.write(json.dumps(answer) + "\n")
    output.flush()
    return sum("sample" not in row for row in rows)


def _read(number: int, line: bytes) -> dict[str, Any]:
    try:
        given = json.loads(line.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return {"line": number, "error": "the line is not JSON"}
    if not isinstance(given, dict) or "id" not in given:
        return {"line": number, "error": "the line is not an object with id and text"}
    if not isinstance(given.get("text"), str) or not isinstance(given.get("post"), str | None):
        return {"id": given["id"], "line": number, "error": "text must be a string; post, if given, too"}
    return {"id": given["id"], "sample": Sample(given["text"], given.get("post") or None)}


def _answer(name: object, verdict: Verdict, policy: Policy) -> dict[str, Any]:
    return {
        "id": name,
        "scores": {category.value: round(score, 6) for category, score in zip(CATEGORIES, verdict.scores, strict=True)},
        "findings": [finding.model_dump(mode="json") for finding in verdict.findings],
        "decision": decide(verdict.findings, policy).action.value,
    }
