"""`frozen-encoder`: the pre-trained model before fine-tuning, under a linear model.

Token states are averaged over each row. The difference is what fine-tuning adds.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import ClassVar

import numpy as np

from luthier.job import Job
from luthier.records import Outputs, StepInfo
from luthier.task_types.plain_baseline import PlainBaseline


class FrozenEncoder(PlainBaseline):
    """A linear model on features of the pre-trained model."""

    name: ClassVar[str] = "frozen-encoder"
    passes: ClassVar[float] = 1.0
    units: ClassVar[frozenset[str]] = frozenset({"sequence"})
    kinds: ClassVar[frozenset[str]] = frozenset({"single-label", "multi-label", "number"})

    def fit(self, job: Job) -> Generator[StepInfo, None, Mapping[str, Outputs]]:
        """Compute the features of all rows once, then fit."""
        from luthier.frozen_features.features import (
            MEAN,
            Features,
            describe,
            features_in,
            scaled,
            store,
        )
        from luthier.frozen_features.linear import fit_linear
        from luthier.models.structure import pooled_features

        model = job.session.make_model(True)
        encoder = Features(model, lambda batch: pooled_features(model, batch), of=MEAN)
        phase, stored = f"baseline {self.name}", {}
        for split in job.problem.items:
            stored[split] = yield from store(encoder, job, split, phase=f"{phase}: {split}")
        mean, spread = describe(stored["train"])
        features = {}
        for split, rows in job.problem.splits.items():
            of_items = features_in(scaled(stored[split], mean, spread)) / np.sqrt(len(mean))
            features[split] = job.problem.codec.outputs({"logits": of_items}, stored[split], rows)
        return (yield from fit_linear(job, features, phase=phase))
