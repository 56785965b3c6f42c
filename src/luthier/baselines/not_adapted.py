"""`not-adapted`: the model without the recipe's `adaptation`, and the same training.

The difference is what going on reading texts of the domain adds. It is a second training.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import ClassVar

from luthier.job import Job
from luthier.protocols import KINDS, UNITS
from luthier.records import Outputs, StepInfo
from luthier.task_types.plain_baseline import PlainBaseline


class NotAdapted(PlainBaseline):
    """The model without the recipe's adaptation, and the same training."""

    name: ClassVar[str] = "not-adapted"
    units: ClassVar[frozenset[str]] = UNITS
    kinds: ClassVar[frozenset[str]] = KINDS
    trains: ClassVar[bool] = True
    needs: ClassVar[str] = "adaptation"  # section of the recipe without which it is the same model

    def fit(self, job: Job) -> Generator[StepInfo, None, Mapping[str, Outputs]]:
        """Train the model as it was, by the recipe's method."""
        from luthier.training.loop import train
        from luthier.training.predict import predict

        phase = f"baseline {self.name}"
        if job.session.unadapted is None:
            job = job.with_session(phase=phase)
            model = yield from train(job.session.make_model(True), job)
        else:
            model, job = yield from job.session.unadapted(job, phase)
        outputs = {}
        for split in job.problem.scored_splits:
            outputs[split] = yield from predict(model, job, split, phase=f"{phase}: {split}")
        return outputs
