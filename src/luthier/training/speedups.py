"""Chooses the speed-ups of a training, and the batch that they are tested on."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import numpy as np
from accelerate import Accelerator
from torch import Tensor

from luthier.hf_types import Model
from luthier.job import Job
from luthier.models.speedups.apply import faster
from luthier.models.speedups.host_copies import is_far, on_device
from luthier.models.speedups.vocabulary import compact, words_in
from luthier.recipe.tree import Training
from luthier.training.model_calls import TensorBatch, logits_that_count, run_model, to_tensors


def trial_batch(job: Job) -> TensorBatch | None:
    """Make a batch of the longest and the shortest rows; None where there are no rows."""
    items = job.problem.items["train"]
    if not len(items):
        return None
    order = np.argsort(items.cost, kind="stable")
    return to_tensors(job.problem.codec.batch(items, np.unique([*order[:2], *order[-2:]]), epoch=0))


def trial_of(
    model: Model, job: Job, accelerator: Accelerator | None = None
) -> Callable[[], list[Tensor]] | None:
    """Return a function that computes the logits of a trial batch without those of padding.

    None if nothing is padded: packed blocks, or stored features.

    Args:
        model: The model.
        job: The job whose rows it runs on.
        accelerator: Device and precision; None: a CPU, and the model's own precision.
    """
    batch = trial_batch(job)
    if batch is None or "position_ids" in batch.inputs or "attention_mask" not in batch.inputs:
        return None
    is_writer = job.plan.objective.name == "sequence-to-sequence"

    def compute() -> list[Tensor]:
        device = next(model.parameters()).device
        in_precision = nullcontext() if accelerator is None else accelerator.autocast()
        with in_precision, on_device(batch, device) as moved:
            outputs = run_model(model, moved, decoder=is_writer)
            return logits_that_count(outputs, moved, decoder=is_writer)

    return compute


def speed_ups(
    model: Model, job: Job, accelerator: Accelerator
) -> AbstractContextManager[str | None]:
    """Apply the speed-ups; the context yields why padding is computed, if it is.

    Gradient checkpointing keeps padding. On a GPU, padding is removed only on request.
    """
    settings: Training = job.plan.training
    if settings.torch_compile:
        return nullcontext()
    if settings.sharding != "none":
        return nullcontext("weights are sharded")
    if is_far(accelerator.device):
        is_asked = settings.unpadded is True
        return _on_device(model, job, accelerator) if is_asked else nullcontext()
    vocabulary = None
    if settings.compact_vocabulary:
        vocabulary = compact(
            model, words_in(job.problem.items, job.problem.codec.processor), settings
        )
    return faster(
        model,
        trial_of(model, job),
        unpadded=bool(settings.unpadded) and not settings.gradient_checkpointing,
        cls_only=settings.cls_only,
        fast_dropout=settings.fast_dropout,
        vocabulary=vocabulary,
    )


def _on_device(
    model: Model, job: Job, accelerator: Accelerator
) -> AbstractContextManager[str | None]:
    """Remove padding on a device; the trial uses the precision of training."""
    settings: Training = job.plan.training
    if settings.gradient_checkpointing:
        return nullcontext("gradient checkpointing recomputes the blocks")
    model.to(accelerator.device)
    return faster(
        model,
        trial_of(model, job, accelerator),
        cls_only=settings.cls_only,
        fast_dropout=False,
        far=True,
    )
