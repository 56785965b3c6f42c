"""Features of a frozen model, computed once and used in every epoch."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator
from dataclasses import replace
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from luthier.hf_types import Model
from luthier.items import Files, ItemField, Items
from luthier.job import Job
from luthier.models.identity import trunk_digest
from luthier.models.wrapper import HeadOutput
from luthier.ragged import Array, Ragged
from luthier.records import StepInfo
from luthier.remembered import is_remembering, once
from luthier.training.predict import infer_items

MEAN = "mean of the last states"  # what `pooled_features` computes


class Features(nn.Module):
    """A model whose `logits` are features (batch, width), so that `predict` computes them.

    Args:
        model: The frozen model.
        compute: Computes the features of a batch.
        of: What of the trunk's states the features are, by which they are remembered; None: of
            something that others do not need.
    """

    def __init__(
        self,
        model: nn.Module,
        compute: Callable[[dict[str, Tensor]], Tensor],
        *,
        of: str | None = None,
    ):
        super().__init__()
        self.model = model
        self.compute = compute
        self.of = of

    def forward(self, **batch: Tensor) -> HeadOutput:
        """Return the features of a batch as `logits`."""
        return HeadOutput(logits=self.compute(batch))


class OnFeatures(nn.Module):
    """A head that is trained on stored features.

    Args:
        head: Maps features (batch, width) to outputs (batch, outputs).
    """

    def __init__(self, head: nn.Module):
        super().__init__()
        self.head = head

    def forward(self, features: Tensor) -> HeadOutput:
        """Return `logits` (batch, outputs) of stored features (batch, width)."""
        return HeadOutput(logits=self.head(features))


def store(model: Features, job: Job, split: str, *, phase: str) -> Generator[StepInfo, None, Items]:
    """Compute the features of a split; the items keep their targets and weights."""
    items = job.problem.items[split]
    batch_size = job.plan.training.per_device_eval_batch_size
    work = infer_items(model, items, job.problem.codec, batch_size=batch_size, phase=phase)
    if model.of is not None and is_remembering() and not any_files(items):
        work = once(
            ("features", model.of, trunk_digest(cast("Model", model.model)), items_digest(items)),
            work,
        )
    return with_features(items, (yield from work))


def any_files(items: Items) -> bool:
    """Return whether items are read from files, of which only the names are known here."""
    return any(isinstance(one.values, Files) for one in items.inputs.values())


def items_digest(items: Items) -> str:
    """Return the SHA-256 of the inputs of items, none of which is a file."""
    total = hashlib.sha256()
    for name in sorted(items.inputs):
        values = items.inputs[name].values
        parts = (values.values, values.offsets) if isinstance(values, Ragged) else (values,)
        for array in map(np.asarray, parts):
            total.update(f"{name} {array.dtype} {array.shape}\n".encode())
            total.update(np.ascontiguousarray(array).tobytes())
    return total.hexdigest()


def with_features(items: Items, features: Array | Ragged) -> Items:
    """Replace the inputs of items by features, (items, width)."""
    return replace(items, inputs={"features": ItemField(features)})


def features_in(items: Items) -> Array:
    """Return the features of items, (items, width)."""
    return np.asarray(items.inputs["features"].values)


def describe(stored: Items, *, centre: bool = True) -> tuple[Array, Array]:
    """Return mean (zero unless `centre`) and standard deviation of each feature, (width,) each."""
    features = features_in(stored)
    mean = features.mean(axis=0) if centre else np.zeros(features.shape[1], dtype=features.dtype)
    return mean, features.std(axis=0) + 1e-6


def scaled(stored: Items, mean: Array, spread: Array) -> Items:
    """Standardise features, so that one learning rate fits all."""
    features = features_in(stored).reshape(-1, len(mean))
    return with_features(stored, (features - mean) / spread)


@torch.no_grad()
def absorb(first: nn.Linear, mean: Array, spread: Array) -> None:
    """Fold the standardisation into a head's first layer: W (x - mean) / spread + b."""
    first.weight.div_(torch.from_numpy(spread).to(first.weight))
    if first.bias is not None:
        first.bias.sub_(first.weight @ torch.from_numpy(mean).to(first.weight))
