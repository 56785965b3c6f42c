"""`frozen-encoder`: the pre-trained model before fine-tuning, under a linear model.

Token states are averaged over each row. What fine-tuning adds is the difference to this baseline.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import ClassVar

import numpy as np

from luthier.recipe.tree import Section
from luthier.records import Job, Outputs, StepInfo


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
        from luthier.frozen_features.features import Features, describe, scaled, store
        from luthier.frozen_features.linear import fit_linear
        from luthier.models.structure import pooled_features

        model = job.make_model(True)
        encoder = Features(model, lambda batch: pooled_features(model, batch))
        phase, stored = f"baseline {self.name}", {}
        for split in job.encoded:
            stored[split] = yield from store(encoder, job, split, phase=f"{phase}: {split}")
        mean, spread = describe(stored["train"])
        features = {}
        for split, rows in job.splits.items():
            of_items = scaled(stored[split], mean, spread).inputs["features"] / np.sqrt(len(mean))
            features[split] = job.gather({"logits": of_items}, stored[split], rows)
        return (yield from fit_linear(job, features, phase=phase))
