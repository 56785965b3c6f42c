"""What a model outside of Luthier is given and gives, and how it is read to be tried out.

However a model was exported, it is read as an `Answer`: a batch of token ids goes in, arrays come
out by the names that Transformers has for them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import torch

from luthier.codec import Codec
from luthier.items import Batch, Items
from luthier.ragged import Array, Ragged
from luthier.records import Target
from luthier.training.model_calls import to_tensors

Answer = Callable[[Batch], dict[str, Array]]
READ = {  # reading -> the outputs that it is made of
    "logits": ("logits",),
    "token-logits": ("logits",),
    "span-logits": ("start_logits", "end_logits"),
}
WARM = 3  # batches before time is taken


def spoken(said: dict[str, Any], target: Target) -> dict[str, Any]:
    """Put what a judge of whole texts says into words: probabilities or scores beside its logits.

    Args:
        said: What the twin gives.
        target: What is predicted.
    """
    if target.kind == "single-label":
        return {"probabilities": tf.nn.softmax(said["logits"]), **said}
    if target.kind == "multi-label":
        return {"probabilities": tf.sigmoid(said["logits"]), **said}
    if target.kind == "number":
        return {"scores": said["logits"][:, 0] * target.scale + target.mean, **said}
    return said


def by_torch(model: Any) -> Answer:
    """Have a model of PyTorch answer."""

    def answer(batch: Batch) -> dict[str, Array]:
        with torch.inference_mode():
            said = model(**to_tensors(batch).inputs)
        names = {name for parts in READ.values() for name in parts}
        return {name: getattr(said, name).numpy() for name in names if hasattr(said, name)}

    return answer


def read(
    answer: Answer,
    encoded: Items,
    codec: Codec,
    *,
    kind: str,
    batch_size: int,
) -> Array | Ragged:
    """Read all items, those of about one length together; give what `kind` names.

    Args:
        answer: The model.
        encoded: The items.
        codec: Makes batches of them.
        kind: The kind of inference.
        batch_size: Items in a batch.
    """
    order = np.argsort(-encoded.cost, kind="stable")
    found: list[Any] = [None] * len(encoded)
    for start in range(0, len(order), batch_size):
        items = order[start : start + batch_size]
        batch = codec.batch(encoded, items, kind=kind)
        parts = [answer(batch)[name] for name in READ[kind]]
        said = parts[0] if len(parts) == 1 else np.stack(parts, axis=-1)
        for place, item in enumerate(items):
            is_token = batch.inputs["attention_mask"][place].astype(bool)
            found[item] = said[place] if kind == "logits" else said[place][is_token]
    if kind == "logits":
        return np.stack(found)
    return Ragged.of(found, dtype=np.float32, width=found[0].shape[1:])


def milliseconds(systems: Mapping[str, Answer], batches: Sequence[Batch]) -> dict[str, float]:
    """Say how long each system takes for an answer: the median over batches, taken in turns.

    The first few do not count.
    """
    taken: dict[str, list[float]] = {name: [] for name in systems}
    for batch in [*batches[:WARM], *batches]:
        for name, answer in systems.items():
            began = time.perf_counter()
            answer(batch)
            taken[name].append(time.perf_counter() - began)
    n_warm = len(batches[:WARM])
    return {name: float(np.median(times[n_warm:])) * 1e3 for name, times in taken.items()}
