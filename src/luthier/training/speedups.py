"""Which speed-ups a training gets, and what they are tried out on (`models/speedups/`)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
from accelerate import Accelerator
from torch import Tensor

from luthier.models.speedups.apply import faster
from luthier.models.speedups.host_copies import is_far, on_device
from luthier.models.speedups.vocabulary import compact, words_in
from luthier.recipe.tree import Training
from luthier.records import Job
from luthier.training.batch_sampler import Tensors, to_tensors
from luthier.training.losses import outputs_that_count, run_model


def trial_batch(job: Job) -> Tensors | None:
    """Make a batch of the longest and the shortest rows; None where there are no rows."""
    encoded = job.encoded["train"]
    if not len(encoded):
        return None
    order = np.argsort(encoded.lengths, kind="stable")
    return to_tensors(job.collate(encoded, np.unique([*order[:2], *order[-2:]]), epoch=0))


def trial_of(
    model: Any, job: Job, accelerator: Accelerator | None = None
) -> Callable[[], list[Tensor]] | None:
    """Make what runs the model on such a batch, and gives what it says of all but padding.

    None where nothing is padded: blocks of several texts, features that were stored.

    Args:
        model: The model.
        job: Whose rows it is run on.
        accelerator: Says where, and in which precision; None: on a CPU, in the model's own.
    """
    batch = trial_batch(job)
    if batch is None or "position_ids" in batch or "attention_mask" not in batch:
        return None
    is_writer = job.objective.name == "sequence-to-sequence"

    def compute() -> list[Tensor]:
        device = next(model.parameters()).device
        in_precision = nullcontext() if accelerator is None else accelerator.autocast()
        with in_precision, on_device(batch, device) as moved:
            said = run_model(model, moved, decoder=is_writer)
            return outputs_that_count(said, moved, decoder=is_writer)

    return compute


def speed_ups(model: Any, job: Job, accelerator: Accelerator) -> AbstractContextManager[Any]:
    """Have the model train with less work; it gives why padding is computed, where it is.

    Blocks that are computed again keep theirs. On a device it is left out where that is asked for.
    """
    settings: Training = job.training
    if settings.torch_compile:
        return nullcontext()
    if is_far(accelerator.device):
        is_asked = settings.unpadded is True
        return _on_device(model, job, accelerator) if is_asked else nullcontext()
    vocabulary = None
    if settings.compact_vocabulary and accelerator.num_processes == 1:
        vocabulary = compact(model, words_in(job.encoded, job.tokenizer), settings)
    return faster(
        model,
        trial_of(model, job),
        unpadded=bool(settings.unpadded) and not settings.gradient_checkpointing,
        cls_only=settings.cls_only,
        fast_dropout=settings.fast_dropout,
        vocabulary=vocabulary,
    )


def _on_device(model: Any, job: Job, accelerator: Accelerator) -> AbstractContextManager[Any]:
    """Leave padding out there. The trial is in the precision of training, whose kernels differ."""
    settings: Training = job.training
    if settings.gradient_checkpointing:
        return nullcontext("blocks are computed again going back")
    model.to(accelerator.device)
    return faster(
        model,
        trial_of(model, job, accelerator),
        cls_only=settings.cls_only,
        fast_dropout=False,
        far=True,
    )
