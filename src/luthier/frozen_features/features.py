"""Features of a frozen model, computed once and used in every epoch."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from luthier.models.wrapper import HeadOutput
from luthier.records import Array, Batch, Encoded, Job, StepInfo
from luthier.training.predict import read_items


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


def store(
    model: Features, job: Job, split: str, *, phase: str
) -> Generator[StepInfo, None, Encoded]:
    """Compute the features of a split, (items, width)."""
    rows = job.encoded[split]
    batch_size = job.training.per_device_eval_batch_size
    features = yield from read_items(model, rows, job.collate, batch_size=batch_size, phase=phase)
    return replace(rows, inputs={"features": features})


def collate_features(encoded: Encoded, indices: Array, **_: Any) -> Batch:
    """Collate stored features, which need no padding."""
    batch: Batch = {"features": np.asarray(encoded.inputs["features"])[indices]}
    if encoded.targets is not None:
        batch["labels"] = np.asarray(encoded.targets)[indices]
    return batch


def describe(stored: Encoded, *, centre: bool = True) -> tuple[Array, Array]:
    """Return mean (zero unless `centre`) and standard deviation of each feature, (width,) each."""
    features = np.asarray(stored.inputs["features"])
    mean = features.mean(axis=0) if centre else np.zeros(features.shape[1], dtype=features.dtype)
    return mean, features.std(axis=0) + 1e-6


def scaled(stored: Encoded, mean: Array, spread: Array) -> Encoded:
    """Standardise features, so that one learning rate fits all."""
    features = np.asarray(stored.inputs["features"]).reshape(-1, len(mean))
    return replace(stored, inputs={"features": (features - mean) / spread})


@torch.no_grad()
def absorb(first: nn.Linear, mean: Array, spread: Array) -> None:
    """Fold the standardisation into a head's first layer: W (x - mean) / spread + b."""
    first.weight.div_(torch.from_numpy(spread).to(first.weight))
    if first.bias is not None:
        first.bias.sub_(first.weight @ torch.from_numpy(mean).to(first.weight))
