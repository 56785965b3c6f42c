"""`coral`: learns labelled rows of one domain and evens out how another's spread differs.

In every step as many unlabelled texts of the target domain pass the model; the distance of the two
batches' covariances is added to the loss. Sun and Saenko 2016, "Deep CORAL",
https://arxiv.org/abs/1607.01719. The target has no labels, so nothing tells when it is served best:
weights are chosen by validation rows of the source, and the run says so.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import ClassVar, Literal

from pydantic import Field

from luthier.hf_types import Model
from luthier.job import Job
from luthier.models.plain_checkpoint import AlignedMethod, AlignedOptions
from luthier.records import StepInfo


class CoralOptions(AlignedOptions):
    """How two domains are compared."""

    of: Literal["features", "outputs"] = Field(
        "outputs",
        description="What covariances are of: what the last layer gives, or what it reads.",
    )


class Coral(AlignedMethod):
    """Train on labelled rows, and pull the covariance of unlabelled ones to theirs."""

    name: ClassVar[str] = "coral"
    Options = CoralOptions
    options: CoralOptions

    def fit(self, model: Model, job: Job) -> Generator[StepInfo, None, Model]:
        """Train the model in place."""
        from luthier.training import alignment

        given = alignment.aligned_with(model, job, self.options.weight)
        hook = alignment.Coral(**given, of=self.options.of)
        return (yield from alignment.train_aligned(model, job, hook, self.name))
