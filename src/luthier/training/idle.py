"""Trainings that change nothing: refused before they start if that is certain, else reported after.

A model that was not trained looks like one that learned little, and its scores would be read so.
Next: `loop.py`, which asks here first and last.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

from luthier.distributed.group import group
from luthier.errors import TrainingError
from luthier.recipe.tree import Training
from luthier.training.loss_log import LossLog
from luthier.training.shards import is_shard, local

Fingerprints = dict[str, int]
BITS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


def refuse_frozen(model: nn.Module) -> None:
    """Refuse to train a model of which every weight is frozen.

    Raises:
        TrainingError: No parameter requires a gradient.
    """
    if not any(one.requires_grad for one in model.parameters()):
        raise TrainingError(
            "There is nothing to train: every weight of the model is frozen.",
            received=f"{sum(one.numel() for one in model.parameters()):,} weights, 0 of them "
            "trained",
            hint="model.freeze_bottom=0 model.freeze_embeddings=false",
        )


def refuse_no_rate(schedule: LRScheduler, settings: Training, *, n_steps: int) -> None:
    """Refuse a schedule whose learning rate is 0 at every step.

    Raises:
        TrainingError: No step would change a weight.
    """
    if not isinstance(schedule, LambdaLR) or n_steps == 0:
        return
    if any(factor(step) for step in range(n_steps) for factor in schedule.lr_lambdas):
        return
    steps = "the only step" if n_steps == 1 else f"all {n_steps} steps"
    raise TrainingError(
        f"This training would change nothing: the learning rate is 0 at {steps}.",
        received=f"training.warmup_steps={settings.warmup_steps:g}, "
        f"lr_scheduler_type={settings.lr_scheduler_type}, {n_steps} step{'s' * (n_steps > 1)}",
        hint="training.warmup_steps=0, or more steps: a higher training.num_train_epochs",
    )


def watch(
    model: nn.Module, schedule: LRScheduler, settings: Training, *, n_steps: int
) -> Fingerprints:
    """Refuse a training without a learning rate; return the fingerprints of the trained weights.

    Raises:
        TrainingError: No step would change a weight.
    """
    refuse_no_rate(schedule, settings, n_steps=n_steps)
    return fingerprints(model)


def fingerprints(model: nn.Module) -> Fingerprints:
    """Return a number for each trained weight that changes if the weight does: the sum of its bits.

    A copy of all weights would be exact, and double the memory.
    """
    return {
        name: _sum_of_bits(one.detach())
        for name, one in model.named_parameters()
        if one.requires_grad and one.numel()
    }


def _sum_of_bits(values: Tensor) -> int:
    bits = local(values).contiguous().view(BITS[values.element_size()])
    n = int(bits.sum(dtype=torch.int64))
    return group().total(n) if is_shard(values) else n


def idle_story(before: Fingerprints, model: nn.Module, losses: LossLog) -> str | None:
    """Say in a sentence that a training changed or learned nothing; None if it did.

    Args:
        before: Fingerprints of the trained weights before the first step.
        model: The trained model.
        losses: It knows the largest gradient of all steps.
    """
    now = fingerprints(model)
    if before and all(now.get(name) == value for name, value in before.items()):
        why = "every gradient was 0"
        if losses.largest_norm > 0:
            why = "updates were too small, or the best scores came before the first of them"
        return f"No weight changed: {why}. The model is the one that the training started from."
    added = [name for name, one in model.named_parameters() if name in before and one.ndim > 1]
    added = [name for name in added if before[name] == 0]  # matrices of adapters start at 0
    if added and all(now.get(name) == 0 for name in added):
        return (
            f"The {len(added)} matrices that adapters start at 0 are still 0: the adapters add "
            "nothing, and only the rest of what is trained, such as the head, has changed."
        )
    if losses.largest_norm == 0:
        return "Every gradient was 0: nothing was learned from the rows, weights only decayed."
    return None
