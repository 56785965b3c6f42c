"""Computes a model's outputs for encoded rows, in the order of the rows.

Longest items run first, so an out-of-memory error appears in the first batch, and items of a batch
have similar lengths. A batch has as many items as fit a budget of slots (items × longest): many
short texts or few long ones, of about the same memory.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import nullcontext
from typing import Any, cast

import numpy as np
import torch
from torch import nn

from luthier.codec import Codec
from luthier.distributed.group import group
from luthier.hf_types import Model
from luthier.items import Items
from luthier.job import Job
from luthier.models.speedups.apply import faster
from luthier.models.speedups.host_copies import on_device
from luthier.process import release_memory
from luthier.ragged import Array, Ragged
from luthier.records import Outputs, Rows, StepInfo
from luthier.registry import find
from luthier.training.batch_sampler import cut_by_slots
from luthier.training.inference import InferenceKind
from luthier.training.listeners import follow
from luthier.training.microbatches import hinting_batch_size
from luthier.training.model_calls import to_tensors
from luthier.training.shards import is_sharded

MANY = 32  # least number of items for which testing the speed-ups pays
TRIMMED = 8  # batches between which freed memory is returned
TYPICAL = 64  # tokens of an item as `batch_size` counts them
CACHED = 1024  # slots per CPU thread: more exceed its cache and are slower


def infer_items(
    model: nn.Module,
    items: Items,
    codec: Codec,
    *,
    batch_size: int,
    kind: str = "logits",
    phase: str = "predicting",
) -> Generator[StepInfo, None, Array | Ragged]:
    """Run the model over all items, yielding every batch.

    Args:
        model: The model.
        items: The encoded items.
        codec: The codec, which makes batches.
        batch_size: Number of items of 64 tokens in a batch; see `deal`.
        kind: The kind of inference.
        phase: Name of the phase in progress reports.

    Returns:
        The values of every item: (items, outputs) float32, or a `Ragged` if lengths differ.
    """
    device = next(model.parameters()).device
    how: InferenceKind = find("inference-kinds", kind)
    batches = deal(items.cost, batch_size, device=device, is_small=how.is_small)

    def infer(chosen: Array) -> list[Array]:
        batch = to_tensors(codec.batch(items, chosen, kind=kind))
        with (
            hinting_batch_size(batch_size),
            torch.inference_mode(),
            on_device(batch, device) as one,
        ):
            return how.infer(model, one)

    def compute() -> list[torch.Tensor]:
        few = np.unique([batches[0][0], batches[-1][-1]])  # the longest and the shortest item
        return [torch.from_numpy(one) for one in infer(few)]

    was_training = model.training
    model.eval()
    found: Any = [None] * len(items)
    together = is_sharded(model)  # all processes pass through it as often
    is_many = len(items) >= MANY and kind != "generate" and not together
    with faster(cast("Model", model), compute, fast_dropout=False) if is_many else nullcontext():
        own = batches[group().rank :: group().size]
        n_spare = -(-len(batches) // group().size) - len(own) if together else 0
        for number, chosen in enumerate(own, start=1):
            for item, one in zip(chosen, infer(chosen), strict=True):
                found[item] = one
            if number % TRIMMED == 0:
                release_memory()
            yield StepInfo(phase, number, len(own), rows=len(chosen) * group().size)
        for _ in range(n_spare):
            infer(batches[0])
    model.train(was_training)
    gather(found, [item for chosen in own for item in chosen])
    if not how.is_ragged:
        return np.stack(found) if len(items) else np.empty((0, 0), dtype=np.float32)
    if not len(items):
        return Ragged.of([])
    return Ragged.of(found, dtype=found[0].dtype, width=found[0].shape[1:])


def gather(found: list[Array | None], own: Sequence[int]) -> None:
    """Fill in what other processes computed.

    Args:
        found: The values of every item, of which those of this process are known; filled.
        own: The items that this process computed.
    """
    if group().size == 1:
        return
    values = [one for item in own if (one := found[item]) is not None]
    lengths = np.array([one.shape[0] if one.ndim else 1 for one in values], dtype=np.int64)
    joined = np.concatenate([np.atleast_1d(one) for one in values]) if values else np.empty(0)
    has_length = np.array([one.ndim > 0 for one in values[:1]])
    sent = [np.asarray(own, dtype=np.int64), lengths, joined, has_length]
    for theirs, sizes, together, axis in group().gather(sent):
        parts = np.split(together, np.cumsum(sizes)[:-1]) if len(theirs) else []
        for item, part in zip(theirs, parts, strict=True):
            found[item] = part if axis[0] else part[0]


def deal(
    lengths: Array, batch_size: int, *, device: torch.device, is_small: bool = True
) -> list[Array]:
    """Distribute items over batches of about equal cost, longest first.

    A batch has at most `batch_size` × 64 slots, on a CPU at most 1024 per thread. For generation,
    or a whole vocabulary per token, it also has at most `batch_size` items. A longer item is a
    batch of its own.

    Args:
        lengths: Tokens of every item, (items,).
        batch_size: Number of items of 64 tokens in a batch.
        device: The device of the model.
        is_small: Whether outputs are small enough for batches of many short items.

    >>> lengths = np.array([2, 128, 2, 64, 2])
    >>> [items.tolist() for items in deal(lengths, 1, device=torch.device("cpu"))]
    [[1], [3], [0, 2, 4]]
    """
    order = np.argsort(-lengths, kind="stable")
    most = batch_size * TYPICAL
    if device.type == "cpu":
        most = min(most, CACHED * torch.get_num_threads())
    batches = cut_by_slots(order, lengths[order], most)
    if is_small:
        return batches
    return [
        items[start : start + batch_size]
        for items in batches
        for start in range(0, len(items), batch_size)
    ]


def infer_rows(
    model: nn.Module,
    items: Items,
    rows: Rows,
    codec: Codec,
    *,
    batch_size: int,
    kinds: Sequence[str] | None = None,
    phase: str = "predicting",
) -> Generator[StepInfo, None, Outputs]:
    """Compute a model's outputs for rows.

    Args:
        model: The model.
        items: The encoded rows.
        rows: The rows themselves.
        codec: The codec, which makes batches and combines inferred values into outputs.
        batch_size: Number of items of 64 tokens in a batch.
        kinds: Kinds of inference; None: those that test scores need.
        phase: Name of the phase in progress reports.
    """
    inferred = yield from infer_kinds(
        model, items, codec, batch_size=batch_size, kinds=kinds, phase=phase
    )
    return codec.outputs(inferred, items, rows)


def infer_kinds(
    model: nn.Module,
    items: Items,
    codec: Codec,
    *,
    batch_size: int,
    kinds: Sequence[str] | None = None,
    phase: str = "predicting",
) -> Generator[StepInfo, None, dict[str, Any]]:
    """Infer each of several kinds for all items; see `infer_rows`."""
    inferred: dict[str, Any] = {}
    kinds = codec.inference_kinds() if kinds is None else kinds
    for kind in kinds:
        own_phase = phase if len(kinds) == 1 else f"{phase} ({kind})"
        inferred[kind] = yield from infer_items(
            model, items, codec, batch_size=batch_size, kind=kind, phase=own_phase
        )
    if (transitions := getattr(model, "transitions", None)) is not None:  # of a CRF, for decoding
        inferred["transitions"] = transitions.detach().float().cpu().numpy()
    return inferred


def predict(
    model: nn.Module, job: Job, split: str, *, phase: str, kinds: Sequence[str] | None = None
) -> Generator[StepInfo, None, Outputs]:
    """Compute a model's outputs for the rows of a split."""
    problem = job.problem
    return (
        yield from infer_rows(
            model,
            problem.items[split],
            dict(problem.splits.items())[split],
            problem.codec,
            batch_size=job.plan.training.per_device_eval_batch_size,
            kinds=kinds,
            phase=phase,
        )
    )


def validation_outputs(model: nn.Module, job: Job) -> Outputs:
    """Compute the outputs of the validation rows for scores during training, without reports."""
    kinds = [job.problem.codec.task.validation_kind]
    steps = predict(model, job, "validation", phase="predicting", kinds=kinds)
    return follow(steps, lambda info: None)
