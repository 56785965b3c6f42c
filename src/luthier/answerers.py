"""Models that answer batches of NumPy arrays, whatever computes them, and how rows are put to them.

PyTorch's own path is `training/predict.py`; what is here needs no PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from luthier.codec import Codec
from luthier.items import Batch, Items
from luthier.padding import IGNORED
from luthier.ragged import Array, Ragged

OUTPUTS = {  # kind of inference -> the outputs of a model that it is read from
    "logits": ("logits",),
    "token-logits": ("logits",),
    "span-logits": ("start_logits", "end_logits"),
    "log-likelihood": ("logits",),
    "decoder-log-likelihood": ("logits",),
    "fill-mask": ("logits",),
    "generate": (),
}
OF_LABELS = ("logits", "token-logits", "span-logits")  # kinds without a vocabulary
BATCH = 32  # items of a batch
MOST_GUESSES = 100  # for each hole


class Answerer(Protocol):
    """A model that answers batches, and knows its size."""

    n_bytes: int  # of the files with its weights

    def __call__(self, batch: Batch[Array]) -> Mapping[str, Array]:
        """Compute the outputs of a batch, by Transformers' names; targets are read, not written."""


class Writer(Answerer, Protocol):
    """A model that writes texts."""

    def write(self, batch: Batch[Array]) -> list[Array]:
        """Write token ids for each item of a batch, by the run's settings."""


def batch_of(codec: Codec, items: Items, chosen: Sequence[int] | Array, kind: str) -> Batch[Array]:
    """Make a batch of the chosen items."""
    made: Batch[Array] = codec.batch(items, np.asarray(chosen), kind=kind)
    return made


def read(answerer: Any, batch: Batch[Array], kind: str) -> list[Array]:
    """Infer a kind for each item of a batch."""
    if kind == "generate":
        written: list[Array] = answerer.write(batch)
        return written
    computed = answerer(batch)
    parts = [computed[name] for name in OUTPUTS[kind]]
    outputs = parts[0] if len(parts) == 1 else np.stack(parts, axis=-1)
    return READING[kind](outputs, batch)


def targets_of(batch: Batch[Array]) -> Array:
    """Return the targets of a batch, which must have some."""
    if batch.targets is None:
        raise ValueError("this kind of batch has no targets")
    return batch.targets


def _whole(outputs: Array, batch: Batch[Array]) -> list[Array]:
    return list(outputs)


def _of_tokens(outputs: Array, batch: Batch[Array]) -> list[Array]:
    """Drop the outputs of padding: no answer starts or ends in it, and it has no tag."""
    is_token = batch.inputs["attention_mask"].astype(bool)
    return [one[kept] for one, kept in zip(outputs, is_token, strict=True)]


def _likelihood(outputs: Array, batch: Batch[Array]) -> list[Array]:
    """Sum log likelihoods of targets; count them, and those that have the highest probability."""
    found = []
    for row, wanted in zip(outputs, targets_of(batch), strict=True):
        counts = wanted != IGNORED
        kept, right = row[counts].astype(np.float64), wanted[counts]  # (targets, vocabulary)
        most = kept.max(axis=-1, initial=-np.inf)
        normal = most + np.log(np.exp(kept - most[:, None]).sum(axis=-1))
        picked = np.take_along_axis(kept, right[:, None], axis=-1)[:, 0] - normal
        n_right = (kept.argmax(axis=-1) == right).sum() if len(right) else 0
        found.append(np.array([picked.sum(), counts.sum(), n_right], dtype=np.float64))
    return found


def _guesses(outputs: Array, batch: Batch[Array]) -> list[Array]:
    """Find the best ids for targets, which are the holes, and their probabilities."""
    found = []
    for row, wanted in zip(outputs, targets_of(batch), strict=True):
        logits = row[wanted != IGNORED]  # (holes, vocabulary)
        shares = np.exp(logits - logits.max(axis=-1, keepdims=True, initial=-np.inf))
        shares /= shares.sum(axis=-1, keepdims=True)
        best = np.argsort(-shares, axis=-1, kind="stable")[:, :MOST_GUESSES]
        pairs = np.stack([best, np.take_along_axis(shares, best, axis=-1)], axis=-1)
        found.append(pairs.reshape(-1, 2).astype(np.float64))
    return found


READING: dict[str, Callable[[Array, Batch[Array]], list[Array]]] = {
    "logits": _whole,
    "token-logits": _of_tokens,
    "span-logits": _of_tokens,
    "log-likelihood": _likelihood,
    "decoder-log-likelihood": _likelihood,
    "fill-mask": _guesses,
}


def infer_items(answerer: Answerer, codec: Codec, items: Items, kind: str) -> Array | Ragged:
    """Run a model over all items, in batches of similar length.

    A model that rounds what it computes by the largest value of a batch is asked item by item, so
    that no answer depends on what else was asked.

    Args:
        answerer: The model.
        codec: The codec that encoded the items.
        items: The items.
        kind: A kind of inference among `OUTPUTS`.

    Returns:
        Of each item: logits, (items, labels); statistics of likelihoods, (items, 3); or what
        differs in length, (items, tokens, labels), (items, tokens, 2) or (items, tokens).
    """
    order = np.argsort(-items.cost, kind="stable")
    found: list[Any] = [None] * len(items)
    size = 1 if getattr(answerer, "answers_alone", False) else BATCH
    for start in range(0, len(order), size):
        chosen = order[start : start + size]
        batch = batch_of(codec, items, chosen, kind)
        for item, one in zip(chosen, read(answerer, batch, kind), strict=True):
            found[item] = one
    if kind == "logits" or kind.endswith("likelihood"):
        return np.stack(found) if found else np.empty((0, 0), dtype=np.float32)
    if not found:
        return Ragged.of([])
    return Ragged.of(found, dtype=found[0].dtype, width=found[0].shape[1:])
