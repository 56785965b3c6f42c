"""`each-alone`: the best model that reads one input alone; the difference is what joining adds."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import ClassVar

from luthier.job import Job
from luthier.metrics.names import lower_is_better, title
from luthier.protocols import KINDS
from luthier.records import Outputs, StepInfo
from luthier.task_types.inputs_alone import outputs_alone
from luthier.task_types.plain_baseline import PlainBaseline


class EachAlone(PlainBaseline):
    """A model for each input, trained as the recipe says; the best on validation rows is judged."""

    name: ClassVar[str] = "each-alone"
    units: ClassVar[frozenset[str]] = frozenset({"joint"})
    kinds: ClassVar[frozenset[str]] = KINDS
    trains: ClassVar[bool] = True

    def fit(self, job: Job) -> Generator[StepInfo, None, Mapping[str, Outputs]]:
        """Train a model for each input, and take the best."""
        found = yield from outputs_alone(job, self.name)
        best, message = next(iter(found)), None
        if len(job.problem.splits.validation):
            metric = job.problem.codec.task.validation_metric
            sign = -1.0 if lower_is_better(metric) else 1.0
            scores = {
                role: job.problem.validation_scores(outputs["validation"])[metric]
                for role, outputs in found.items()
            }
            best = max(scores, key=lambda role: sign * scores[role])
            told = ", ".join(f"{role} {score:.3f}" for role, score in scores.items())
            message = f"Alone, {best} is best on validation rows ({title(metric)}: {told})."
        yield StepInfo(f"baseline {self.name}", 1, 1, message=message, is_lasting=True)
        return found[best]
