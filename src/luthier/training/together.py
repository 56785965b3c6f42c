"""What several processes do together in a training, and what they cannot."""

from __future__ import annotations

import torch

from luthier.distributed.group import group
from luthier.errors import TrainingError
from luthier.job import Job
from luthier.recipe.tree import Training
from luthier.signals import asked, end
from luthier.training.batch_sampler import n_shares_of
from luthier.training.checkpoint import Checkpointer
from luthier.training.losses import make_loss
from luthier.training.shards import WITHOUT


def refuse_alone(job: Job) -> None:
    """Refuse, before training, what cannot be shared as asked.

    Raises:
        TrainingError: The loss compares the rows of a batch, or a regulariser computes the
            gradient again; or the shares of a batch cannot be dealt evenly.
    """
    size, n_shares = group().size, n_shares_of(job.plan.training)
    if n_shares % size:
        raise TrainingError(
            "The shares of a batch must be as many for each process.",
            received=f"training.virtual_processes={n_shares} and {size} processes",
            hint=f"training.virtual_processes={size} or a multiple of it",
        )
    if n_shares == 1:
        return
    reasons = []
    if not make_loss(job.plan.objective, torch.device("cpu")).by_rows:
        reasons.append(f"the loss '{job.plan.objective.name}' compares the rows of a whole batch")
    reasons += [
        f"the regulariser '{one.name}' needs the gradient of all rows"
        for one in job.plan.regularisers
        if not one.by_rows
    ]
    if size > 1 and job.plan.training.sharding != "none":
        reasons += [f"'{one.name}' needs whole weights" for one in job.plan.regularisers]
    if reasons:
        raise TrainingError(
            "This training cannot be shared by several processes.",
            received=f"batches of {n_shares} shares, processes: {size}; but {'; '.join(reasons)}",
            hint="run it in one process, without --processes, torchrun and "
            "training.virtual_processes",
        )


def story_of(settings: Training) -> str | None:
    """Say what several processes did together, and what follows for repeating it."""
    n, n_virtual = group().size, settings.virtual_processes
    if n == 1:
        return None
    shared = f" {WITHOUT[:1].upper()}{WITHOUT[1:]}." if settings.sharding != "none" else ""
    other = "and, if the model has dropout, by what that leaves out, which each draws for itself"
    if n_virtual is not None:
        other = f"alone, dropout included, if that number divides {n_virtual}"
    return (
        f"{n} processes trained this model, each with its share of every batch.{shared} {n} "
        f"processes repeat it to the last bit; with another number, weights differ by rounding "
        f"{other}."
    )


def stop_if_asked(checkpointer: Checkpointer, step: int) -> None:
    """Save, and stop for a signal that any of the processes received.

    Raises:
        Interrupted: By Ctrl-C; `Terminated` by SIGTERM.
    """
    if number := group().largest(asked()):
        checkpointer.save(step)
        group().wait()
        end(checkpointer.story(step), number)
