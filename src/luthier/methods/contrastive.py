"""`contrastive`: bring texts of one label together, then fit a head on their features.

Few labels give many pairs. The body learns from pairs of texts, equal labels near and unequal ones
far; then a logistic regression is fitted to what it says. Tunstall et al. 2022 (SetFit),
https://arxiv.org/abs/2209.11055. Deviations: a step encodes each of its texts once and learns from
all of their pairs, where SetFit draws pairs one by one and encodes both texts of each; equal and
unequal pairs weigh the same by the loss rather than by repetition; the head is a plain linear
layer beside the checkpoint, where SetFit keeps a pickled scikit-learn model.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from luthier.hf_types import Model
from luthier.items import Items
from luthier.job import Job
from luthier.models.plain_checkpoint import SingleLabelMethod
from luthier.objective import Objective
from luthier.recipe.tree import Section
from luthier.records import StepInfo

LEAST_TEXTS = 4  # in a batch: two of each of two labels


class ContrastiveOptions(Section):
    """How the body learns from pairs, and how the head is fitted."""

    together: int = Field(
        4, ge=2, description="Texts of one label that stand in one batch; half of it at most."
    )
    strength: float = Field(
        1.0, gt=0, description="Inverse regularisation of the head: larger trusts the labels more."
    )


class Contrastive(SingleLabelMethod):
    """Bring texts of one label together, then fit a head on their features."""

    name: ClassVar[str] = "contrastive"
    Options = ContrastiveOptions
    options: ContrastiveOptions
    defaults: ClassVar[Mapping[str, Any]] = {"learning_rate": 5e-5, "num_train_epochs": 20.0}

    def fit(self, model: Model, job: Job) -> Generator[StepInfo, None, Model]:
        """Train the body on pairs, then fit the head."""
        from luthier.frozen_features.features import Features
        from luthier.frozen_features.frozen import (
            features_of,
            finished,
            refuse_other_loss,
            set_head,
        )
        from luthier.frozen_features.linear import fit_head
        from luthier.models.heads import with_linear_head
        from luthier.training.loop import train
        from luthier.training.pair_sampler import PairOrder

        refuse_other_loss(job)
        refuse_small_batches(job)
        refuse_one_class(job)
        pooled = with_linear_head(
            model, n_outputs=job.problem.codec.target.n_outputs, normalise=True
        )
        pooled.classifier.requires_grad_(False)

        def order(items: Items, training: Any) -> PairOrder:
            return PairOrder(
                items.target_array,
                batch_size=training.per_device_train_batch_size,
                together=self.options.together,
                seed=training.seed,
            )

        silent = {"eval_strategy": "no", "early_stopping_patience": None}
        of_body = job.with_plan(
            objective=Objective("contrastive"),
            sampler=order,
            training=job.plan.training.model_copy(update=silent),
        )
        yield from train(Features(pooled, pooled.features), of_body)
        features = yield from features_of(pooled, job, "train")
        answers = job.problem.items["train"].target_array
        weight, bias = fit_head(
            features, answers, job.problem.codec.target.n_outputs, self.options.strength
        )
        set_head(pooled.classifier[-1], weight, bias)
        yield finished(pooled, job)
        return pooled


def refuse_small_batches(job: Job) -> None:
    """Raise where a batch has no room for two texts of each of two labels."""
    from luthier.errors import RecipeError

    size = job.plan.training.per_device_train_batch_size
    if job.plan.training.tokens_per_batch is not None:
        raise RecipeError(
            "Pairs are made within a batch of a set number of texts.",
            received=f"training.tokens_per_batch={job.plan.training.tokens_per_batch}",
            hint="training.tokens_per_batch=null training.per_device_train_batch_size=16",
        )
    if size < LEAST_TEXTS:
        raise RecipeError(
            "Pairs are made within a batch, which needs room for two texts of two labels.",
            received=f"training.per_device_train_batch_size={size}",
            hint=f"training.per_device_train_batch_size={LEAST_TEXTS}, or method=prototypes",
        )


def refuse_one_class(job: Job) -> None:
    """Raise where no two texts have unequal labels, or none equal ones."""
    from luthier.errors import DataError

    counts = np.bincount(job.problem.items["train"].target_array)
    if (counts > 0).sum() < 2 or counts.max() < 2:
        raise DataError(
            "Pairs need two labels, and two texts of one of them.",
            received=f"{int((counts > 0).sum())} labels, at most {int(counts.max())} texts of one",
            hint="more rows, or method=prototypes",
        )
