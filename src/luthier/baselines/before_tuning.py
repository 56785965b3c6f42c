"""`before-tuning`: the pre-trained model as it is; the difference is what tuning adds."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import ClassVar

from luthier.job import Job
from luthier.records import Outputs, StepInfo
from luthier.task_types.plain_baseline import PlainBaseline


class BeforeTuning(PlainBaseline):
    """The pre-trained model, before any training."""

    name: ClassVar[str] = "before-tuning"
    units: ClassVar[frozenset[str]] = frozenset({"generation", "language"})
    kinds: ClassVar[frozenset[str]] = frozenset({"text", "language"})

    def fit(self, job: Job) -> Generator[StepInfo, None, Mapping[str, Outputs]]:
        """Compute the outputs of the untrained model."""
        from luthier.training.predict import predict

        model = job.session.make_model(True)
        outputs = {}
        for split in job.problem.scored_splits:
            phase = f"baseline {self.name}: {split}"
            outputs[split] = yield from predict(model, job, split, phase=phase)
        return outputs
