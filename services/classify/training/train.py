"""
Train the model: ``stage one`` on public rows, ``stage two`` on page comments.

Each stage keeps a checkpoint and goes on from it when the same command is given again; a finished stage is taken as
done. Numbers, seed, hashes, versions and the command are written beside the weights (``training.json``); the export
takes them over for the model card. Where the rows, the numbers or the start changed, a repeat stops with an error.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from services.classify.training.bases import BASES, base_folder
from services.classify.training.data import AUTHORED, UNKNOWN, Row, authored, fingerprint, public
from services.classify.training.hidden import Hidden, hidden_of
from services.classify.training.network import Encoder, build, save
from services.classify.training.provenance import (
    Record,
    check,
    is_finished,
    made_from,
    told_by,
    weights_hash,
    write_facts,
)

WITHOUT_POST = 0.15
"""Share of the rows that are seen without their post: every category must work when it is not known."""
SMOOTHING = 0.02
RATE = 8e-5
HEAD_RATE = 1e-3
WARM_UP = 100
CHECKPOINT_EVERY = 250
CHECKPOINT = "checkpoint.pt"
CACHE = Path(".cache/frozen")
EPOCHS, BATCH = 2, 32
MIXED = 5000
"""Public rows that the first epoch of stage two sees; the last one sees page comments only."""
FROZEN = 5
"""Of the eight layers of mpnet: what two cores can teach six times over in two hours (docs/decisions/0011)."""


@dataclass(frozen=True)
class Stage:
    """
    How one stage learns.

    ``words``: whether the vectors of the vocabulary learn too (public rows: yes). ``layers``: how many of the start's
    layers are kept, from the first on; None for all. ``frozen``: how many of these, with all embeddings, stay as they
    are; None for none. ``steps``: after how many batches learning ends; None for the end of the last epoch.
    """

    epochs: int
    batch: int
    rate: float
    words: bool
    seed: int
    layers: int | None = None
    frozen: int | None = None
    steps: int | None = None


def page_comments_stage(options: argparse.Namespace, layers: int | None = None) -> Stage:
    """How stage two learns; the folds learn the same way. ``options``: those of `add_stage_arguments`."""
    return Stage(
        epochs=options.epochs,
        batch=options.batch,
        rate=options.rate,
        words=False,
        seed=options.seed,
        layers=layers,
        frozen=options.frozen,
        steps=options.steps,
    )


def add_stage_arguments(parser: argparse.ArgumentParser) -> None:
    """What `train` and `folds` both take."""
    parser.add_argument("--data", type=Path, help="folder of the public rows")
    parser.add_argument(
        "--mixed", type=int, default=MIXED, help="how many public rows stage two sees beside page comments"
    )
    parser.add_argument("--start", type=Path, help="weights to start from; without them, the base encoder")
    parser.add_argument("--base", choices=BASES, default="mpnet", help="the base encoder, where there is no --start")
    parser.add_argument("--cache", type=Path, default=CACHE, help="folder for what frozen layers say")
    parser.add_argument("--steps", type=int, help="the most batches of stage two")
    parser.add_argument("--batch", type=int, default=BATCH, help="rows of a batch of stage two")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="of stage two; 0: only stage one")
    parser.add_argument("--rate", type=float, default=RATE, help="the highest learning rate of the encoder")
    parser.add_argument(
        "--frozen", type=int, default=FROZEN, help="how many of the lowest layers stage two leaves as they are"
    )
    parser.add_argument("--seed", type=int, default=1)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command line takes."""
    parser.add_argument("--public-rows", type=int, default=0, help="how many public rows stage one sees, once")
    parser.add_argument("--output", type=Path, required=True, help="folder for the weights")
    parser.add_argument("--hold-out", nargs="*", default=[], help="settings that are the test set as a whole")
    add_stage_arguments(parser)


