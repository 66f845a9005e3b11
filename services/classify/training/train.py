"""
Train the model: ``stage one`` on public rows, ``stage two`` on page comments.

Seeds and data hashes are written beside the weights (``training.json``); the model card repeats them.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from services.classify.training.data import AUTHORED, UNKNOWN, Row, authored, fingerprint, public
from services.classify.training.network import Encoder, build, encoder_folder, padded, save

PUBLIC_ROWS = 34_000
WITHOUT_POST = 0.15
"""Share of the rows that are seen without their post: every category must work when it is not known."""
SMOOTHING = 0.02
HEAD_RATE = 1e-3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command line takes."""
    parser.add_argument("--data", type=Path, help="folder of the public rows; without it, stage one is left out")
    parser.add_argument("--start", type=Path, help="weights to start from; without them, the base encoder")
    parser.add_argument("--output", type=Path, required=True, help="folder for the weights")
    parser.add_argument("--epochs", type=int, default=5, help="of stage two")
    parser.add_argument("--hold-out", nargs="*", default=[], help="settings that are the test set as a whole")
    parser.add_argument("--seed", type=int, default=1)


def main(options: argparse.Namespace) -> int:
    """Train and write the weights; gives back the exit code."""
    import torch

    torch.manual_seed(options.seed)
    start = options.start or encoder_folder()
    if options.data:
        rows = public(options.data, PUBLIC_ROWS, options.seed)
        start = _stage(rows, start, options.output / "stage-one", epochs=1, batch=32, rate=6e-5, seed=options.seed)
    rows = [row for row in authored(options.hold_out) if row.part == "train"]
    _stage(rows, start, options.output, epochs=options.epochs, batch=16, rate=6e-5, seed=options.seed)
    facts = {
        "seed": options.seed,
        "epochs": options.epochs,
        "held_out": options.hold_out,
        "page_comments": len(rows),
        "page_comments_sha256": fingerprint(AUTHORED.glob("*.jsonl")),
        "public_sha256": fingerprint((options.data / "train").glob("*.parquet")) if options.data else None,
    }
    (options.output / "training.json").write_text(json.dumps(facts, indent=2) + "\n")
    return 0


def _stage(rows: Sequence[Row], start: Path, output: Path, *, epochs: int, batch: int, rate: float, seed: int) -> Path:
    """One stage: AdamW with warm-up and linear decay, bf16, an average of the weights at the end."""
    import torch

    network, encoder = build(start), Encoder(start)
    optimizer = _optimizer(network, rate)
    chance = random.Random(seed)
    steps, step, began = max(1, epochs * (len(rows) // batch)), 0, time.monotonic()
    average = {name: value.detach().clone() for name, value in network.named_parameters()}
    for epoch in range(epochs):
        network.train()
        for chosen in _batches(rows, encoder, batch, chance):
            factor = min(1.0, (step + 1) / 100) * max(0.0, 1 - step / steps)
            for group in optimizer.param_groups:
                group["lr"] = group["full"] * factor
            loss = _loss(network, encoder, chosen, chance)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            with torch.no_grad():
                for name, value in network.named_parameters():
                    average[name].lerp_(value.detach(), 0.01)
            step += 1
        print(f"epoch {epoch + 1} of {epochs}: loss {loss.item():.4f}, {time.monotonic() - began:.0f} s", flush=True)
    with torch.no_grad():
        for name, value in network.named_parameters():
            value.copy_(average[name])
    save(network, encoder.tokenizer, output)
    return output


def _optimizer(network: Any, rate: float) -> Any:
    import torch

    plain = [value for name, value in network.encoder.named_parameters() if "bias" in name or "LayerNorm" in name]
    decayed = [
        value for name, value in network.encoder.named_parameters() if "bias" not in name and "LayerNorm" not in name
    ]
    groups = [
        {"params": decayed, "full": rate, "weight_decay": 0.01},
        {"params": plain, "full": rate, "weight_decay": 0.0},
        {"params": network.head.parameters(), "full": HEAD_RATE, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=rate)


def _batches(rows: Sequence[Row], encoder: Encoder, size: int, chance: random.Random) -> Iterator[list[Row]]:
    """Shuffled batches of rows of like length: short ones are not padded to long ones."""
    shuffled = list(rows)
    chance.shuffle(shuffled)
    for begin in range(0, len(shuffled), size * 30):
        chunk = sorted(shuffled[begin : begin + size * 30], key=lambda row: len(encoder(row).ids))
        groups = [chunk[index : index + size] for index in range(0, len(chunk), size)]
        chance.shuffle(groups)
        yield from groups


def _loss(network: Any, encoder: Encoder, rows: Sequence[Row], chance: random.Random) -> Any:
    """Cross-entropy over the labels that are known; without its post a row says nothing of being off topic."""
    import torch

    with_post = [bool(row.post) and chance.random() > WITHOUT_POST for row in rows]
    encoded = [encoder(row, with_post=shown) for row, shown in zip(rows, with_post, strict=True)]
    labels = torch.tensor([row.labels for row in rows]).float()
    labels[[index for index, shown in enumerate(with_post) if not shown], 0] = UNKNOWN
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = network(**padded(encoded)).float()
    known = (labels != UNKNOWN).float()
    target = labels.clamp(min=0) * (1 - SMOOTHING) + SMOOTHING / 2
    losses = torch.nn.functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return (losses * known).sum() / known.sum().clamp(min=1)
