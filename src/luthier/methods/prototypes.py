"""`prototypes`: leave the model as it is and answer with the nearest class mean.

Nothing is trained: the mean of each label's training texts is its prototype, as in the frozen
half of Snell et al. 2017, https://arxiv.org/abs/1703.05175. By Mahalanobis' distance, with one
shrunk covariance for all labels, this is linear discriminant analysis; Lee et al. 2018 use it on
features of networks, https://arxiv.org/abs/1807.03888. Distances to means are linear in the
features up to what all labels share, so what is left is a linear head like any other.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import ClassVar, Literal

from pydantic import Field

from luthier.hf_types import Model
from luthier.job import Job
from luthier.models.plain_checkpoint import SingleLabelMethod
from luthier.recipe.tree import Section
from luthier.records import StepInfo


class PrototypesOptions(Section):
    """How nearness is measured."""

    distance: Literal["euclidean", "mahalanobis"] = Field(
        "mahalanobis", description="mahalanobis: by the covariance within classes, shrunk."
    )
    normalise: bool = Field(True, description="Bring features to length 1 first.")


class Prototypes(SingleLabelMethod):
    """Answer with the nearest class mean of frozen features."""

    name: ClassVar[str] = "prototypes"
    Options = PrototypesOptions
    options: PrototypesOptions
    by_gradient: ClassVar[bool] = False

    def fit(self, model: Model, job: Job) -> Generator[StepInfo, None, Model]:
        """Compute the features of the training rows, and their means."""
        from luthier.frozen_features.class_means import head_of_means
        from luthier.frozen_features.frozen import (
            features_of,
            finished,
            refuse_other_loss,
            set_head,
        )
        from luthier.models.heads import with_linear_head

        refuse_other_loss(job)
        pooled = with_linear_head(
            model, n_outputs=job.problem.codec.target.n_outputs, normalise=self.options.normalise
        )
        pooled.requires_grad_(False)
        features = yield from features_of(pooled, job, "train")
        answers = job.problem.items["train"].target_array
        weight, bias = head_of_means(
            features, answers, job.problem.codec.target.n_outputs, distance=self.options.distance
        )
        set_head(pooled.classifier[-1], weight, bias)
        yield finished(pooled, job)
        return pooled
