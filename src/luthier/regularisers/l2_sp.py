"""`l2-sp`: weights decay towards those of the pre-trained model rather than towards zero.

    w ← w − η λ (w − w₀)        before every optimizer step

Li, Grandvalet & Davoine 2018, section 3, https://arxiv.org/abs/1802.01483, decoupled from the
optimizer's moments as by Loshchilov & Hutter 2019. Heads, norms and biases have no w₀ and are left
to the optimizer; the weights that are held do not decay towards zero as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from pydantic import Field
from torch import nn

from luthier.hf_types import Model
from luthier.job import Plan, Regulariser
from luthier.recipe.tree import Section
from luthier.training.anchors import Anchors


class L2SpOptions(Section):
    """How strongly weights are held."""

    decay: float = Field(
        0.01, gt=0, description="Share of the way back, for each unit of the learning rate."
    )


class L2Sp(Regulariser):
    """Holds the weights near those of the pre-trained model."""

    name: ClassVar[str] = "l2-sp"
    is_anchored: ClassVar[bool] = True
    Options = L2SpOptions

    anchors: Anchors

    def __init__(self, options: L2SpOptions):
        self.options = options

    def prepare(self, model: Model, plan: Plan) -> None:
        """Find the weights that are held.

        Raises:
            RecipeError: None of them is trained.
        """
        self.anchors = Anchors(model, self.name)

    def begin(self, model: nn.Module, n_steps: int) -> None:
        """Keep the pre-trained weights."""
        self.anchors.take(model)

    def decays(self, name: str) -> bool:
        """Take the decay of the weights that are held."""
        return name in self.anchors.names

    @torch.no_grad()
    def before_step(self, model: nn.Module, rates: Mapping[str, float]) -> None:
        """Move the weights back."""
        for name, one in self.anchors.held(model):
            if name in rates:
                one.lerp_(self.anchors.values[name], rates[name] * self.options.decay)
