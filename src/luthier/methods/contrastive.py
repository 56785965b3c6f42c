"""`contrastive`: learns features from pairs of texts, then fits a head on them.

A few labelled texts give many pairs. The body learns to place texts of equal labels close together
and others apart; then a logistic regression is fitted on its features. Tunstall et al. 2022
(SetFit), https://arxiv.org/abs/2209.11055. Deviations: a step encodes each of its texts once and
learns from all pairs of them, where SetFit draws pairs one by one and encodes both texts of each;
equal and unequal pairs are balanced in the loss rather than by repetition; the head is a plain
linear layer of the checkpoint, where SetFit saves a pickled scikit-learn model.
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
from luthier.recipe.tree import Section, Training
from luthier.records import StepInfo

LEAST_TEXTS = 4  # in a batch: two texts of each of two labels


class ContrastiveOptions(Section):
    """Pairs of the body, and regularisation of the head."""

    together: int = Field(4, ge=2, description="Texts of one label in a batch; at most half of it.")
    strength: float = Field(1.0, gt=0, description="Inverse regularisation of the head.")


class Contrastive(SingleLabelMethod):
    """Learn features from pairs of texts, then fit a head on them."""

    name: ClassVar[str] = "contrastive"
    Options = ContrastiveOptions
    options: ContrastiveOptions
    head_by_gradient: ClassVar[bool] = False
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
        from luthier.models.structure import first_linear
        from luthier.training.loop import train
        from luthier.training.pair_sampler import PairOrder

        refuse_other_loss(job)
        refuse_small_batches(job)
        refuse_one_class(job)
        pooled = with_linear_head(
            model, n_outputs=job.problem.codec.target.n_outputs, normalise=True
        )
        pooled.classifier.requires_grad_(False)

        def order(items: Items, training: Training) -> PairOrder:
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
        set_head(first_linear(pooled.classifier), weight, bias)
        yield finished(pooled, job)
        return pooled


def refuse_small_batches(job: Job) -> None:
    """Raise if a batch has no room for two texts of each of two labels."""
    from luthier.errors import RecipeError

    size = job.plan.training.per_device_train_batch_size
    if job.plan.training.tokens_per_batch is not None:
        raise RecipeError(
            "Pairs are formed within a batch of a fixed number of texts.",
            received=f"training.tokens_per_batch={job.plan.training.tokens_per_batch}",
            hint="training.tokens_per_batch=null training.per_device_train_batch_size=16",
        )
    if size < LEAST_TEXTS:
        raise RecipeError(
            "Pairs are formed within a batch, which needs room for two texts of two labels.",
            received=f"training.per_device_train_batch_size={size}",
            hint=f"training.per_device_train_batch_size={LEAST_TEXTS}, or method=prototypes",
        )


def refuse_one_class(job: Job) -> None:
    """Raise if no two texts have different labels, or none have equal ones."""
    from luthier.errors import DataError

    counts = np.bincount(job.problem.items["train"].target_array)
    if (counts > 0).sum() < 2 or counts.max() < 2:
        raise DataError(
            "Pairs need two labels, and two texts of one of them.",
            received=f"{int((counts > 0).sum())} labels, at most {int(counts.max())} texts of one",
            hint="more rows, or method=prototypes",
        )
