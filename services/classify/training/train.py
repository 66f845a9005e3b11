"""
Train the model: ``stage one`` on public rows, ``stage two`` on page comments.

Each stage keeps a checkpoint and goes on from it when the same command is given again. Seeds and data hashes are
written beside the weights (``training.json``); the model card repeats them.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from services.classify.training.data import AUTHORED, UNKNOWN, Row, authored, fingerprint, public
from services.classify.training.network import Encoder, build, encoder_folder, padded, save

WITHOUT_POST = 0.15
"""Share of the rows that are seen without their post: every category must work when it is not known."""
SMOOTHING = 0.02
HEAD_RATE = 1e-3
WARM_UP = 100
CHECKPOINT_EVERY = 250
CHECKPOINT = "checkpoint.pt"
EPOCHS = 3
"""Of stage two, over 25,000 page comments; four were used while there were half as many."""


@dataclass(frozen=True)
class Stage:
    """How one stage learns. ``words``: whether the vectors of the vocabulary learn too (public rows: yes)."""

    epochs: int
    batch: int
    rate: float
    words: bool
    seed: int


def page_comments_stage(epochs: int, seed: int) -> Stage:
    """How stage two learns; the folds learn the same way."""
    return Stage(epochs=epochs, batch=16, rate=6e-5, words=False, seed=seed)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command line takes."""
    parser.add_argument("--data", type=Path, help="folder of the public rows; without it, stage one is left out")
    parser.add_argument("--public-rows", type=int, default=50_000, help="how many of them stage one sees, once")
    parser.add_argument("--start", type=Path, help="weights to start from; without them, the base encoder")
    parser.add_argument("--output", type=Path, required=True, help="folder for the weights")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="of stage two; 0: only stage one")
    parser.add_argument("--hold-out", nargs="*", default=[], help="settings that are the test set as a whole")
    parser.add_argument("--seed", type=int, default=1)


def main(options: argparse.Namespace) -> int:
    """Train and write the weights; gives back the exit code. A repeat goes on where it was cut off."""
    start, seed = options.start or encoder_folder(), options.seed
    facts: dict[str, Any] = {"seed": seed, "start": options.start.name if options.start else "base encoder"}
    if options.data:
        how = Stage(epochs=1, batch=32, rate=6e-5, words=True, seed=seed)
        rows = public(options.data, options.public_rows, seed)
        start = run(rows, start, options.output / "stage-one", how)
        files = (options.data / "train").glob("*.parquet")
        facts["stage_one"] = {**asdict(how), "rows": len(rows), "data": fingerprint(files)}
    if options.epochs:
        how = page_comments_stage(options.epochs, seed)
        rows = [row for row in authored(options.hold_out) if row.part == "train"]
        run(rows, start, options.output, how)
        data = fingerprint(AUTHORED.glob("*.jsonl"))
        facts["stage_two"] = {**asdict(how), "rows": len(rows), "data": data, "held_out": options.hold_out}
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "training.json").write_text(json.dumps(facts, indent=2) + "\n")
    return 0


def run(rows: Sequence[Row], start: Path, output: Path, how: Stage) -> Path:
    """One stage: AdamW with warm-up and linear decay, bf16, an average of the weights at the end."""
    import torch

    torch.manual_seed(how.seed)
    network, encoder = build(start), Encoder(start)
    network.encoder.embeddings.word_embeddings.weight.requires_grad_(how.words)
    learning = [(name, value) for name, value in network.named_parameters() if value.requires_grad]
    optimizer = _optimizer(learning, how.rate)
    average = {name: value.detach().clone() for name, value in learning}
    steps, began = max(1, how.epochs * -(-len(rows) // how.batch)), time.monotonic()
    done = _resume(output, network, optimizer, average)
    network.train()
    for step, chosen in enumerate(_batches(rows, encoder, how)):
        if step < done:
            continue
        factor = min(1.0, (step + 1) / WARM_UP) * max(0.0, 1 - step / steps)
        for group in optimizer.param_groups:
            group["lr"] = group["full"] * factor
        loss = _loss(network, encoder, chosen, random.Random(f"{how.seed}/{step}"))
        loss.backward()
        torch.nn.utils.clip_grad_norm_([value for _, value in learning], 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        with torch.no_grad():
            for name, value in learning:
                average[name].lerp_(value.detach(), 0.01)
        if (step + 1) % CHECKPOINT_EVERY == 0:
            _checkpoint(output, network, optimizer, average, step + 1)
            rate = (step + 1 - done) * how.batch / (time.monotonic() - began)
            print(f"{output.name}: step {step + 1} of {steps}, loss {loss.item():.4f}, {rate:.0f} rows/s", flush=True)
    with torch.no_grad():
        for name, value in learning:
            value.copy_(average[name])
    save(network, encoder.tokenizer, output)
    (output / CHECKPOINT).unlink(missing_ok=True)
    return output


def _checkpoint(output: Path, network: Any, optimizer: Any, average: dict[str, Any], done: int) -> None:
    import torch

    output.mkdir(parents=True, exist_ok=True)
    state = {"network": network.state_dict(), "optimizer": optimizer.state_dict(), "average": average}
    partial = output / f"{CHECKPOINT}.new"
    torch.save({**state, "done": done, "chance": torch.get_rng_state()}, partial)
    partial.replace(output / CHECKPOINT)


def _resume(output: Path, network: Any, optimizer: Any, average: dict[str, Any]) -> int:
    """Take up the checkpoint in ``output``; gives back how many steps are done."""
    import torch

    if not (output / CHECKPOINT).exists():
        return 0
    state = torch.load(output / CHECKPOINT)
    network.load_state_dict(state["network"])
    optimizer.load_state_dict(state["optimizer"])
    average.update(state["average"])
    torch.set_rng_state(state["chance"])
    return int(state["done"])


def _optimizer(learning: Sequence[tuple[str, Any]], rate: float) -> Any:
    import torch

    def chosen(*, head: bool, plain: bool) -> list[Any]:
        return [
            value
            for name, value in learning
            if name.startswith("head") is head and (head or ("bias" in name or "LayerNorm" in name) is plain)
        ]

    groups = [
        {"params": chosen(head=False, plain=False), "full": rate, "weight_decay": 0.01},
        {"params": chosen(head=False, plain=True), "full": rate, "weight_decay": 0.0},
        {"params": chosen(head=True, plain=True), "full": HEAD_RATE, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=rate, fused=True)


def _batches(rows: Sequence[Row], encoder: Encoder, how: Stage) -> Iterator[list[Row]]:
    """All epochs' shuffled batches of rows of like length: short ones are not padded to long ones."""
    for epoch in range(how.epochs):
        chance = random.Random(f"{how.seed}/epoch {epoch}")
        shuffled = list(rows)
        chance.shuffle(shuffled)
        for begin in range(0, len(shuffled), how.batch * 30):
            chunk = sorted(shuffled[begin : begin + how.batch * 30], key=lambda row: len(encoder(row).ids))
            groups = [chunk[index : index + how.batch] for index in range(0, len(chunk), how.batch)]
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
