"""Let a regression model speak in the number's own unit.

Training works in standard deviations from the mean. A last linear layer with a bias can take that
back: scale × (W x + b) + mean is the layer with weight scale × W and bias scale × b + mean, so the
saved checkpoint needs nothing of ours to give true numbers.
"""

from __future__ import annotations

import torch
from torch import nn

from luthier.hf_types import Model


def rescale(model: Model, *, mean: float, scale: float) -> bool:
    """Change the last linear layer so that outputs become `scale * output + mean`.

    Returns:
        Whether the model has a last layer with a bias; where not (GPT-2, Llama), nothing changes.
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
