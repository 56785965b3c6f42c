"""`ema`: score and keep an exponential moving average of the weights.

    average ← decay × average + (1 − decay) × weights        after every optimizer step

Polyak and Juditsky 1992, https://doi.org/10.1137/0330046; with a decay, as by Tarvainen and Valpola
2017, section 2, https://arxiv.org/abs/1703.01780. By default it averages over a tenth of all steps.
As there, the decay is smaller in the first steps, min(decay, 1 − 1 / (step + 1)), which starts at
0.5, so that the average soon forgets the initial weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from luthier.job import Regulariser
from luthier.models.structure import trained
from luthier.recipe.tree import Section

WINDOW = 0.1  # share of all steps that the average is over


class EmaOptions(Section):
    """How fast the average forgets."""

    decay: Annotated[float, Field(ge=0, lt=1)] | Literal["auto"] = Field(
        "auto",
        description="Share of the average kept at a step; 0.99 averages over ~100 steps; "
        "auto: over a tenth of all.",
    )


class Ema(Regulariser):
    """Keeps an exponential moving average of the trained weights, which is scored and saved."""

    name: ClassVar[str] = "ema"
    Options = EmaOptions

    def __init__(self, options: EmaOptions):
        self.options = options
        self.average: dict[str, Tensor] = {}
        self.decay = 0.0

    def begin(self, model: nn.Module, n_steps: int) -> None:
        """Start from the current weights."""
        given = self.options.decay
        self.decay = 1 - 1 / max(1.0, WINDOW * n_steps) if given == "auto" else given
        self.average = {name: one.detach().clone() for name, one in trained(model)}

    @torch.no_grad()
    def after_step(self, model: nn.Module, step: int, n_steps: int) -> None:
        """Move the average towards the weights."""
        decay = min(self.decay, 1 - 1 / (step + 1))
        for name, one in trained(model):
            self.average[name].lerp_(one.detach(), 1 - decay)

    @contextmanager
    def evaluated(self, model: nn.Module) -> Iterator[None]:
        """Swap in the average; on exit, restore the trained weights."""
        kept = {name: one.detach().clone() for name, one in trained(model)}
        self.finish(model)
        try:
            yield
        finally:
            put(model, kept)

    def finish(self, model: nn.Module) -> None:
        """Leave the model with the average."""
        put(model, self.average)

    def state_dict(self) -> dict[str, Any]:
        """Return the average."""
        return dict(self.average)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the average."""
        for name, values in state.items():
            self.average[name].copy_(values)


@torch.no_grad()
def put(model: nn.Module, values: Mapping[str, Tensor]) -> None:
    """Copy values into the parameters of these names."""
    for name, one in model.named_parameters():
        if name in values:
            one.copy_(values[name])
