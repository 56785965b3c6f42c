"""`from-scratch`: the same architecture with random weights and the same training.

The difference is what pre-training adds.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import ClassVar

from luthier.job import Job
from luthier.protocols import KINDS, UNITS
from luthier.records import Outputs, StepInfo
from luthier.task_types.plain_baseline import PlainBaseline


class FromScratch(PlainBaseline):
    """The same architecture with random weights and the same training."""

    name: ClassVar[str] = "from-scratch"
    units: ClassVar[frozenset[str]] = UNITS
    kinds: ClassVar[frozenset[str]] = KINDS

    def fit(self, job: Job) -> Generator[StepInfo, None, Mapping[str, Outputs]]:
        """Train all weights, including those that the recipe freezes, since they are random."""
        from luthier.training.loop import train
        from luthier.training.predict import predict

        phase = f"baseline {self.name}"
        model = job.session.make_model(False).requires_grad_(True)
        model = yield from train(model, job.with_session(phase=phase))
        outputs = {}
        for split in job.problem.scored_splits:
            outputs[split] = yield from predict(model, job, split, phase=f"{phase}: {split}")
        return outputs