def main(options: argparse.Namespace) -> int:
    """
    Train and write the weights; gives back the exit code. A repeat goes on where it was cut off.

    Raises `FileNotFoundError` for a start or public rows that are not there, and `ValueError` for an unknown setting
    and for an output folder that holds something else.
    """
    start, layers = start_of(options)
    seed = options.seed
    comments, told = authored(options.hold_out), told_by(options, "train")
    if options.public_rows:
        how = Stage(epochs=1, batch=32, rate=options.rate, words=True, seed=seed, layers=layers)
        rows = public(_folder(options), options.public_rows, seed)
        files = fingerprint((options.data / "train").glob("*.parquet"))
        start = run(rows, start, options.output / "stage-one", how, {**told, "files": files})
        layers = None
    if options.epochs:
        mixed = mixed_in(options)
        rows = [row for row in comments if row.part == "train"]
        seen = {"files": fingerprint(AUTHORED.glob("*.jsonl")), "held_out": options.hold_out}
        how, hidden = page_comments_stage(options, layers), hidden_for(options, start, mixed)
        run(rows, start, options.output, how, {**told, **seen}, mixed=mixed, hidden=hidden)
    return 0


def start_of(options: argparse.Namespace) -> tuple[Path, int | None]:
    """The weights to start from, and how many of their layers are kept. Raises `FileNotFoundError` without them."""
    if options.start:
        weights_hash(options.start)
        return options.start, None
    return base_folder(options.base, options.output / "base"), BASES[options.base].layers


def mixed_in(options: argparse.Namespace) -> list[Row]:
    """The public rows that stage two sees beside the page comments. Raises `ValueError` without their folder."""
    return public(_folder(options), options.mixed, options.seed) if options.mixed else []


def _folder(options: argparse.Namespace) -> Path:
    if not options.data:
        raise ValueError("public rows need --data; --mixed 0 leaves them out")
    return Path(options.data)


def hidden_for(options: argparse.Namespace, start: Path, mixed: Sequence[Row]) -> Hidden | None:
    """What the frozen layers say of all rows, whichever of them are held out; None where all layers learn."""
    return hidden_of([*authored(), *mixed], start, options.frozen, options.cache) if options.frozen else None


