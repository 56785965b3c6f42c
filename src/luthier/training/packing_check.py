"""Whether a model keeps the texts of one block apart, tried out rather than believed."""

from __future__ import annotations

from typing import Any

import torch

from luthier.errors import ModelError
from luthier.items import Batch
from luthier.training.model_calls import run_model

ALIKE = 1e-2  # logits of the same text, alone and in a block, in any precision


@torch.no_grad()
def refuse_leaking_blocks(model: Any) -> None:
    """Raise where a text of a block changes what is said of the text after it.

    Raises:
        ModelError: It does; such a model must not be given packed blocks.
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
