"""Check that a model keeps the texts of a packed block apart."""

from __future__ import annotations

import torch

from luthier.errors import ModelError
from luthier.hf_types import Model
from luthier.items import Batch
from luthier.training.model_calls import run_model

ALIKE = 1e-2  # tolerance of logits of a text alone and in a block, in any precision


@torch.no_grad()
def refuse_leaking_blocks(model: Model) -> None:
    """Raise if a text of a block changes the outputs of the text after it.

    Raises:
        ModelError: It does, so the model cannot be trained on packed blocks.
    """
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    ids = torch.tensor([[1, 2, 3, 4, 5, 6]], device=device)
    places = torch.tensor([[0, 1, 2, 0, 1, 2]], device=device)
    packed = run_model(model, Batch({"input_ids": ids, "position_ids": places}, None, 1)).logits[
        :, 3:
    ]
    alone = run_model(model, Batch({"input_ids": ids[:, 3:]}, None, 1)).logits
    model.train(was_training)
    if not torch.allclose(packed.float(), alone.float(), atol=ALIKE, rtol=ALIKE):
        raise ModelError(
            f"{model.config.model_type} does not keep the texts of one block apart.",
            received="task.options.packing=true",
            hint="task.options.packing=false",
        )
