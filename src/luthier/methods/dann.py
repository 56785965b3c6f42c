"""`dann`: learns labelled rows of one domain by features that do not tell it from another.

A classifier learns to tell the domains apart by what the head reads; its gradient reaches the model
reversed, the more strongly the later. Ganin et al. 2016, "Domain-adversarial training of neural
networks", https://arxiv.org/abs/1505.07818. The target has no labels, so weights are chosen by
validation rows of the source, and the run says so. The classifier is not part of the saved model.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import ClassVar

from pydantic import Field

from luthier.hf_types import Model
from luthier.job import Job
from luthier.models.plain_checkpoint import AlignedMethod, AlignedOptions
from luthier.records import StepInfo


class DannOptions(AlignedOptions):
    """The classifier of domains."""

    hidden: int = Field(100, ge=1, description="Width of the domain classifier's hidden layer.")


class Dann(AlignedMethod):
    """Train on labelled rows, by features that do not tell them from unlabelled ones."""

    name: ClassVar[str] = "dann"
    Options = DannOptions
    options: DannOptions

    def fit(self, model: Model, job: Job) -> Generator[StepInfo, None, Model]:
        """Train the model in place, beside a classifier that is left behind."""
        from luthier.training import alignment

        given = alignment.aligned_with(model, job, self.options.weight)
        with alignment.classifier_of_domains(model, given["layer"], self.options.hidden):
            hook = alignment.Dann(**given)
            return (yield from alignment.train_aligned(model, job, hook, self.name))
