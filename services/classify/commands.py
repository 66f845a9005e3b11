"""
Commands: score a city's own history, and train, evaluate and export the model.

Exit codes: 0 done, 1 some lines could not be scored, 2 wrong usage, settings or files, 130 stopped with Ctrl-C.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from tqdm import tqdm

from services.classify.model import SHIPPED
from services.classify.models import open_model
from services.classify.scoring import Tally, count_lines, open_output, refuse_one_file, score_history
from services.classify.service import open_judge
from services.classify.settings import ClassifySettings
from shared.errors import ModerationError
from shared.policy import load_policy
from shared.settings import SystemSettings

TRAINING = ("train", "folds", "export", "thresholds", "evaluate")

SCORE = """
Judge JSON lines: each an object with id (a string or an integer), text (a string) and, if known, post and platform
(strings; platform is not read). Writes id, scores, findings and decision for each line, in the same order; for a line
that cannot be scored its number and error, and the rest goes on. How far it is stands on standard error.
"""
SCORE_ENDS = """
Exit codes: 0 every line was scored, or there was none; 1 some lines could not be scored; 2 wrong usage, settings or
files; 130 stopped with Ctrl-C. OUTPUT appears when all is done; until then, and after a stop, OUTPUT.partial holds
what was scored.
"""


def main(arguments: Sequence[str]) -> int:
    """Run one command; gives back the exit code."""
    options = _parser().parse_args(arguments)
    name = options.command
    try:
        if name == "score":
            return _score(options.input, options.output)
        return int(importlib.import_module(f"services.classify.training.{name}").main(options))
    except ModuleNotFoundError as error:
        return _ended(2, f"{name} needs {error.name}: install requirements/train.lock", error)
    except (ModerationError, OSError, ValueError) as error:
        return _ended(2, f"{name} failed: {_words(error)}", error)
    except KeyboardInterrupt as error:
        return _ended(130, f"{name} was stopped", error)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m services.classify", description=__doc__)
    commands = parser.add_subparsers(required=True, dest="command")
    score = commands.add_parser(
        "score",
        help="judge JSON lines with id, text and optionally post and platform",
        description=SCORE,
        epilog=SCORE_ENDS,
    )
    score.add_argument("--input", default="-", help="a file or a pipe, or - for standard input")
    score.add_argument("--output", default="-", help="another file, or - for standard output")
    for name in TRAINING:
        module = importlib.import_module(f"services.classify.training.{name}")
        module.add_arguments(commands.add_parser(name, help=(module.__doc__ or "").strip().splitlines()[0]))
    return parser


def _score(source: str, target: str) -> int:
    """Judge every line of ``source`` and say on standard error what was not scored."""
    with ExitStack() as stack:
        lines = stack.enter_context(Path(source).open("rb")) if source != "-" else sys.stdin.buffer
        refuse_one_file(lines, target)
        settings = ClassifySettings.load()
        policy = load_policy(SystemSettings.load().policy_file)
        model = open_model(settings.model_dir or SHIPPED, workers=settings.threads(embedded=False))
        output = stack.enter_context(open_output(target))
        bar = stack.enter_context(tqdm(total=count_lines(lines), unit=" comments", file=sys.stderr))
        tally = score_history(lines, open_judge(model, policy), policy, output, bar.update)
    _tell(tally)
    return 1 if tally.failed else 0


def _tell(tally: Tally) -> None:
    if tally.failed:
        print(
            f"{tally.failed} of {tally.lines} lines were not scored; the first of them is line {tally.first}",
            file=sys.stderr,
        )
    if tally.unknown:
        print(f"fields that were not read: {', '.join(tally.unknown)}", file=sys.stderr)


def _ended(code: int, words: str, error: BaseException) -> int:
    """Say in one line how it ended, with what the error carries along."""
    print("; ".join([words, *getattr(error, "__notes__", ())]), file=sys.stderr)
    return code


def _words(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror if error.filename is None else f"{error.strerror}: {error.filename}"
    return " ".join(str(error).split()) or type(error).__name__
