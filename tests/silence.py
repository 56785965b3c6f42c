"""Models without dropout, and what it means that two of them learn alike."""

import torch
from torch import nn

ALIKE = 1e-5  # relative: float32 sums in another order
SHARES = ("dropout", "attention_dropout", "activation_dropout")  # kept as numbers by modules
FIELDS = ("attention_probs_dropout_prob", "attention_dropout", "attn_pdrop")


def silence(model):
    """Set every dropout to zero."""
    for part in model.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0
        for name in SHARES:
            if isinstance(getattr(part, name, None), float):
                setattr(part, name, 0.0)
    for name in FIELDS:
        if hasattr(model.config, name):
            setattr(model.config, name, 0.0)


def assert_alike(one, other):
    """Compare outputs and gradients, relative to the largest."""
    assert torch.allclose(one[0], other[0], rtol=0, atol=ALIKE * float(one[0].abs().max()))
    assert one[1].keys() == other[1].keys()
    largest = max(float(values.abs().max()) for values in one[1].values())
    assert largest > 0
    for name, values in one[1].items():
        assert torch.allclose(values, other[1][name], rtol=0, atol=ALIKE * largest), name
