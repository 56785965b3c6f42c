"""Outputs of a teacher and the mean of its last states, computed once.

Next: `training/distillation_loss.py`, where a student is compared with it.
"""

from __future__ import annotations

from collections.abc import Generator

import torch
from torch import Tensor

from luthier.codec import Codec
from luthier.frozen_features.features import Features
from luthier.hf_types import Model
from luthier.items import Items
from luthier.models.with_hidden_states import WithStates
from luthier.ragged import Array
from luthier.recipe.tree import Training
from luthier.records import Rows, StepInfo
from luthier.training.devices import make_accelerator
from luthier.training.predict import infer_rows


def ask(
    teacher: Model, items: Items, rows: Rows, codec: Codec, *, settings: Training, n_states: int
) -> Generator[StepInfo, None, tuple[Array, Array]]:
    """Run a teacher over rows, without dropout.

    Args:
        teacher: A model that judges whole texts.
        items: The rows, encoded for the teacher.
        rows: The rows themselves.
        codec: The teacher's.
        settings: Training section: the device, and the size of batches.
        n_states: Width of the states that are wanted; 0 for none.

    Returns:
        Outputs (rows, outputs), and states (rows, n_states), each feature standardised so that
        none outweighs the others.
    """
    watched = WithStates(teacher)

    def compute(inputs: dict[str, Tensor]) -> Tensor:
        outputs = watched(**inputs)
        return torch.cat([outputs.logits.float(), outputs.states[:, :n_states].float()], dim=1)

    both = yield from infer_rows(
        Features(watched.to(make_accelerator(settings).device), compute),
        items,
        rows,
        codec,
        batch_size=settings.per_device_eval_batch_size,
        kinds=("logits",),
        phase="asking the teacher",
    )
    n_outputs = both.shape[1] - n_states
    outputs, states = both[:, :n_outputs], both[:, n_outputs:]
    return outputs, (states - states.mean(axis=0)) / (states.std(axis=0) + 1e-6)
