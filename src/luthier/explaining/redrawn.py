"""Draws a model's weights anew for a while, and restores them bit by bit.

Adebayo et al. 2018, "Sanity checks for saliency maps": a map that stays the same when the weights
are random says nothing about what the model has learned. Every weight is drawn from a normal
distribution of its own tensor's mean and standard deviation, so that all keep their size.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from luthier.hf_types import Model
from luthier.models.structure import pretrained, trunk
from luthier.seeding import seed_of

HEAD, EVERYTHING = "head", "all weights"


def weights_of(model: Model, part: str) -> list[nn.Parameter]:
    """List the weights of a part of a model: of its head, or all of them.

    The head is what does not belong to the pre-trained trunk. A language model's table of words
    that reads and writes belongs to the trunk; methods that store rows have no head to draw.
    """
    drawn = [one for one in model.parameters() if one.is_floating_point()]
    if part == EVERYTHING:
        return drawn
    inner = pretrained(model)
    inside = {id(one) for one in trunk(model if inner is None else inner).parameters()}
    return [one for one in drawn if id(one) not in inside]


@contextmanager
def redrawn(model: Model, part: str, *, seed: int, draw: int) -> Iterator[None]:
    """Draw weights anew while the context is open.

    Args:
        model: The model.
        part: `head` or `all weights`.
        seed: The run's seed.
        draw: Number of the draw.
    """
    drawn = weights_of(model, part)
    kept = [one.detach().clone() for one in drawn]
    generator = torch.Generator().manual_seed(seed_of(seed, "re-drawn weights", part, draw))
    try:
        with torch.no_grad():
            for one in drawn:
                mean, spread = one.float().mean(), one.float().std(correction=0)
                noise = torch.randn(one.shape, generator=generator).to(one.device)
                one.copy_(mean + spread * noise)
        yield
    finally:
        with torch.no_grad():
            for one, before in zip(drawn, kept, strict=True):
                one.copy_(before)
