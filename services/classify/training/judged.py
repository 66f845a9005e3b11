"""What models said of comments that they never saw: calibration, thresholds and tables rest on the same numbers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.classify.model import OnnxModel, Pair
from services.classify.training.data import FOLDS, Row, authored
from services.classify.training.network import Encoder, build, predict
from services.classify.training.provenance import Record, check, rows_hash

FILE = "judged.npz"
PLAIN_EVERY = 3
"""One row in three is also judged in 32-bit numbers, which takes longer than all others in 8."""


@dataclass(frozen=True)
class Judged:
    """
    Rows with their logits ``(n, 9)``: ``served`` of the int8 model as it is served, ``plain`` of 32-bit numbers.

    ``plain`` is NaN for the rows that were judged in 8 bits only.
    """

    rows: tuple[Row, ...]
    served: Any
    plain: Any

    def chosen(self, kept: Any) -> Judged:
        """The rows that ``kept``, ``(n,)`` of bool, names."""
        rows = tuple(row for row, is_kept in zip(self.rows, kept, strict=True) if is_kept)
        return Judged(rows, self.served[kept], self.plain[kept])

    def in_32_bits(self) -> Judged:
        """The rows that were judged in 32-bit numbers too."""
        import numpy as np

        return self.chosen(~np.isnan(self.plain).any(axis=1))


def judge(rows: Sequence[Row], weights: Path, model: Path, target: Path, record: Record) -> None:
    """
    Judge ``rows`` with the model exported from the weights, and some with the weights; write both to ``target``.

    Beside them stands the ``record`` of the weights and the hash of the rows. A repeat writes the file anew.
    """
    import numpy as np

    served = OnnxModel(model, workers=2)
    pairs = [Pair(row.text, row.about) for row in rows]
    logits = asyncio.run(served.logits(pairs))
    plain = np.full_like(logits, np.nan)
    plain[::PLAIN_EVERY] = predict(build(weights), Encoder(weights), rows[::PLAIN_EVERY])
    write_judged(target, Judged(tuple(rows), logits, plain), record)


def write_judged(target: Path, judged: Judged, record: Record) -> None:
    """Write the file, whole or not at all."""
    import numpy as np

    partial = target.with_name(f"{target.name}.new")
    with partial.open("wb") as file:
        np.savez(
            file,
            ids=np.array([row.id for row in judged.rows]),
            served=judged.served,
            plain=judged.plain,
            data=np.array(rows_hash(judged.rows)),
            made_from=np.array(json.dumps(record)),
        )
    partial.replace(target)


def check_judged(folder: Path, rows: Sequence[Row], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """
    What ``folder`` holds of one fold: ``served``, ``plain``, and the record ``made_from``.

    Raises `FileNotFoundError`; and `ValueError` where it was judged on other rows, or with weights of another record,
    of which ``wanted`` may name a part.
    """
    import numpy as np

    with np.load(folder / FILE) as kept:
        found = {name: kept[name] for name in kept.files}
    given = json.loads(str(found["made_from"])) if "made_from" in found else None
    check(given, wanted, folder)
    if str(found.get("data")) != rows_hash(rows) or [str(name) for name in found["ids"]] != [row.id for row in rows]:
        raise ValueError(f"{folder} was judged on other page comments: remove it, or name another folder")
    return {**found, "made_from": given}


def read_folds(folder: Path) -> list[Judged]:
    """
    What `folds` wrote, each row with the part that it has for the served model.

    Raises `FileNotFoundError`; and `ValueError` where the page comments changed since, or the folds do not go together.
    """
    known = {row.id: row for row in authored()}
    found, others = [], None
    for number, held_out in enumerate(FOLDS, start=1):
        rows = authored(held_out)
        seen = [row for row in rows if row.part == "train"]
        unseen = [row for row in rows if row.part == "test"]
        kept = check_judged(folder / str(number), unseen, {"rows": len(seen), "data": rows_hash(seen)})
        same = {name: value for name, value in kept["made_from"].items() if name not in ("rows", "data")}
        others = others or same
        check(same, others, folder / str(number))
        found.append(Judged(tuple(known[row.id] for row in unseen), kept["served"], kept["plain"]))
    return found


def without_test_posts(folds: Sequence[Judged]) -> list[Judged]:
    """The folds less the posts on which the served model is tested: what is shipped must not be chosen on those."""
    import numpy as np

    return [fold.chosen(np.array([row.part == "train" for row in fold.rows])) for fold in folds]
