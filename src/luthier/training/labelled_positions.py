"""Only what has a label: words are scored where the loss asks for them.

A trial on a few rows decides, as with all speed-ups (`models/speedups/apply.py`): the logits that
reach the loss must be the same. Next: `loop.py`.
"""

from __future__ import annotations

from typing import Any

import torch

from luthier.job import Job
from luthier.models.speedups.apply import are_alike
from luthier.models.speedups.head import has_word_head, head_only_at
from luthier.training.model_calls import run_model, targets_of
from luthier.training.speedups import trial_batch

OBJECTIVES = frozenset({"token-cross-entropy", "sequence-to-sequence"})


def can_skip_unlabelled(model: Any, job: Job) -> bool:
    """Say whether a model's head may leave out tokens that have no label.

    Args:
        model: As it is trained.
        job: Says the loss, and whether it is wanted (`training.labelled_only`).
    """
    is_fit = job.plan.objective.name in OBJECTIVES and has_word_head(model)
    is_wanted = job.plan.training.labelled_only and not job.plan.training.torch_compile
    batch = trial_batch(job) if is_wanted and is_fit else None
    if batch is None:
        return False
    device = next(model.parameters()).device
    batch = batch.map(lambda values: values.to(device))
    decoder = job.plan.objective.name == "sequence-to-sequence"
    places = torch.zeros_like(targets_of(batch), dtype=torch.bool)
    places[:, ::2] = True  # whatever has a label: by chance nothing may
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            before = run_model(model, batch, decoder=decoder).logits[places]
            with head_only_at(model, places):
                after = run_model(model, batch, decoder=decoder).logits
    except (RuntimeError, TypeError, ValueError, LookupError, AttributeError):
        return False  # its head looks at more than one token at a time
    finally:
        model.train(was_training)
    return after.shape[:-1] == (1, len(before)) and are_alike([before], [after[0]])
