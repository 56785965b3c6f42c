"""`gradual-unfreezing`: trains the head first, then one more layer at a time from the top.

Howard & Ruder 2018, section 3.3 (ULMFiT), https://arxiv.org/abs/1801.06146, with their lower rates
for lower layers. Deviations: the layers are spread over a share of the training instead of one per
epoch, since few recipes have as many epochs as layers; the rate follows the recipe's schedule.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import ClassVar

from pydantic import Field

from luthier.hf_types import Model
from luthier.job import Job
from luthier.models.plain_checkpoint import PlainCheckpoint
from luthier.recipe.tree import Section
from luthier.records import StepInfo


class GradualUnfreezingOptions(Section):
    """When layers are unfrozen, and their learning rates."""

    unfrozen_after: float = Field(
        0.5, ge=0, le=1, description="Share of the steps after which all layers are trained."
    )
    decay: float = Field(
        0.9,
        gt=0,
        le=1,
        description="Learning rate of a layer, as a share of that of the layer above.",
    )


class GradualUnfreezing(PlainCheckpoint):
    """Train the head first, then one more layer at a time from the top."""

    name: ClassVar[str] = "gradual-unfreezing"
    learns_soft_labels: ClassVar[bool] = True
    reads_anew: ClassVar[bool] = True
    Options = GradualUnfreezingOptions
    options: GradualUnfreezingOptions

    def fit(self, model: Model, job: Job) -> Generator[StepInfo, None, Model]:
        """Train the model in place, unfreezing layers from the top down."""
        from luthier.models.structure import depths
        from luthier.training.hooks import FrozenBelow
        from luthier.training.loop import train

        depth_of = depths(model)
        top = max(depth_of.values())
        rates = {name: self.options.decay ** (top - depth) for name, depth in depth_of.items()}
        frozen_below = FrozenBelow(depth_of, lambda step, n: self.lowest(step, n, top))
        regularisers = (frozen_below, *job.plan.regularisers)
        job = job.with_plan(lr_multipliers=rates, regularisers=regularisers)
        return (yield from train(model, job))

    def lowest(self, step: int, n_steps: int, top: int) -> int:
        """Return the lowest trained depth of a step, from 1; `top` is the depth of the head.

        >>> method = GradualUnfreezing(GradualUnfreezingOptions(unfrozen_after=0.5))
        >>> [method.lowest(step, 12, top=3) for step in range(1, 13)]
        [3, 3, 2, 2, 1, 1, 0, 0, 0, 0, 0, 0]
        """
        until = self.options.unfrozen_after * n_steps
        done = (step - 1) / until if until else 1.0
        return max(0, top - int(done * top))
