"""
What the frozen layers say of every row: computed once, kept on disk, shared by all folds.

One vector for each token, in bf16: 4.2 GB for 32,665 rows with mpnet.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from services.classify.encode import Encoded
from services.classify.training.data import Row
from services.classify.training.network import Encoder, build, padded

STEP = 8
"""Batches are padded to a multiple of it, so that few shapes of a batch occur: each costs a kernel of its own."""


class Hidden:
    """The vectors in ``folder``, read as they are needed."""

    def __init__(self, folder: Path) -> None:
        import numpy as np

        index = json.loads((folder / "index.json").read_text())
        self._places: dict[str, tuple[int, int]] = {key: tuple(place) for key, place in index["places"].items()}
        self._vectors = np.memmap(folder / "vectors", np.int16, "r").reshape(-1, index["width"])

    def __call__(self, items: Sequence[Encoded]) -> tuple[Any, Any]:
        """Vectors ``(n, tokens, width)`` and mask ``(n, tokens)``. Raises `KeyError` for what was never computed."""
        import numpy as np
        import torch

        longest = -(-max(len(item.ids) for item in items) // STEP) * STEP
        vectors = np.zeros((len(items), longest, self._vectors.shape[1]), np.int16)
        mask = torch.zeros(len(items), longest)
        for number, item in enumerate(items):
            begin, end = self._places[_key(item)]
            vectors[number, : end - begin] = self._vectors[begin:end]
            mask[number, : end - begin] = 1
        return torch.from_numpy(vectors).view(torch.bfloat16), mask


def hidden_of(rows: Sequence[Row], start: Path, frozen: int, cache: Path) -> Hidden:
    """
    What the embeddings and the lowest ``frozen`` layers of ``start`` say of the rows, with and without their posts.

    Kept in a folder of ``cache`` named by what it is made from: the frozen weights and the rows. A repeat, another
    process after this one, and a start that was trained from the same encoder find it.
    """
    encoder, network = Encoder(start), build(start, layers=frozen).eval()
    items = {_key(item): item for row in rows for item in _both(row, encoder)}
    digest = hashlib.sha256("\n".join(sorted(items)).encode())
    for name, value in sorted(network.encoder.state_dict().items()):
        digest.update(name.encode() + value.contiguous().numpy().tobytes())
    folder = cache / digest.hexdigest()[:16]
    if not folder.exists():
        _compute(sorted(items.values(), key=lambda item: len(item.ids)), network, folder)
    return Hidden(folder)


def _both(row: Row, encoder: Encoder) -> list[Encoded]:
    return [encoder(row), encoder(row, with_post=False)] if row.post else [encoder(row)]


def _compute(items: Sequence[Encoded], network: Any, folder: Path) -> None:
    import numpy as np
    import torch

    width = network.head.in_features
    partial = folder.with_name(f"{folder.name}.new")
    partial.mkdir(parents=True, exist_ok=True)
    tokens, places, begin = sum(len(item.ids) for item in items), {}, 0
    vectors = np.memmap(partial / "vectors", np.int16, "w+", shape=(tokens, width))
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        for first in range(0, len(items), 64):
            chunk = items[first : first + 64]
            found = network.encoder(**dict(zip(network.reads, padded(chunk, network.reads, step=STEP), strict=True)))
            found = found.last_hidden_state.to(torch.bfloat16).view(torch.int16).numpy()
            for item, vector in zip(chunk, found, strict=True):
                end = begin + len(item.ids)
                vectors[begin:end], places[_key(item)] = vector[: len(item.ids)], (begin, end)
                begin = end
            if first % 6400 == 0:
                print(f"frozen layers: {first} of {len(items)}", flush=True)
    vectors.flush()
    (partial / "index.json").write_text(json.dumps({"width": width, "places": places}))
    partial.replace(folder)


def _key(item: Encoded) -> str:
    return hashlib.sha256(json.dumps([item.ids, item.segments]).encode()).hexdigest()[:20]
