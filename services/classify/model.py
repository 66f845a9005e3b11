"""
The model: nine probabilities for a comment under its post, from int8 weights served by ONNX Runtime.

* One comment at a time: int8 scores of a comment change with its batch mates (engineering fact A1), and a record must
  be explainable later. So the same comment has the same score whatever arrives with it, on repeats and after a restart.
* One single-threaded session for each worker, in a pool of threads off the event loop; ONNX Runtime frees the
  interpreter while it computes. Identical normalised pairs of a batch are scored once.
* The files are compared with the hashes in ``model.json`` at start. A missing, altered or wrongly labelled model stops
  the process: nothing is ever "clean by default".
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import queue
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import onnxruntime
from tokenizers import Tokenizer

from services.classify.detectors import LONGEST
from services.classify.encode import Encoded, Marks, encode, windows
from services.classify.normalise import Normalised, normalise
from shared import metrics
from shared.categories import CATEGORIES, Category
from shared.errors import SettingsInvalid
from shared.events import Span

SHIPPED = Path(__file__).with_name("model")
"""The model that this repository ships."""

FILES = ("model.onnx", "tokenizer.json")
"""What ``model.json`` must hold the hashes of."""

OFF_TOPIC = CATEGORIES.index(Category.OFF_TOPIC)

Scores = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Pair:
    """A comment and the official post that it answers; the post is None when it is not known."""

    comment: str
    post: str | None = None


class Model(Protocol):
    """Judges comments. Implementations are deterministic: a pair has one score."""

    @property
    def version(self) -> str:
        """Names weights and calibration; it stands in every record."""
        ...

    async def score(self, pairs: Sequence[Pair]) -> Scores:
        """Probabilities, ``(n, 9)`` float32, columns in the order of A.11 a to i. Safe to repeat."""
        ...

    async def close(self) -> None:
        """Free the workers. Safe to repeat."""
        ...


@dataclass(frozen=True)
class Reading:
    """
    What a model makes of a comment: nine probabilities, and for each the stretch of the original comment that decided.

    Both in the order of A.11.
    """

    scores: Scores
    stretches: tuple[Span, ...]


@runtime_checkable
class Reader(Protocol):
    """A model that reads a long comment in windows, and tells which of them decided."""

    async def read(self, pairs: Sequence[Pair]) -> list[Reading]:
        """One for each pair, with the same probabilities as `Model.score`. Safe to repeat."""
        ...


async def read(model: Model, pairs: Sequence[Pair]) -> list[Reading]:
    """As `Reader.read`, for any model; one that is no `Reader` has the whole comment decide."""
    if isinstance(model, Reader):
        return await model.read(pairs)
    rows = await model.score(pairs)
    return [Reading(row, (_whole(pair),) * len(CATEGORIES)) for row, pair in zip(rows, pairs, strict=True)]


@dataclass(frozen=True)
class Card:
    """What ``model.json`` says: the encoder's marks, and for each label the slope and shift of its calibration."""

    version: str
    marks: Marks
    slopes: Scores
    shifts: Scores


