"""`from-scratch`: the same architecture with random weights and the same training.

The difference to it is what pre-training brought.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import ClassVar

from luthier.job import Job
from luthier.protocols import KINDS, UNITS
from luthier.recipe.tree import Section
from luthier.records import Outputs, StepInfo


class FromScratchOptions(Section):
    """There is nothing to choose: it has the training of the model it is compared with."""


class FromScratch:
    """The same architecture with random weights and the same training."""

    name: ClassVar[str] = "from-scratch"
    units: ClassVar[frozenset[str]] = UNITS
    kinds: ClassVar[frozenset[str]] = KINDS
    Options = FromScratchOptions

    def __init__(self, options: FromScratchOptions):
        self.options = options

    def fit(self, job: Job) -> Generator[StepInfo, None, Mapping[str, Outputs]]:
        """Train all weights, frozen ones too: random weights are nothing to keep."""
        from luthier.training.loop import train
        from luthier.training.predict import predict

        phase = f"baseline {self.name}"
        model = job.session.make_model(False).requires_grad_(True)
        model = yield from train(model, job.with_session(phase=phase))
        outputs = {}
        for split in job.problem.scored_splits:
            outputs[split] = yield from predict(model, job, split, phase=f"{phase}: {split}")
        return outputs
