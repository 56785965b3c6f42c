"""`layer-wise`: trains every weight, with lower learning rates for lower layers.

The rate of each block is `decay` times that of the block above; the head has the recipe's rate.
Howard & Ruder 2018, section 3.2 (discriminative fine-tuning), https://arxiv.org/abs/1801.06146; for
BERT, Zhang et al. 2021, https://arxiv.org/abs/2006.05987.
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


class LayerWiseOptions(Section):
    """Decay of the learning rate from layer to layer."""

    decay: float = Field(
        0.9,
        gt=0,
        le=1,
        description="Learning rate of a layer, as a share of that of the layer above.",
    )


class LayerWise(PlainCheckpoint):
    """Train every weight, with lower learning rates for lower layers."""

    name: ClassVar[str] = "layer-wise"
    learns_soft_labels: ClassVar[bool] = True
    reads_anew: ClassVar[bool] = True
    engines: ClassVar[frozenset[str]] = frozenset({"tensorflow"})
    Options = LayerWiseOptions
    options: LayerWiseOptions

    def fit(self, model: Model, job: Job) -> Generator[StepInfo, None, Model]:
        """Train the model in place, each layer at its own rate."""
        from luthier.models.structure import depths
        from luthier.training.loop import train

        depth_of = depths(model)
        top = max(depth_of.values())
        rates = {name: self.options.decay ** (top - depth) for name, depth in depth_of.items()}
        return (yield from train(model, job.with_plan(lr_multipliers=rates)))
