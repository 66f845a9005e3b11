"""The network in PyTorch: the encoder, the mean over its tokens, nine logits. Imports PyTorch when used."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from services.classify.encode import Encoded, Marks, encode, windows
from services.classify.training.data import Row
from shared.categories import CATEGORIES, Category

if TYPE_CHECKING:
    from services.classify.training.hidden import Hidden

OFF_TOPIC = CATEGORIES.index(Category.OFF_TOPIC)


def build(folder: Path, *, layers: int | None = None) -> Any:
    """
    Encoder and head from ``folder``: a base encoder's, or one that `save` wrote.

    Gives a module whose call takes the tensors that it names in ``reads`` and gives ``(n, 9)`` logits. Encoders of the
    BERT and MPNet kinds fit, whatever their width; ``layers`` keeps the first ones only. Nothing is dropped inside the
    encoder: to draw what is dropped took a fifth of a step on two cores.
    """
    import torch
    from torch import nn
    from transformers import AutoModel

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            kept = {} if layers is None else {"num_hidden_layers": layers}
            self.encoder = AutoModel.from_pretrained(
                folder,
                attn_implementation="eager",
                add_pooling_layer=False,
                hidden_dropout_prob=0.0,
                attention_probs_dropout_prob=0.0,
                **kept,
            )
            self.drop = nn.Dropout(0.1)
            self.head = nn.Linear(self.encoder.config.hidden_size, len(CATEGORIES))
            self.reads = _NAMES if hasattr(self.encoder.config, "type_vocab_size") else _NAMES[:2]

            self.hidden: Hidden | None = None

        def freeze(self, layers: int, hidden: Hidden | None) -> None:
            """
            Leave the embeddings and the first ``layers`` as they are.

            With ``hidden``, what they say is read from there. MPNet's layers share a bias of positions: it stays too.
            """
            shared = getattr(self.encoder.encoder, "relative_attention_bias", None)
            frozen = [self.encoder.embeddings, *self.encoder.encoder.layer[:layers], *([shared] if shared else [])]
            for part in frozen:
                part.requires_grad_(False)
            if hidden:
                self.hidden, self._all = hidden, self.encoder.encoder.layer
                self.encoder.encoder.layer = self._all[layers:]

        def whole(self) -> None:
            """Put the frozen layers back below the others."""
            if self.hidden:
                self.hidden, self.encoder.encoder.layer = None, self._all
                del self._all

        def read(self, items: Sequence[Encoded]) -> Any:
            """Logits ``(n, 9)`` of a batch."""
            if self.hidden is None:
                return self(*padded(items, self.reads))
            below, mask = self.hidden(items)
            lowest = torch.finfo(torch.float32).min
            return self._judge(
                self.encoder.encoder(below.float(), attention_mask=(1 - mask)[:, None, None, :] * lowest)[0], mask
            )

        def forward(self, *given: Any) -> Any:
            named = dict(zip(self.reads, given, strict=True))
            return self._judge(self.encoder(**named).last_hidden_state, named["attention_mask"])

        def _judge(self, hidden: Any, mask: Any) -> Any:
            hidden = hidden.float()
            mask = mask.unsqueeze(-1).to(hidden.dtype)
            return self.head(self.drop((hidden * mask).sum(1) / mask.sum(1)))

    network = Network()
    if (folder / "head.pt").exists():
        network.head.load_state_dict(torch.load(folder / "head.pt"))
    return network


def save(network: Any, tokenizer: Any, folder: Path) -> None:
    """Write encoder, head and tokenizer, for the next stage or the export."""
    import torch

    folder.mkdir(parents=True, exist_ok=True)
    network.encoder.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    torch.save(network.head.state_dict(), folder / "head.pt")


class Encoder:
    """Token ids of rows, by the same rule as in serving; each text is split into tokens once."""

    def __init__(self, folder: Path) -> None:
        from transformers import AutoTokenizer

        self.tokenizer: Any = AutoTokenizer.from_pretrained(folder)
        self.marks = _marks(self.tokenizer)
        self._known: dict[str, list[int]] = {}

    def __call__(self, row: Row, *, with_post: bool = True) -> Encoded:
        """What the model learns from of a row: its first window."""
        return self.windows(row, with_post=with_post)[0]

    def windows(self, row: Row, *, with_post: bool = True) -> list[Encoded]:
        """What the model reads of a row when it judges: one window, or several of a long comment."""
        post = self._ids(row.post) if with_post and row.post else None
        return [encode(window, post, self.marks) for window in windows(self._ids(row.comment))]

    def _ids(self, text: str) -> list[int]:
        if text not in self._known:
            self._known[text] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return self._known[text]


def _marks(tokenizer: Any) -> Marks:
    """What the tokenizer itself puts before, between and behind two texts."""
    one, two = (tokenizer(text, add_special_tokens=False)["input_ids"] for text in ("post", "comment"))
    ids = tokenizer("post", "comment")["input_ids"]
    first = next(at for at in range(len(ids)) if ids[at : at + len(one)] == one)
    second = next(at for at in range(first + len(one), len(ids)) if ids[at : at + len(two)] == two)
    return Marks(tuple(ids[:first]), tuple(ids[first + len(one) : second]), tuple(ids[second + len(two) :]))


def padded(items: Sequence[Encoded], reads: Sequence[str], *, step: int = 1) -> list[Any]:
    """The tensors named in ``reads`` for a batch, padded to its longest, or to the next multiple of ``step``."""
    import torch

    longest = -(-max(len(item.ids) for item in items) // step) * step
    batch = {name: torch.zeros(len(items), longest, dtype=torch.long) for name in _NAMES}
    for number, item in enumerate(items):
        length = len(item.ids)
        batch["input_ids"][number, :length] = torch.tensor(item.ids)
        batch["token_type_ids"][number, :length] = torch.tensor(item.segments)
        batch["attention_mask"][number, :length] = 1
    return [batch[name] for name in reads]


_NAMES = ("input_ids", "attention_mask", "token_type_ids")


def predict(network: Any, encoder: Encoder, rows: Sequence[Row], *, with_post: bool = True) -> Any:
    """
    Logits ``(n, 9)`` of the rows, in their order.

    Long comments are read and combined as in serving: the strongest window of each category, off topic only where all
    of the comment is.
    """
    import numpy as np
    import torch

    items = [(owner, item) for owner, row in enumerate(rows) for item in encoder.windows(row, with_post=with_post)]
    items.sort(key=lambda pair: len(pair[1].ids))
    found = np.full((len(rows), len(CATEGORIES)), -np.inf, np.float32)
    found[:, OFF_TOPIC] = np.inf
    network.eval()
    with torch.no_grad():
        for begin in range(0, len(items), 32):
            chunk = items[begin : begin + 32]
            logits = network(*padded([item for _, item in chunk], network.reads)).numpy()
            for (owner, _), seen in zip(chunk, logits, strict=True):
                off_topic = min(found[owner, OFF_TOPIC], seen[OFF_TOPIC])
                found[owner] = np.maximum(found[owner], seen)
                found[owner, OFF_TOPIC] = off_topic
    return found
