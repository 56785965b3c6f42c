"""Heads that are fitted to features at once, without steps: what such methods share."""

from __future__ import annotations

from collections.abc import Generator

import torch
from torch import nn

from luthier.errors import RecipeError
from luthier.frozen_features.features import Features, features_in, store
from luthier.hf_types import Model
from luthier.job import Job
from luthier.models.heads import PooledClassifier
from luthier.ragged import Array
from luthier.records import StepInfo
from luthier.training.predict import validation_outputs


def refuse_other_loss(job: Job) -> None:
    """Raise where the rows are to be weighed as a head that is fitted at once does not weigh them.

    Raises:
        RecipeError: It is so.
    """
    aim = job.plan.objective
    said = ["task.options.loss=focal"] * (aim.name == "focal")
    said += ["task.options.class_weights"] * (aim.class_weights is not None)
    if aim.label_smoothing:
        said.append(f"training.label_smoothing_factor={aim.label_smoothing}")
    if said:
        raise RecipeError(
            "The head is fitted at once to plain labels, and follows no other loss.",
            received=", ".join(said),
            hint=f"leave out {' and '.join(one.split('=')[0] for one in said)}, or method=full",
        )


def features_of(model: PooledClassifier, job: Job, split: str) -> Generator[StepInfo, None, Array]:
    """Compute what the head of a model will read, (items, width), without dropout."""
    trunk = Features(model, model.features)
    stored = yield from store(trunk, job, split, phase=f"features of {split}")
    return features_in(stored)


@torch.no_grad()
def set_head(head: nn.Linear, weight: Array, bias: Array) -> None:
    """Give a linear layer the weight (outputs, width) and the bias (outputs,) that were fitted."""
    head.weight.copy_(torch.from_numpy(weight).to(head.weight))
    head.bias.copy_(torch.from_numpy(bias).to(head.bias))
    head.requires_grad_(True)


def finished(model: Model, job: Job) -> StepInfo:
    """Score the validation rows, where there are any, and tell that the head is fitted."""
    model.eval()
    scores = None
    if len(job.problem.items["validation"]) > 0:
        scores = job.problem.validation_scores(validation_outputs(model, job))
    return StepInfo("fitting the head", 1, 1, scores=scores, is_best=scores is not None)
