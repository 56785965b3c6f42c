"""`gradual-unfreezing`: train the head first, then one more layer at a time from the top.

Howard & Ruder 2018, section 3.3 (ULMFiT), https://arxiv.org/abs/1801.06146, with their lower rates
for lower layers. Deviations: the layers are spread over a share of the training rather than one an
epoch, since few recipes have as many epochs as layers; and the rate follows the recipe's schedule.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from luthier.protocols import KINDS, UNITS
from luthier.recipe.tree import Section
from luthier.records import Job, StepInfo


class GradualUnfreezingOptions(Section):
    """When layers begin to learn, and how fast."""

    unfrozen_after: float = Field(
        0.5, ge=0, le=1, description="Share of the steps after which all layers learn."
    )
    decay: float = Field(
        0.9, gt=0, le=1, description="Learning rate of a layer, as a share of that above it."
    )


class GradualUnfreezing:
    """Train the head first, then one more layer at a time from the top."""

    name: ClassVar[str] = "gradual-unfreezing"
    units: ClassVar[frozenset[str]] = UNITS
    kinds: ClassVar[frozenset[str]] = KINDS
    Options = GradualUnfreezingOptions
    defaults: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, options: GradualUnfreezingOptions):
        self.options = options

    def fit(self, model: Any, job: Job) -> Generator[StepInfo, None, Any]:
        """Train the model in place, with ever lower layers."""
        from luthier.models.structure import depths
        from luthier.training.loop import train

        depth_of = depths(model)
        top = max(depth_of.values())
        rates = {name: self.options.decay ** (top - depth) for name, depth in depth_of.items()}

        @contextmanager
        def step_context(model: Any, step: int, n_steps: int) -> Iterator[None]:
            lowest = self.lowest(step, n_steps, top)
            frozen = [
                one
                for name, one in model.named_parameters()
                if depth_of[name] < lowest and one.requires_grad
            ]
            for one in frozen:
                one.requires_grad_(False)
            yield
            for one in frozen:
                one.requires_grad_(True)

        return (
            yield from train(model, job.replace(lr_multipliers=rates, step_context=step_context))
        )

    def lowest(self, step: int, n_steps: int, top: int) -> int:
        """Say which depth is the lowest that learns in a step, from 1; `top` is the head's.

        >>> method = GradualUnfreezing(GradualUnfreezingOptions(unfrozen_after=0.5))
        >>> [method.lowest(step, 12, top=3) for step in range(1, 13)]
        [3, 3, 2, 2, 1, 1, 0, 0, 0, 0, 0, 0]
        """
        until = self.options.unfrozen_after * n_steps
        done = (step - 1) / until if until else 1.0
        return max(0, top - int(done * top))

    def save(self, model: Any, tokenizer: Any, folder: Path) -> None:
        """Write the model as a checkpoint of Transformers."""
        from luthier.models.load import save_model

        save_model(model, tokenizer, folder)

    def load(self, folder: Path) -> tuple[Any, Any]:
        """Read the checkpoint back."""
        from luthier.models.load import load_saved

        return load_saved(folder)
