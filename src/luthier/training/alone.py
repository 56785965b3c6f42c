"""What several processes cannot train together, and why."""

from __future__ import annotations

import torch

from luthier.distributed.group import group
from luthier.errors import TrainingError
from luthier.job import Job, Regulariser
from luthier.training.losses import make_loss


def refuse_alone(job: Job) -> None:
    """Refuse, before training, what needs a process of its own.

    Raises:
        TrainingError: The loss compares the rows of a batch, or a regulariser computes the
            gradient again.
    """
    if group().size == 1:
        return
    reasons = []
    if not make_loss(job.plan.objective, torch.device("cpu")).by_rows:
        reasons.append(f"the loss '{job.plan.objective.name}' compares the rows of a whole batch")
    reasons += [
        f"the regulariser '{one.name}' computes the gradient of a whole batch again"
        for one in job.plan.regularisers
        if type(one).backward is not Regulariser.backward
    ]
    if reasons:
        raise TrainingError(
            "This training cannot be shared by several processes.",
            received=f"{group().size} processes, but {'; '.join(reasons)}",
            hint="run it in one process, without --processes or torchrun",
        )
