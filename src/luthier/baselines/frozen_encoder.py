"""`frozen-encoder`: the pre-trained model before fine-tuning, under a linear model.

Token states are averaged over each row. What fine-tuning adds is the difference to this baseline.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
from torch import Tensor, nn

from luthier.models.anatomy import pooled_features
from luthier.recipe.tree import Section
from luthier.records import Array, Job, Outputs, StepInfo
from luthier.training.linear import fit_linear
from luthier.training.predict import predict


class FrozenEncoderOptions(Section):
    """There is nothing to choose."""


class FrozenEncoder:
    """A linear model on what the pre-trained model sees before fine-tuning."""

    name: ClassVar[str] = "frozen-encoder"
    units: ClassVar[frozenset[str]] = frozenset({"sequence"})
    kinds: ClassVar[frozenset[str]] = frozenset({"single-label", "multi-label", "number"})
    Options = FrozenEncoderOptions

    def __init__(self, options: FrozenEncoderOptions):
        self.options = options

    def fit(self, job: Job) -> Generator[StepInfo, None, Mapping[str, Outputs]]:
        """Compute the features of all rows once, then fit."""
        phase = f"baseline {self.name}"
        encoder = MeanOfTokens(job.make_model(True))
        features: dict[str, Array] = {}
        for split, encoded in job.encoded.items():
            features[split] = yield from predict(
                encoder,
                encoded,
                job.collate,
                batch_size=job.training.per_device_eval_batch_size,
                phase=f"{phase}: features of {split}",
            )
        mean, spread = features["train"].mean(axis=0), features["train"].std(axis=0) + 1e-6
        scaled = {
            split: (values.reshape(-1, len(mean)) - mean) / spread / np.sqrt(len(mean))
            for split, values in features.items()
        }
        return (yield from fit_linear(job, scaled, phase=phase))


class MeanOfTokens(nn.Module):
    """A model that gives the mean of its last token states, (batch, width)."""

    def __init__(self, model: Any):
        super().__init__()
        self.model = model

    def forward(self, **batch: Tensor) -> Any:
        """Compute the features of a batch."""
        return SimpleNamespace(logits=pooled_features(self.model, batch))
