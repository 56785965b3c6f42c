"""`ema`: score and keep an exponential moving average of the weights.

    average ← decay × average + (1 − decay) × weights        after every optimizer step

Polyak and Juditsky 1992, https://doi.org/10.1137/0330046; with a decay, as by Tarvainen and Valpola
2017, section 2, https://arxiv.org/abs/1703.01780. As there, the decay is smaller in the first
steps, min(decay, 1 − 1 / (step + 1)), which starts at 0.5, so that the average soon forgets the
initial weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from luthier.recipe.tree import Section
from luthier.training.hooks import Hooks


class EmaOptions(Section):
    """How long the average remembers."""

    decay: float = Field(
        0.99, ge=0, lt=1, description="Share of the average that a step keeps; 0.99: ~100 steps."
    )


class Ema(Hooks):
    """Keeps an exponential moving average of the trained weights, and scores that."""

    name: ClassVar[str] = "ema"
    Options = EmaOptions

    def __init__(self, options: EmaOptions):
        self.options = options
        self.average: dict[str, Tensor] = {}

    def begin(self, model: nn.Module, n_steps: int) -> None:
        """Start from the weights as they are."""
        self.average = {name: one.detach().clone() for name, one in trained(model)}

    @torch.no_grad()
    def after_step(self, model: nn.Module, step: int, n_steps: int) -> None:
        """Move the average towards the weights."""
        decay = min(self.options.decay, 1 - 1 / (step + 1))
        for name, one in trained(model):
            self.average[name].lerp_(one.detach(), 1 - decay)

    @contextmanager
    def evaluated(self, model: nn.Module) -> Iterator[None]:
        """Put the average in place; afterwards, the weights that are trained."""
        kept = {name: one.detach().clone() for name, one in trained(model)}
        self.finish(model)
        try:
            yield
        finally:
            put(model, kept)

    def finish(self, model: nn.Module) -> None:
        """Leave the average in place."""
        put(model, self.average)

    def state_dict(self) -> dict[str, Any]:
        """Give the average."""
        return dict(self.average)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take the average back."""
        for name, values in state.items():
            self.average[name].copy_(values)


def trained(model: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """Walk over the parameters that are trained."""
    return ((name, one) for name, one in model.named_parameters() if one.requires_grad)


@torch.no_grad()
def put(model: nn.Module, values: Mapping[str, Tensor]) -> None:
    """Copy values into the parameters of their names."""
    for name, one in model.named_parameters():
        if name in values:
            one.copy_(values[name])
