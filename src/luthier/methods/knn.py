"""`knn`: freezes the model and predicts from the most similar training texts.

Cover & Hart 1967, https://doi.org/10.1109/TIT.1967.1053964, on features of a frozen model, with the
votes of the k nearest weighted by a softmax of their cosines. Each prediction can be explained by
its neighbours. The features of the training rows are saved with the model, which grows with them.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any, ClassVar

from pydantic import Field

from luthier.hf_types import Model
from luthier.job import Job
from luthier.models.plain_checkpoint import SingleLabelMethod
from luthier.recipe.tree import Section
from luthier.records import StepInfo


class KnnOptions(Section):
    """Number of neighbours, and their weights."""

    k: int = Field(10, ge=1, description="Number of neighbours.")
    temperature: float = Field(
        0.1, gt=0, description="Of the votes: lower values favour the nearest."
    )


class Knn(SingleLabelMethod):
    """Predict from the most similar training texts, by frozen features."""

    name: ClassVar[str] = "knn"
    Options = KnnOptions
    options: KnnOptions
    by_gradient: ClassVar[bool] = False
    search_space: ClassVar[Mapping[str, Any]] = {
        "method.options.k": [1, 3, 5, 10, 20, 50],
        "method.options.temperature": {"low": 0.01, "high": 1.0, "log": True},
    }

    def fit(self, model: Model, job: Job) -> Generator[StepInfo, None, Model]:
        """Compute and store the features of the training rows."""
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
        head.get_buffer("keys").copy_(torch.nn.functional.normalize(features, dim=-1))
        head.get_buffer("values").copy_(torch.eye(n_outputs)[torch.from_numpy(answers).long()])
        yield finished(pooled, job)
        return pooled
