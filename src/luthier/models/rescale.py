"""Make a regression model predict in the unit of its targets.

Training standardises targets. A last linear layer with a bias can undo that: scale × (W x + b) +
mean is a layer with weight scale × W and bias scale × b + mean. So the saved checkpoint predicts
true values with Transformers alone.
"""

from __future__ import annotations

import torch
from torch import nn

from luthier.hf_types import Model


def rescale(model: Model, *, mean: float, scale: float) -> bool:
    """Change the last linear layer so that outputs become `scale * output + mean`.

    Returns:
        Whether there is a last layer with a bias; without one (GPT-2, Llama), nothing changes.
    """
    last = None
    for name, module in model.named_modules():
        ours = isinstance(module, nn.Linear) and module.out_features == 1
        if ours and "lora_" not in name and "original_module" not in name:
            last = module
    if last is None or last.bias is None:
        return False
    with torch.no_grad():
        last.weight.mul_(scale)
        last.bias.mul_(scale).add_(mean)
    return True
