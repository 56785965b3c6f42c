"""The states below the trained layers, computed once and used in every epoch.

If the lower blocks of a model are frozen, their states for a text do not change. So these are
computed once, without dropout, and returned by the highest frozen block in place of its own output.
The rest of the model's forward, its masks and positions, runs as usual. A trial on a batch checks
that outputs are those of the whole model.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from luthier.hf_types import Model
from luthier.items import Batch, ItemField
from luthier.job import Job
from luthier.ragged import Array, Ragged
from luthier.records import StepInfo
from luthier.training.model_calls import TensorBatch, logits_of, run_model, to_tensors
from luthier.training.predict import deal

ALIKE = 1e-4  # tolerance between outputs with and without stored states
STATES = "stored_states"


class _EnoughError(Exception):
    """Raised to leave the model once the states are found."""


class Cut:
    """A model split above its frozen lower blocks.

    Args:
        model: The model.
        below: Its frozen blocks, bottom first; at least one.
    """

    def __init__(self, model: Model, below: list[nn.Module]):
        self.model, self.below = model, below
        self.states: Tensor | None = None
        self._shape: tuple[Any, ...] | None = None  # what a block returns besides its states
        self._is_swapped = False  # XLNet puts tokens before rows
        self._hook: Any = None

    def seen(self, batch: TensorBatch) -> Tensor:
        """Run the lower blocks alone, and return their states, (batch, tokens, width).

        Raises:
            ValueError: The blocks return more than states, which would have to be stored too.
        """
        found: list[Any] = []

        def stop(module: nn.Module, args: Any, said: Any) -> None:
            found.append(said)
            raise _EnoughError

        hook = self.below[-1].register_forward_hook(stop)
        try:
            run_model(self.model, batch)
        except _EnoughError:
            pass
        finally:
            hook.remove()
        said = found[0]
        states, rest = (said, None) if isinstance(said, Tensor) else (said[0], tuple(said[1:]))
        if rest is not None and any(one is not None for one in rest):
            raise ValueError("its blocks return more than states")
        self._shape = rest
        tokens = batch.inputs["input_ids"].shape
        if tokens[0] != tokens[1]:
            self._is_swapped = states.shape[:2] == tokens[::-1]
        return states.transpose(0, 1) if self._is_swapped else states

    def put_in(self) -> None:
        """Make the lower blocks return the stored states of a batch.

        Batches without stored states are computed as usual.
        """

        def take(module: nn.Module, args: Any, given: dict[str, Any]) -> Any:
            self.states = given.pop(STATES, None)
            return args, given

        def give(block: nn.Module, compute: Callable[..., Any]) -> Callable[..., Any]:
            def forward(*args: Any, **given: Any) -> Any:
                if self.states is None:
                    return compute(*args, **given)
                states = args[0] if args else given["hidden_states"]
                if block is self.below[-1]:
                    states = self.states.transpose(0, 1) if self._is_swapped else self.states
                return states if self._shape is None else (states, *self._shape)

            return forward

        self._hook = self.model.register_forward_pre_hook(take, with_kwargs=True)
        for block in self.below:
            block.forward = give(block, block.forward)

    def take_out(self) -> None:
        """Restore the lower blocks."""
        self._hook.remove()
        for block in self.below:
            del block.forward  # the class's method becomes visible again


def freeze_below(cut: Cut, batch: TensorBatch, *, decoder: bool) -> None:
    """Freeze all parameters that the states at the cut depend on, as found by autograd.

    Some are outside the blocks below, such as a table of positions that all blocks share.
    """
    trained = [one for one in cut.model.parameters() if one.requires_grad]
    found: list[Tensor] = []

    def keep(module: nn.Module, args: Any, said: Any) -> None:
        found.append(said if isinstance(said, Tensor) else said[0])

    hook = cut.below[-1].register_forward_hook(keep)
    with torch.enable_grad():
        run_model(cut.model, batch, decoder=decoder)
    hook.remove()
    if not found[-1].requires_grad:
        return
    gradients = torch.autograd.grad(found[-1].sum(), trained, allow_unused=True)
    for one, gradient in zip(trained, gradients, strict=True):
        if gradient is not None:
            one.requires_grad_(False)


def why_not(
    cut: Cut, job: Job, batch: TensorBatch, again: Batch[Array], first: Batch[Array]
) -> str | None:
    """Return why states cannot be stored; None if they can."""
    if job.plan.objective.name == "sequence-to-sequence":
        return "a decoder needs its encoder in every step"
    if any(not np.array_equal(first.inputs[name], again.inputs[name]) for name in first.inputs):
        return "other words are masked in every epoch"
    ids = batch.inputs.get("input_ids")
    if ids is None or ids.ndim != 2 or len(ids) != batch.n_items:
        return "an item is more than one text"
    with torch.no_grad():
        whole = run_model(cut.model, batch)
        try:
            states = cut.seen(batch)
        except ValueError as problem:
            return str(problem)
        cut.put_in()
        stored = run_model(cut.model, replace(batch, inputs={**batch.inputs, STATES: states}))
        cut.take_out()
    pairs = zip(logits_of(whole), logits_of(stored), strict=True)
    if all(torch.allclose(one, other, atol=ALIKE, rtol=ALIKE) for one, other in pairs):
        return None
    return "its layers read states below the layer beneath them"


def store(
    cut: Cut, job: Job, split: str, *, room: int, phase: str
) -> Generator[StepInfo, None, Ragged]:
    """Compute the states of a split, as `Ragged` (items; tokens, width) in float32.

    Args:
        cut: The model, split above its frozen blocks.
        job: The job that holds the split.
        split: Name of the split.
        room: Most bytes to keep in memory; larger states are memory-mapped on disk.
        phase: Name of this phase in progress reports.
    """
    items = job.problem.items[split]
    offsets = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(items.cost)])
    values: Array = np.empty((0, 0), dtype=np.float32)
    device = next(cut.model.parameters()).device
    size = job.plan.training.per_device_eval_batch_size
    batches = deal(items.cost, size, device=device)
    for number, chosen in enumerate(batches, start=1):
        batch = to_tensors(job.problem.codec.batch(items, chosen))
        with torch.inference_mode():
            states = cut.seen(batch.map(lambda values: values.to(device)))
        if number == 1:
            values = _space((int(offsets[-1]), states.shape[-1]), room, job)
        shown = states.float().cpu().numpy()[_places(batch, items.cost[chosen])]
        ends = np.cumsum(items.cost[chosen])
        for item, end in zip(chosen, ends, strict=True):
            length = items.cost[item]
            values[offsets[item] : offsets[item + 1]] = shown[end - length : end]
        yield StepInfo(phase, number, len(batches), rows=len(chosen))
    return Ragged(values, offsets)


def _space(shape: tuple[int, int], room: int, job: Job) -> Array:
    """Allocate memory or, if that is too little, a file that is deleted with the array."""
    n_bytes = 4 * shape[0] * shape[1]
    if n_bytes <= room:
        return np.empty(shape, dtype=np.float32)
    where = Path(tempfile.gettempdir()) if job.session.run is None else job.session.run.path
    if shutil.disk_usage(where).free < 1.1 * n_bytes:
        raise OSError(28, "no room for the stored states", str(where))
    with tempfile.NamedTemporaryFile(dir=where, prefix=".states-", suffix=".tmp") as file:
        return np.memmap(file, dtype=np.float32, mode="w+", shape=shape)


def _places(batch: TensorBatch, lengths: Array) -> Array:
    """Return a mask of the real tokens of a padded batch, (batch, tokens)."""
    if "attention_mask" in batch.inputs:
        return np.asarray(batch.inputs["attention_mask"]).astype(bool)
    return np.arange(batch.inputs["input_ids"].shape[1]) < lengths[:, None]


def with_states(job: Job, stored: dict[str, Ragged]) -> Job:
    """Add the stored states to a job's items, as one more argument of the model."""
    items = dict(job.problem.items)
    for split, states in stored.items():
        inputs = {**items[split].inputs, STATES: ItemField(states)}
        items[split] = replace(items[split], inputs=inputs)
    return job.with_problem(items=items)
