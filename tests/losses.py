"""Losses over all rows: whether a model learns must not hang on what a few batches happen to be."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from math import ceil
from typing import Any

import numpy as np
import torch

from luthier.job import Job
from luthier.records import StepInfo
from luthier.training.losses import make_loss
from luthier.training.model_calls import run_model, to_tensors


def mean_loss(model: Any, job: Job, split: str = "train") -> float:
    """Compute a model's mean loss on all rows of a split, without dropout."""
    items, loss = job.problem.items[split], make_loss(job.plan.objective, torch.device("cpu"))
    batch = to_tensors(job.problem.codec.batch(items, np.arange(len(items))))
    was_training = model.training
    model.eval()
    with torch.inference_mode():
        outputs = run_model(model, batch, decoder=loss.decoder)
        total = loss.total(outputs, batch.targets, None)
    model.train(was_training)
    return float(total / loss.weight(batch.targets, None))


def losses_of_epochs(seen: Iterable[StepInfo], phase: str = "fine-tuning") -> list[float]:
    """Average the losses of each epoch's steps, which are logged one by one, over its rows."""
    steps = [one for one in seen if one.phase == phase and one.loss is not None]
    epochs = [list(group) for _, group in groupby(steps, lambda one: ceil(one.epoch - 1e-6))]
    return [
        float(np.average([one.loss for one in own], weights=[one.rows for one in own]))
        for own in epochs
    ]
