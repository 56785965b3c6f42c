"""What is said when a training comes to numbers that mean nothing, and which rows were there."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from luthier.errors import TrainingError
from luthier.job import Job
from luthier.ragged import Array
from luthier.recipe.tree import Training
from luthier.training.loss_log import Reading
from luthier.training.model_calls import to_tensors

MOST_NAMED = 5


def refuse_step(
    reading: Reading,
    job: Job,
    items: Callable[[], Array],
    loss_of: Callable[[Any], Any],
) -> None:
    """Raise where a step makes the weights mean nothing, before anything of it is saved.

    Args:
        reading: What the step came to; in float16 the norm is not looked at, the scaler does that.
        job: Whose training.
        items: Gives the items that it learns from.
        loss_of: From a batch of tensors to its loss, to find the rows that are at fault.

    Raises:
        TrainingError: One of them is not finite.
    """
    step, loss, norm, _ = reading
    has_loss = math.isfinite(loss)
    if has_loss and (job.plan.training.fp16 or math.isfinite(norm)):
        return
    learned = items()
    guilty = [] if has_loss else _guilty(learned, job, loss_of)
    rows = job.problem.splits.train
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


def _guilty(items: Array, job: Job, loss_of: Callable[[Any], Any]) -> list[int]:
    """Find the items whose loss alone is not finite; none if all are, or if all are not."""
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
    """Raise rather than keep weights that mean nothing.

    Args:
        name: A weight that is not finite, or None.
        step: After which this is so.
        settings: The recipe's training section.

    Raises:
        TrainingError: There is such a weight.
    """
    if name is not None:
        raise TrainingError(
            "The weights are no longer finite numbers. They were not saved, and the last "
            "checkpoint is from before.",
            received=f"{name} after step {step}, learning rate {settings.learning_rate:.2g}",
            hint=remedy(settings),
        )


def remedy(settings: Training) -> str:
    """Name the shortest thing that usually helps."""
    ways = [f"training.learning_rate={settings.learning_rate / 10:.1e}"]
    if settings.max_grad_norm == 0:
        ways.append("training.max_grad_norm=1.0")
    if settings.fp16:
        ways.append("training.fp16=false")
    return " or ".join(ways)
