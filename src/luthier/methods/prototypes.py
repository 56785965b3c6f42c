"""`prototypes`: freezes the model and predicts the nearest class mean.

Nothing is trained: the mean of each label's training texts is its prototype, as in Snell
et al. 2017, https://arxiv.org/abs/1703.05175, with a frozen network. By Mahalanobis distance, with
one shrunk covariance for all labels, this is linear discriminant analysis, which Lee et al. 2018
use on network features, https://arxiv.org/abs/1807.03888. Except for a term that all labels share,
distances to means are linear in the features, so the result is an ordinary linear head.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from luthier.hf_types import Model
from luthier.job import Job
from luthier.models.plain_checkpoint import SingleLabelMethod
from luthier.recipe.tree import Section
from luthier.records import StepInfo


class PrototypesOptions(Section):
    """The distance."""

    distance: Literal["euclidean", "mahalanobis"] = Field(
        "mahalanobis", description="mahalanobis: by the covariance within classes, shrunk."
    )
    normalise: bool = Field(True, description="Scale features to length 1 first.")


class Prototypes(SingleLabelMethod):
    """Predict the nearest class mean of frozen features."""

    name: ClassVar[str] = "prototypes"
    Options = PrototypesOptions
    options: PrototypesOptions
    by_gradient: ClassVar[bool] = False
    search_space: ClassVar[Mapping[str, Any]] = {
        "method.options.distance": ["euclidean", "mahalanobis"],
        "method.options.normalise": [True, False],
    }

    def fit(self, model: Model, job: Job) -> Generator[StepInfo, None, Model]:
        """Compute the features of the training rows and their class means."""
        from luthier.frozen_features.class_means import head_of_means
        from luthier.frozen_features.frozen import (
            features_of,
            finished,
            refuse_other_loss,
            set_head,
        )
        from luthier.models.heads import with_linear_head
        from luthier.models.structure import first_linear

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
        set_head(first_linear(pooled.classifier), weight, bias)
        yield finished(pooled, job)
        return pooled
