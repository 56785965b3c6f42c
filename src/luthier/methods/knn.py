"""`knn`: leave the model as it is and answer as the training texts that are most alike.

Cover & Hart 1967, https://doi.org/10.1109/TIT.1967.1053964, on features of a frozen model, with the
votes of the k nearest weighed by a softmax of their cosines. Each answer can be explained by the
texts that gave it. The training rows' features are kept beside the model, so it grows with them.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import ClassVar

from pydantic import Field

from luthier.hf_types import Model
from luthier.job import Job
from luthier.models.plain_checkpoint import SingleLabelMethod
from luthier.recipe.tree import Section
from luthier.records import StepInfo


class KnnOptions(Section):
    """How many neighbours are asked, and how much the nearest count."""

    k: int = Field(10, ge=1, description="Neighbours that are asked.")
    temperature: float = Field(
        0.1, gt=0, description="Of the votes: the lower, the more the nearest count."
    )


class Knn(SingleLabelMethod):
    """Answer as the most alike training texts do, by frozen features."""

    name: ClassVar[str] = "knn"
    Options = KnnOptions
    options: KnnOptions
    by_gradient: ClassVar[bool] = False

    def fit(self, model: Model, job: Job) -> Generator[StepInfo, None, Model]:
        """Compute the features of the training rows and remember them."""
        import torch

        from luthier.frozen_features.frozen import features_of, finished, refuse_other_loss
        from luthier.models.heads import with_neighbours

        refuse_other_loss(job)
        n_outputs = job.problem.codec.target.n_outputs
        answers = job.problem.items["train"].target_array
        pooled = with_neighbours(
            model, n_outputs=n_outputs, n_rows=len(answers), **self.options.model_dump()
        )
        pooled.requires_grad_(False)
        features = torch.from_numpy((yield from features_of(pooled, job, "train")))
        head = pooled.classifier
        head.keys.copy_(torch.nn.functional.normalize(features, dim=-1))
        head.values.copy_(torch.eye(n_outputs)[torch.from_numpy(answers).long()])
        yield finished(pooled, job)
        return pooled
