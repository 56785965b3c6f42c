"""Features of a frozen model, computed once and used in every epoch."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from luthier.items import ItemField, Items
from luthier.job import Job
from luthier.models.wrapper import HeadOutput
from luthier.ragged import Array, Ragged
from luthier.records import StepInfo
from luthier.training.predict import infer_items


class Features(nn.Module):
    """A model whose `logits` are features (batch, width), so that `predict` computes them.

    Args:
        model: The frozen model.
        compute: Computes the features of a batch.
    """

    def __init__(self, model: nn.Module, compute: Callable[[dict[str, Tensor]], Tensor]):
        super().__init__()
        self.model = model
        self.compute = compute

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
    features = yield from infer_items(
        model, items, job.problem.codec, batch_size=batch_size, phase=phase
    )
    return with_features(items, features)


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
