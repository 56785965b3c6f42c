"""What several processes do together in a training, and what they cannot."""

from __future__ import annotations

import torch

from luthier.distributed.group import group
from luthier.errors import TrainingError
from luthier.job import Job
from luthier.recipe.tree import Training
from luthier.seeding import seed_of
from luthier.signals import asked, end
from luthier.training.checkpoint import Checkpointer
from luthier.training.losses import make_loss
from luthier.training.shards import WITHOUT
from luthier.training.state import seed_all


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
        f"the regulariser '{one.name}' needs the gradient of all rows"
        for one in job.plan.regularisers
        if not one.by_rows
    ]
    if job.plan.training.sharding != "none":
        reasons += [f"'{one.name}' needs whole weights" for one in job.plan.regularisers]
    if reasons:
        raise TrainingError(
            "This training cannot be shared by several processes.",
            received=f"{group().size} processes, but {'; '.join(reasons)}",
            hint="run it in one process, without --processes or torchrun",
        )


def story_of(settings: Training) -> str | None:
    """Say what several processes did together, and what follows for repeating it."""
    n = group().size
    if n == 1:
        return None
    shared = f" {WITHOUT[:1].upper()}{WITHOUT[1:]}." if settings.sharding != "none" else ""
    return (
        f"{n} processes trained this model, each with its share of every batch.{shared} {n} "
        "processes repeat it to the last bit; with another number, weights differ by rounding and, "
        "if the model has dropout, by what that leaves out, which each process draws for itself."
    )


def seed_share(seed: int, step: int) -> None:
    """Seed what a step draws in one of several processes, each of which draws something else.

    It follows from the step, so that nothing has to be kept of it, and another number of processes
    can resume. A process alone draws from one stream in all steps.
    """
    if group().size > 1:
        seed_all(seed_of(seed, "step", step, group().rank))


def stop_if_asked(checkpointer: Checkpointer, step: int) -> None:
    """Save, and stop for a signal that any of the processes received.

    Raises:
        Interrupted: By Ctrl-C; `Terminated` by SIGTERM.
    """
    if number := group().largest(asked()):
        checkpointer.save(step)
        group().wait()
        end(checkpointer.story(step), number)