def run(
    rows: Sequence[Row],
    start: Path,
    output: Path,
    how: Stage,
    told: Mapping[str, Any],
    *,
    every: int = CHECKPOINT_EVERY,
    mixed: Sequence[Row] = (),
    hidden: Hidden | None = None,
) -> Path:
    """
    One stage: AdamW with warm-up and linear decay, bf16, an average of the weights at the end.

    Gives back ``output``, which then holds the weights and what they are made from, with what the caller has ``told``.
    ``mixed``: public rows beside them in the first epoch. ``hidden``: what the frozen layers say of all these, which is
    then not computed at each step.
    Cut off at any point, a repeat goes on from the last checkpoint, one in ``every`` steps; finished, it does nothing.
    Raises `ValueError` where ``output`` holds weights or a checkpoint of other rows, numbers or start.
    """
    import torch

    record = made_from(asdict(how), rows, start, mixed)
    if not (output / CHECKPOINT).exists() and is_finished(output, record):
        print(f"{output.name}: is there already", flush=True)
        return output
    torch.manual_seed(how.seed)
    network, encoder = build(start, layers=how.layers), Encoder(start)
    network.encoder.get_input_embeddings().weight.requires_grad_(how.words)
    if how.frozen:
        network.freeze(how.frozen, hidden)
    state = _State(output / CHECKPOINT, record, network, how.rate)
    all_steps = -(-(len(rows) + len(mixed)) // how.batch) + (how.epochs - 1) * -(-len(rows) // how.batch)
    steps = max(1, min(how.steps or sys.maxsize, all_steps))
    began, done = time.monotonic(), state.resume()
    network.train()
    for step, chosen in enumerate(islice(_batches(rows, mixed, encoder, how), steps)):
        if step < done:
            continue
        loss = loss_of(network, encoder, chosen, random.Random(f"{how.seed}/{step}"))
        state.learn(loss, min(1.0, (step + 1) / WARM_UP) * max(0.0, 1 - step / steps))
        if (step + 1) % every == 0 or step + 1 == steps:
            state.keep(step + 1)
            rate = (step + 1 - done) * how.batch / (time.monotonic() - began)
            print(f"{output.name}: step {step + 1} of {steps}, loss {loss.item():.4f}, {rate:.0f} rows/s", flush=True)
    state.finish()
    network.whole()
    save(network, encoder.tokenizer, output)
    write_facts(output, record, told, start)
    state.file.unlink(missing_ok=True)
    return output


class _State:
    """What a stage changes as it goes, and its checkpoint in ``file``."""

    def __init__(self, file: Path, record: Record, network: Any, rate: float) -> None:
        self.file, self._record, self._network = file, record, network
        self._learning = [(name, value) for name, value in network.named_parameters() if value.requires_grad]
        self._optimizer = _optimizer(self._learning, rate)
        self._average = {name: value.detach().clone() for name, value in self._learning}

    def learn(self, loss: Any, factor: float) -> None:
        """One step, at ``factor`` of the full rates."""
        import torch

        for group in self._optimizer.param_groups:
            group["lr"] = group["full"] * factor
        loss.backward()
        torch.nn.utils.clip_grad_norm_([value for _, value in self._learning], 1.0)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        with torch.no_grad():
            for name, value in self._learning:
                self._average[name].lerp_(value.detach(), 0.01)

    def finish(self) -> None:
        """Give the network the average of its weights."""
        import torch

        with torch.no_grad():
            for name, value in self._learning:
                value.copy_(self._average[name])

    def keep(self, done: int) -> None:
        """Write the checkpoint, whole or not at all."""
        import torch

        self.file.parent.mkdir(parents=True, exist_ok=True)
        state = {
            "network": self._network.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "average": self._average,
            "done": done,
            "chance": torch.get_rng_state(),
            "made_from": self._record,
        }
        partial = self.file.with_name(f"{CHECKPOINT}.new")
        torch.save(state, partial)
        partial.replace(self.file)

    def resume(self) -> int:
        """Take up the checkpoint; gives back how many steps are done. Raises `ValueError` for one of another record."""
        import torch

        if not self.file.exists():
            return 0
        state = torch.load(self.file)
        check(state.get("made_from"), self._record, self.file)
        self._network.load_state_dict(state["network"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._average.update(state["average"])
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


def _batches(rows: Sequence[Row], mixed: Sequence[Row], encoder: Encoder, how: Stage) -> Iterator[list[Row]]:
    """All epochs' shuffled batches of rows of like length: short ones are not padded to long ones."""
    for epoch in range(how.epochs):
        chance = random.Random(f"{how.seed}/epoch {epoch}")
        shuffled = [*rows, *(mixed if epoch == 0 else ())]
        chance.shuffle(shuffled)
        for begin in range(0, len(shuffled), how.batch * 30):
            chunk = sorted(shuffled[begin : begin + how.batch * 30], key=lambda row: len(encoder(row).ids))
            groups = [chunk[index : index + how.batch] for index in range(0, len(chunk), how.batch)]
            chance.shuffle(groups)
            yield from groups


def loss_of(network: Any, encoder: Encoder, rows: Sequence[Row], chance: random.Random) -> Any:
    """Cross-entropy over the labels that are known; without its post a row says nothing of being off topic."""
    import torch

    with_post = [bool(row.post) and chance.random() > WITHOUT_POST for row in rows]
    encoded = [encoder(row, with_post=shown) for row, shown in zip(rows, with_post, strict=True)]
    labels = torch.tensor([row.labels for row in rows]).float()
    labels[[index for index, shown in enumerate(with_post) if not shown], 0] = UNKNOWN
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = network.read(encoded).float()
    known = (labels != UNKNOWN).float()
    target = labels.clamp(min=0) * (1 - SMOOTHING) + SMOOTHING / 2
    losses = torch.nn.functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return (losses * known).sum() / known.sum().clamp(min=1)
