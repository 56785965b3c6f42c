"""`top-layers`: trains the last layers and the head on stored states of the layers below.

The outputs of frozen layers are the same in every epoch, so they are stored, in memory or
memory-mapped on disk, and an epoch costs only what the trained layers cost. Frozen layers run
without dropout, unlike those of `model.freeze_bottom`. Lee et al. 2019 find that a fourth of the
layers often suffices, https://arxiv.org/abs/1911.03090.

If states cannot be stored (other words are masked in every epoch; an encoder-decoder), the lower
layers stay frozen and run in every step, which the run reports.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import ClassVar

import numpy as np
from pydantic import Field

from luthier.errors import ModelError
from luthier.hf_types import Model
from luthier.job import Job
from luthier.models.plain_checkpoint import PlainCheckpoint
from luthier.recipe.tree import Section
from luthier.records import StepInfo

GIB = 2**30


class TopLayersOptions(Section):
    """Number of trained layers, and memory for the states below."""

    n_layers: int = Field(2, ge=1, description="Trained layers at the top.")
    memory_gib: float = Field(
        2.0, ge=0, description="States kept in memory, in GiB; more are memory-mapped on disk."
    )


class TopLayers(PlainCheckpoint):
    """Train the last layers and the head on states that are computed once."""

    name: ClassVar[str] = "top-layers"
    learns_soft_labels: ClassVar[bool] = True
    Options = TopLayersOptions
    options: TopLayersOptions

    def fit(self, model: Model, job: Job) -> Generator[StepInfo, None, Model]:
        """Store the states below the trained layers, then train on them."""
        from luthier.frozen_features import stored_states
        from luthier.models.structure import blocks, shares_layers
        from luthier.training.loop import train
        from luthier.training.model_calls import to_tensors

        stack = list(blocks(model)[-1])
        if shares_layers(model) or self.options.n_layers >= len(stack):
            raise ModelError(
                f"The model has {len(stack)} layers to cut between.",
                received=f"method.options.n_layers={self.options.n_layers}",
                hint="fewer layers, or method=full",
            )
        cut = stored_states.Cut(model, stack[: -self.options.n_layers])
        some = np.arange(min(2, len(job.problem.items["train"])))
        codec, items = job.problem.codec, job.problem.items["train"]
        first, again = (codec.batch(items, some, epoch=epoch) for epoch in (0, 1))
        batch = to_tensors(first)
        is_writer = job.plan.objective.name == "sequence-to-sequence"
        model.eval()
        stored_states.freeze_below(cut, batch, decoder=is_writer)
        problem = stored_states.why_not(cut, job, batch, again, first)
        if problem is not None:
            message = f"states are not stored: {problem}"
            yield StepInfo("states of train", 1, 1, message=message)
            return (yield from train(model, job))
        room = int(self.options.memory_gib * GIB)
        stored = {}
        for split in ("train", "validation"):
            phase = f"states of {split}"
            stored[split] = yield from stored_states.store(cut, job, split, room=room, phase=phase)
        cut.put_in()
        try:
            yield from train(model, stored_states.with_states(job, stored))
        finally:
            cut.take_out()
        return model
