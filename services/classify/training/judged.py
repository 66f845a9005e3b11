"""What models said of comments that they never saw: calibration, thresholds and tables rest on the same numbers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.classify.model import OnnxModel, Pair
from services.classify.training.data import FOLDS, Row, authored
from services.classify.training.network import Encoder, build, predict

FILE = "judged.npz"


@dataclass(frozen=True)
class Judged:
    """Rows with their logits ``(n, 9)``: ``served`` of the int8 model as it is served, ``plain`` of 32-bit numbers."""

    rows: tuple[Row, ...]
    served: Any
    plain: Any


def judge(rows: Sequence[Row], weights: Path, model: Path, target: Path) -> None:
    """Judge ``rows`` with the weights and with the model exported from them; write both to ``target``."""
    import numpy as np

    served = OnnxModel(model, workers=2)
    pairs = [Pair(row.text, row.about) for row in rows]
    logits = asyncio.run(served.logits(pairs))
    plain = predict(build(weights), Encoder(weights), rows)
    np.savez(target, ids=np.array([row.id for row in rows]), served=logits, plain=plain)


def read_folds(folder: Path) -> list[Judged]:
    """
    What `folds` wrote, each row with the part that it has for the served model.

    Raises `FileNotFoundError`, and `ValueError` where the page comments changed since.
    """
    import numpy as np

    known = {row.id: row for row in authored()}
    found = []
    for number in range(1, len(FOLDS) + 1):
        with np.load(folder / str(number) / FILE) as kept:
            ids = [str(name) for name in kept["ids"]]
            if not all(name in known for name in ids):
                raise ValueError(f"fold {number} was judged on other page comments: train the folds again")
            found.append(Judged(tuple(known[name] for name in ids), kept["served"], kept["plain"]))
    return found


def without_test_posts(folds: Sequence[Judged]) -> list[Judged]:
    """The folds less the posts on which the served model is tested: what is shipped must not be chosen on those."""
    import numpy as np

    kept = []
    for fold in folds:
        trained = np.array([row.part == "train" for row in fold.rows])
        rows = tuple(row for row in fold.rows if row.part == "train")
        kept.append(Judged(rows, fold.served[trained], fold.plain[trained]))
    return kept
