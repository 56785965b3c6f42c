"""Outputs of a teacher and the mean of its last states, computed once.

Next: `training/distillation_loss.py`, where a student is compared with it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator

import torch
from torch import Tensor

from luthier.frozen_features.features import Features
from luthier.hf_types import Model
from luthier.models.with_hidden_states import WithStates
from luthier.recipe.tree import Training
from luthier.records import Array, Batch, Encoded, Outputs, Rows, StepInfo
from luthier.training.devices import make_accelerator
from luthier.training.predict import read_rows


def ask(
    teacher: Model,
    encoded: Encoded,
    rows: Rows,
    *,
    collate: Callable[..., Batch],
    gather: Callable[..., Outputs],
    settings: Training,
    n_states: int,
) -> Generator[StepInfo, None, tuple[Array, Array]]:
    """Run a teacher over rows, without dropout.

    Args:
        teacher: A model that judges whole texts.
        encoded: The rows, encoded with the teacher's tokenizer.
        rows: The rows themselves.
        collate: Makes a batch of (encoded, items, reading).
        gather: Combines what was read of items to outputs of rows.
        settings: Training settings, for device and batch size.
        n_states: Number of features of the states to return; 0 returns none.

    Returns:
        Outputs (rows, outputs), and states (rows, n_states), each feature standardised so that
        none outweighs the others.
    """
    watched = WithStates(teacher)

    def compute(batch: dict[str, Tensor]) -> Tensor:
        said = watched(**batch)
        return torch.cat([said.logits.float(), said.states[:, :n_states].float()], dim=1)

    both = yield from read_rows(
        Features(watched.to(make_accelerator(settings).device), compute),
        encoded,
        rows,
        collate=collate,
        gather=gather,
        readings=("logits",),
        batch_size=settings.per_device_eval_batch_size,
        phase="asking the teacher",
    )
    n_outputs = both.shape[1] - n_states
    outputs, states = both[:, :n_outputs], both[:, n_outputs:]
    return outputs, (states - states.mean(axis=0)) / (states.std(axis=0) + 1e-6)
