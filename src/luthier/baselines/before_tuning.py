"""`before-tuning`: the pre-trained model as it is; the difference to it is what tuning brought."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import ClassVar

from luthier.job import Job
from luthier.recipe.tree import Section
from luthier.records import Outputs, StepInfo


class BeforeTuningOptions(Section):
    """There is nothing to choose."""


class BeforeTuning:
    """The pre-trained model, before any training."""

    name: ClassVar[str] = "before-tuning"
    units: ClassVar[frozenset[str]] = frozenset({"generation", "language"})
    kinds: ClassVar[frozenset[str]] = frozenset({"text", "language"})
    Options = BeforeTuningOptions

    def __init__(self, options: BeforeTuningOptions):
        self.options = options

    def fit(self, job: Job) -> Generator[StepInfo, None, Mapping[str, Outputs]]:
        """Read from the untrained model what is read from the trained one."""
        from luthier.training.predict import predict

        model = job.session.make_model(True)
        outputs = {}
        for split in job.problem.scored_splits:
            phase = f"baseline {self.name}: {split}"
            outputs[split] = yield from predict(model, job, split, phase=phase)
        return outputs
