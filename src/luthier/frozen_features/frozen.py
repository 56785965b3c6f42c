"""What methods share that fit a head in closed form, without optimizer steps."""

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
    """Raise if the recipe asks for a loss that a head in closed form does not minimise.

    Raises:
        RecipeError: The recipe sets such a loss, class weights or label smoothing.
    """
    aim = job.plan.objective
    said = ["task.options.loss=focal"] * (aim.name == "focal")
    said += ["task.options.class_weights"] * (aim.class_weights is not None)
    if aim.label_smoothing:
        said.append(f"training.label_smoothing_factor={aim.label_smoothing}")
    if said:
        raise RecipeError(
            "The head is fitted in closed form to plain labels, and supports no other loss.",
            received=", ".join(said),
            hint=f"leave out {' and '.join(one.split('=')[0] for one in said)}, or method=full",
        )


def features_of(model: PooledClassifier, job: Job, split: str) -> Generator[StepInfo, None, Array]:
    """Compute the input of a model's head, (items, width), without dropout."""
    trunk = Features(model, model.features, of=model.pooled_from)
    stored = yield from store(trunk, job, split, phase=f"features of {split}")
    return features_in(stored)


@torch.no_grad()
def set_head(head: nn.Linear, weight: Array, bias: Array) -> None:
    """Set a linear layer's weight (outputs, width) and bias (outputs,)."""
    head.weight.copy_(torch.from_numpy(weight).to(head.weight))
    head.bias.copy_(torch.from_numpy(bias).to(head.bias))
    head.requires_grad_(True)


def finished(model: Model, job: Job) -> StepInfo:
    """Score the validation rows, if there are any, and report that the head is fitted."""
    model.eval()
    scores = None
    if len(job.problem.items["validation"]) > 0:
        scores = job.problem.validation_scores(validation_outputs(model, job))
    return StepInfo("fitting the head", 1, 1, scores=scores, is_best=scores is not None)
