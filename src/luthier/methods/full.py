"""`full`: trains every weight that the recipe does not freeze."""

from __future__ import annotations

from collections.abc import Generator
from typing import ClassVar

from luthier.hf_types import Model
from luthier.job import Job
from luthier.models.plain_checkpoint import PlainCheckpoint
from luthier.records import StepInfo


class Full(PlainCheckpoint):
    """Train every weight that the recipe does not freeze."""

    name: ClassVar[str] = "full"
    learns_soft_labels: ClassVar[bool] = True
    reads_anew: ClassVar[bool] = True
    engines: ClassVar[frozenset[str]] = frozenset({"tensorflow"})

    def fit(self, model: Model, job: Job) -> Generator[StepInfo, None, Model]:
        """Train the model in place."""
        from luthier.training.loop import train

        return (yield from train(model, job))
