"""
Train and judge the folds: five models, each of which never saw two settings, and what they say of those.

That stands in for a city never seen. Calibration and thresholds are found on it, and the numbers for unseen settings.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from services.classify.training.data import AUTHORED, FOLDS, authored, fingerprint
from services.classify.training.export import write_model
from services.classify.training.judged import FILE, check_judged, judge
from services.classify.training.provenance import made_from, told_by
from services.classify.training.train import (
    add_stage_arguments,
    hidden_for,
    mixed_in,
    page_comments_stage,
    run,
    start_of,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command line takes."""
    numbers = range(1, len(FOLDS) + 1)
    parser.add_argument("--only", nargs="*", type=int, choices=numbers, default=[], help="which folds; without it, all")
    parser.add_argument("--output", type=Path, required=True, help="folder for the folds; a repeat goes on there")
    add_stage_arguments(parser)


def main(options: argparse.Namespace) -> int:
    """
    Train, export and judge each fold that is not there yet; gives back the exit code.

    Raises `FileNotFoundError` where the start is missing, and `ValueError` where a fold that is there was made from
    other rows, numbers or start weights.
    """
    start, layers = start_of(options)
    how, mixed, hidden = page_comments_stage(options, layers), mixed_in(options), None
    for number, held_out in enumerate(FOLDS, start=1):
        if options.only and number not in options.only:
            continue
        folder = options.output / str(number)
        rows = authored(held_out)
        seen = [row for row in rows if row.part == "train"]
        unseen = [row for row in rows if row.part == "test"]
        record = made_from(asdict(how), seen, start, mixed)
        if (folder / FILE).exists():
            check_judged(folder, unseen, record)
            continue
        print(f"fold {number} of {len(FOLDS)}: without {' and '.join(held_out)}, {len(seen)} rows", flush=True)
        told = {**told_by(options, "folds"), "files": fingerprint(AUTHORED.glob("*.jsonl")), "held_out": list(held_out)}
        hidden = hidden or hidden_for(options, start, mixed)
        run(seen, start, folder, how, told, mixed=mixed, hidden=hidden)
        write_model(folder, folder / "model", None)
        judge(unseen, folder, folder / "model", folder / FILE, record)
    return 0
