"""
Train and judge the folds: five models, each of which never saw two settings, and what they say of those.

That stands in for a city never seen. Calibration and thresholds are found on it, and the numbers for unseen settings.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from services.classify.training.data import FOLDS, authored
from services.classify.training.export import write_model
from services.classify.training.judged import FILE, judge
from services.classify.training.train import EPOCHS, page_comments_stage, run


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command line takes."""
    parser.add_argument("--start", type=Path, required=True, help="the weights of stage one")
    parser.add_argument("--output", type=Path, required=True, help="folder for the folds; a repeat goes on there")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--seed", type=int, default=1)


def main(options: argparse.Namespace) -> int:
    """Train, export and judge each fold that is not there yet; gives back the exit code."""
    how = page_comments_stage(options.epochs, options.seed)
    for number, held_out in enumerate(FOLDS, start=1):
        folder = options.output / str(number)
        if (folder / FILE).exists():
            continue
        rows = authored(held_out)
        seen = [row for row in rows if row.part == "train"]
        print(f"fold {number} of {len(FOLDS)}: without {' and '.join(held_out)}, {len(seen)} rows", flush=True)
        run(seen, options.start, folder, how)
        write_model(folder, folder / "model", None)
        judge([row for row in rows if row.part == "test"], folder, folder / "model", folder / FILE)
        facts = {**asdict(how), "rows": len(seen), "held_out": held_out}
        (folder / "training.json").write_text(json.dumps(facts, indent=2) + "\n")
    return 0
