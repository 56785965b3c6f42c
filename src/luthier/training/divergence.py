"""Errors for losses, gradients and weights that are not finite, with the rows involved."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from luthier.errors import TrainingError
from luthier.job import Job
from luthier.ragged import Array
from luthier.recipe.tree import Training
from luthier.training.loss_log import Reading
from luthier.training.model_calls import TensorBatch, to_tensors
from luthier.training.replay import learned_rows

MOST_NAMED = 5


def refuse_step(
    reading: Reading,
    job: Job,
    items: Callable[[], Array],
    loss_of: Callable[[TensorBatch], Tensor],
) -> None:
    """Raise if the loss or gradient of a step is not finite, before anything is saved.

    Args:
        reading: The numbers of the step; in float16 the scaler checks the norm.
        job: The job.
        items: Returns the items of the step.
        loss_of: Computes the loss of a batch, to find the rows that cause it.

    Raises:
        TrainingError: The loss or the norm is not finite.
    """
    step, loss, norm, _ = reading
    has_loss = math.isfinite(loss)
    if has_loss and (job.plan.training.fp16 or math.isfinite(norm)):
        return
    learned = items()
    guilty = [] if has_loss else _guilty(learned, job, loss_of)
    rows = learned_rows(job)
    named = np.unique(job.problem.items["train"].rows[guilty or learned])
    places = ", ".join(rows.where(int(row)) for row in named[:MOST_NAMED])
    more = f" and {len(named) - MOST_NAMED} more" if len(named) > MOST_NAMED else ""
    what = f"loss {loss}" if not has_loss else f"loss {loss:.4g}, gradient norm {norm}"
    raise TrainingError(
        f"The {'loss' if not has_loss else 'gradient'} is no longer a finite number. Nothing of "
        "that step was saved: the last checkpoint is from before it.",
        received=f"{what} at step {step}, learning rate {job.plan.training.learning_rate:.2g}, "
        f"{'from' if guilty else 'among'} the rows {places}{more}",
        hint="look at those rows" if guilty else remedy(job.plan.training),
    )


def _guilty(items: Array, job: Job, loss_of: Callable[[TensorBatch], Tensor]) -> list[int]:
    """Find items whose own loss is not finite; none if that holds for all of them."""
    found = []
    for item in items:
        batch = to_tensors(
            job.problem.codec.batch(job.problem.items["train"], np.array([item]), epoch=0)
        )
        with torch.no_grad():
            if not bool(torch.isfinite(loss_of(batch))):
                found.append(int(item))
    return found if len(found) < len(items) else []


def refuse_weights(name: str | None, step: int, settings: Training) -> None:
    """Raise if a weight is not finite.

    Args:
        name: Name of a weight that is not finite, or None.
        step: The last step.
        settings: The recipe's training section.

    Raises:
        TrainingError: `name` is not None.
    """
    if name is not None:
        raise TrainingError(
            "The weights are no longer finite numbers. They were not saved, and the last "
            "checkpoint is from before.",
            received=f"{name} after step {step}, learning rate {settings.learning_rate:.2g}",
            hint=remedy(settings),
        )


def remedy(settings: Training) -> str:
    """Suggest settings that usually help."""
    ways = [f"training.learning_rate={settings.learning_rate / 10:.1e}"]
    if settings.max_grad_norm == 0:
        ways.append("training.max_grad_norm=1.0")
    if settings.fp16:
        ways.append("training.fp16=false")
    return " or ".join(ways)
