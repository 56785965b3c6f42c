"""Run the language head only on labelled tokens, the only ones that the loss uses.

A trial on a few rows decides, as for all speed-ups (`models/speedups/apply.py`): the logits that
reach the loss must be the same. Next: `loop.py`.
"""

from __future__ import annotations

import torch

from luthier.hf_types import Model
from luthier.job import Job
from luthier.models.speedups.apply import are_alike
from luthier.models.speedups.head import has_word_head, head_only_at
from luthier.training.model_calls import run_model, targets_of
from luthier.training.speedups import trial_batch

OBJECTIVES = frozenset({"token-cross-entropy", "sequence-to-sequence"})


def can_skip_unlabelled(model: Model, job: Job) -> bool:
    """Return whether a model's head can skip tokens that have no label.

    Args:
        model: The model, as it is trained.
        job: The job, with the loss and the setting `training.labelled_only`.
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
    places[:, ::2] = True  # every other token; the batch itself may have no labels
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            before = run_model(model, batch, decoder=decoder).logits[places]
            with head_only_at(model, places):
                after = run_model(model, batch, decoder=decoder).logits
    except (RuntimeError, TypeError, ValueError, LookupError, AttributeError):
        return False  # its head reads more than one token at a time
    finally:
        model.train(was_training)
    return after.shape[:-1] == (1, len(before)) and are_alike([before], [after[0]])
