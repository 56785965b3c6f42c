"""Batch norms that bring statistics from their checkpoint, which fine-tuning leaves as they are.

A batch of 16 images says too little of them, and what a model says of an image in training would
depend on the images beside it.
"""

from __future__ import annotations

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


def pretrained_norms(model: nn.Module) -> list[nn.Module]:
    """Return the batch norms whose statistics are not those that they are made with."""
    return [
        one
        for one in model.modules()
        if isinstance(one, _BatchNorm)
        and one.running_var is not None
        and not bool((one.running_var == 1).all())
    ]
