"""Models that answer batches of NumPy arrays, whatever computes them, and how rows are put to them.

PyTorch's own path is `training/predict.py`; what is here needs no PyTorch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from luthier.codec import Codec
from luthier.items import Batch, Items
from luthier.ragged import Array, Ragged

OUTPUTS = {  # kind of inference -> the outputs that it consists of
    "logits": ("logits",),
    "token-logits": ("logits",),
    "span-logits": ("start_logits", "end_logits"),
}
BATCH = 32  # items of a batch


class Answerer(Protocol):
    """A model that answers batches, and knows its size."""

    n_bytes: int  # of the files with its weights

    def __call__(self, batch: Batch[Array]) -> Mapping[str, Array]:
        """Compute the outputs of a batch, by Transformers' names."""


def batch_of(codec: Codec, items: Items, chosen: Sequence[int] | Array, kind: str) -> Batch[Array]:
    """Make a batch of the chosen items."""
    made: Batch[Array] = codec.batch(items, np.asarray(chosen), kind=kind)
    return made


def infer_items(answerer: Answerer, codec: Codec, items: Items, kind: str) -> Array | Ragged:
    """Run a model over all items, in batches of similar length.

    No answer starts or ends in padding, and padding has no tag: its outputs are left out. A model
    that rounds what it computes by the largest value of a batch is asked item by item, so that no
    answer depends on what else was asked.

    Args:
        answerer: The model.
        codec: The codec that encoded the items.
        items: The items.
        kind: A kind of inference among `OUTPUTS`.

    Returns:
        Logits (items, labels), or of each real token (items, tokens, labels) or (items, tokens, 2).
    """
    order = np.argsort(-items.cost, kind="stable")
    found: list[Any] = [None] * len(items)
    size = 1 if getattr(answerer, "answers_alone", False) else BATCH
    for start in range(0, len(order), size):
        chosen = order[start : start + size]
        batch = batch_of(codec, items, chosen, kind)
        computed = answerer(batch)
        parts = [computed[name] for name in OUTPUTS[kind]]
        outputs = parts[0] if len(parts) == 1 else np.stack(parts, axis=-1)
        for place, item in enumerate(chosen):
            is_token = batch.inputs["attention_mask"][place].astype(bool)
            found[item] = outputs[place] if kind == "logits" else outputs[place][is_token]
    if kind == "logits":
        return np.stack(found) if found else np.empty((0, 0), dtype=np.float32)
    if not found:
        return Ragged.of([])
    return Ragged.of(found, dtype=np.float32, width=found[0].shape[1:])