class OnnxModel:
    """A folder with ``model.onnx``, ``tokenizer.json`` and ``model.json``."""

    def __init__(self, folder: Path, *, workers: int) -> None:
        """Load and verify. Raises `SettingsInvalid` that names what is wrong with the folder."""
        self._card = read_card(folder)
        self._tokenizer = open_tokenizer(folder)
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._sessions: queue.SimpleQueue[onnxruntime.InferenceSession] = queue.SimpleQueue()
        for _ in range(workers):
            self._sessions.put(open_session(folder / "model.onnx"))
        self._pool = ThreadPoolExecutor(workers, "score")

    @property
    def version(self) -> str:
        """See `Model.version`."""
        return self._card.version

    async def score(self, pairs: Sequence[Pair]) -> Scores:
        """See `Model.score`."""
        return self._calibrated(await self.logits(pairs))

    async def read(self, pairs: Sequence[Pair]) -> list[Reading]:
        """See `Reader.read`."""
        comments, found = await self._in_windows(pairs)
        rows = self._calibrated(_decided(found))
        return [
            Reading(row, one.stretches(pair, comment))
            for row, pair, comment, one in zip(rows, pairs, comments, found, strict=True)
        ]

    async def logits(self, pairs: Sequence[Pair]) -> Scores:
        """What `score` calibrates: ``(n, 9)`` float32."""
        _, found = await self._in_windows(pairs)
        return _decided(found)

    async def close(self) -> None:
        """See `Model.close`."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def encode(self, pair: Pair) -> list[Encoded]:
        """What the model reads of a normalised pair: one window, or several of a long comment."""
        return [encoded for encoded, _ in self._encode(pair)]

    def _encode(self, pair: Pair) -> list[tuple[Encoded, tuple[int, int]]]:
        """The windows, each with its characters in the normalised comment: the first, and the one behind the last."""
        comment = self._tokenizer.encode(pair.comment, add_special_tokens=False)
        post = self._tokenizer.encode(pair.post, add_special_tokens=False).ids if pair.post else None
        tokens_of = windows(range(len(comment.ids)))
        places = [(comment.offsets[w[0]][0], comment.offsets[w[-1]][1]) if w else (0, 0) for w in tokens_of]
        marks = self._card.marks
        return [
            (encode(window, post, marks), place) for window, place in zip(windows(comment.ids), places, strict=True)
        ]

    async def _in_windows(self, pairs: Sequence[Pair]) -> tuple[list[Normalised], list[_Windows]]:
        """The comments as the model reads them, and what it makes of each; the same pair is read once."""
        loop = asyncio.get_running_loop()
        comments, plain = await loop.run_in_executor(self._pool, _plain, pairs)
        unique = list(dict.fromkeys(plain))
        rows = await asyncio.gather(*(loop.run_in_executor(self._pool, self._one, pair) for pair in unique))
        found = dict(zip(unique, rows, strict=True))
        return comments, [found[pair] for pair in plain]

    def _one(self, pair: Pair) -> _Windows:
        session = self._sessions.get()
        try:
            with metrics.SCORE_SECONDS.time():
                encoded = self._encode(pair)
                rows = np.stack([_run(session, window) for window, _ in encoded])
        finally:
            self._sessions.put(session)
        return _Windows(rows, tuple(place for _, place in encoded))

    def _calibrated(self, logits: Scores) -> Scores:
        return np.asarray(1.0 / (1.0 + np.exp(-(self._card.slopes * logits + self._card.shifts))), np.float32)


@dataclass(frozen=True, eq=False)
class _Windows:
    """The logits of each window, ``(windows, 9)``, and its characters in the normalised comment."""

    rows: Scores
    places: tuple[tuple[int, int], ...]

    @property
    def deciding(self) -> npt.NDArray[np.intp]:
        """For each category the strongest window; a comment is off topic only where all of it is, so the weakest."""
        numbers = np.asarray(self.rows.argmax(axis=0))
        numbers[OFF_TOPIC] = self.rows[:, OFF_TOPIC].argmin()
        return numbers

    @property
    def decided(self) -> Scores:
        """The logits of the windows that decide: nine."""
        return np.asarray(self.rows[self.deciding, np.arange(len(CATEGORIES))], np.float32)

    def stretches(self, pair: Pair, comment: Normalised) -> tuple[Span, ...]:
        """Where the windows that decide lie in the original comment."""
        if len(self.places) == 1:
            return (_whole(pair),) * len(CATEGORIES)
        found = [comment.original_span(*self.places[number]) for number in self.deciding]
        return tuple(Span(start=start, end=end) for start, end in found)


def _decided(found: Sequence[_Windows]) -> Scores:
    return np.stack([one.decided for one in found]) if found else np.zeros((0, len(CATEGORIES)), np.float32)


def _whole(pair: Pair) -> Span:
    return Span(start=0, end=len(pair.comment))


def _run(session: onnxruntime.InferenceSession, encoded: Encoded) -> Scores:
    ids = np.asarray([encoded.ids], np.int64)
    given = {
        "input_ids": ids,
        "attention_mask": np.ones_like(ids),
        "token_type_ids": np.asarray([encoded.segments], np.int64),
    }
    [logits] = session.run(["logits"], {wanted.name: given[wanted.name] for wanted in session.get_inputs()})
    return np.asarray(logits[0], np.float32)


def _plain(pairs: Sequence[Pair]) -> tuple[list[Normalised], list[Pair]]:
    """The comments normalised, and the pairs as the model reads them; of a text the first `LONGEST` characters."""
    comments = [normalise(pair.comment[:LONGEST]) for pair in pairs]
    posts = [normalise(pair.post[:LONGEST]).text if pair.post else None for pair in pairs]
    return comments, [Pair(comment.text, post) for comment, post in zip(comments, posts, strict=True)]


def open_tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer of a model's folder. Raises `SettingsInvalid`."""
    try:
        return Tokenizer.from_file(str(folder / "tokenizer.json"))
    except Exception as error:  # the library raises nothing more narrow
        raise SettingsInvalid("CLASSIFY_MODEL_DIR: tokenizer.json cannot be read") from error


def open_session(file: Path) -> onnxruntime.InferenceSession:
    """One single-threaded session. Raises `SettingsInvalid` for what ONNX Runtime cannot load."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the library's classes share no narrower root
        raise SettingsInvalid(f"CLASSIFY_MODEL_DIR: {file.name} cannot be loaded") from error


def version_of(hashes: Mapping[str, str], calibration: Mapping[str, Sequence[float]]) -> str:
    """12 hex digits that name weights, tokenizer and calibration together."""
    return hashlib.sha256(json.dumps([hashes, calibration], sort_keys=True).encode()).hexdigest()[:12]


def read_card(folder: Path) -> Card:
    """
    Read ``model.json`` and compare the files with their hashes. Further keys are left alone.

    Raises `SettingsInvalid` for a missing or altered file or calibration, and for labels in another order than that of
    A.11.
    """
    try:
        card = json.loads((folder / "model.json").read_text())
        labels, calibration = card["labels"], card["calibration"]
        for name in FILES:
            if hashlib.sha256((folder / name).read_bytes()).hexdigest() != card["sha256"][name]:
                raise SettingsInvalid(f"CLASSIFY_MODEL_DIR: {name} is not the file that model.json describes")
        if labels != [category.value for category in CATEGORIES]:
            raise SettingsInvalid("CLASSIFY_MODEL_DIR: the labels in model.json are not A.11 a to i in order")
        if card["version"] != version_of(card["sha256"], calibration):
            raise SettingsInvalid("CLASSIFY_MODEL_DIR: the version in model.json is not that of its calibration")
        numbers = np.asarray([calibration[label] for label in labels], np.float32)
        marks = Marks(*(tuple(int(one) for one in card["marks"][name]) for name in ("first", "between", "last")))
        return Card(str(card["version"]), marks, numbers[:, 0], numbers[:, 1])
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise SettingsInvalid(f"CLASSIFY_MODEL_DIR: the model cannot be read: {type(error).__name__}") from error
