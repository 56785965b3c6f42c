"""From a model and encoded rows to its outputs, in the rows' order.

Items are taken longest first, so that a batch holds items of like length and the longest come
first: memory that would not suffice is found out at once. A batch holds as many items as a budget
of slots does (items × longest): many short texts, few long ones, and about the same memory. Only
what is read is kept, so memory does not grow with the number of batches.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch

from luthier.models.speedups.apply import faster
from luthier.models.speedups.host_copies import on_device
from luthier.process import release_memory
from luthier.records import Array, Batch, Encoded, Job, Outputs, Ragged, Rows, StepInfo
from luthier.training.batch_sampler import cut_by_slots, to_tensors
from luthier.training.inference import PER_TOKEN, READINGS
from luthier.training.listeners import follow
from luthier.training.microbatches import telling_what_fits

MANY = 32  # items from which on trying out what may be left out pays
TRIMMED = 8  # batches after which freed memory is given back
TYPICAL = 64  # tokens of the items that `batch_size` counts
CACHED = 1024  # slots for each thread of a CPU: more leave its cache, and are slower
SMALL = frozenset({"logits", "token-logits", "span-logits"})  # no vocabulary for every token


def read_items(
    model: Any,
    encoded: Encoded,
    collate: Callable[..., Batch],
    *,
    batch_size: int,
    reading: str = "logits",
    phase: str = "predicting",
) -> Generator[StepInfo, None, Array | Ragged]:
    """Run the model over all items, telling of every batch.

    Args:
        model: The model.
        encoded: The items.
        collate: (encoded, items, reading) -> batch.
        batch_size: Items of 64 tokens in a batch; see `deal`.
        reading: What to take.
        phase: What to call this in progress reports.

    Returns:
        What was read of each: (items, outputs) float32, or a `Ragged` where lengths differ.
    """
    device = next(model.parameters()).device
    batches = deal(encoded.lengths, batch_size, device=device, reading=reading)

    def read_batch(items: Array) -> list[Array]:
        batch = to_tensors(collate(encoded, items, reading=reading))
        with telling_what_fits(batch_size), torch.inference_mode(), on_device(batch, device) as one:
            return READINGS[reading](model, one)

    def compute() -> list[torch.Tensor]:
        few = np.unique([batches[0][0], batches[-1][-1]])  # the longest and the shortest
        return [torch.from_numpy(one) for one in read_batch(few)]

    was_training = model.training
    model.eval()
    found: Any = [None] * len(encoded)
    is_many = len(encoded) >= MANY and reading != "generate"
    with faster(model, compute, fast_dropout=False) if is_many else nullcontext():
        for number, items in enumerate(batches, start=1):
            said = read_batch(items)
            if number == 1 and reading not in PER_TOKEN:
                found = np.empty((len(encoded), *said[0].shape), dtype=said[0].dtype)
            for item, one in zip(items, said, strict=True):
                found[item] = one
            if number % TRIMMED == 0:
                release_memory()
            yield StepInfo(phase, number, len(batches), rows=len(items))
    model.train(was_training)
    if reading not in PER_TOKEN:
        return found if len(encoded) else np.empty((0, 0), dtype=np.float32)
    if not len(encoded):
        return Ragged.of([])
    return Ragged.of(found, dtype=found[0].dtype, width=found[0].shape[1:])


def deal(
    lengths: Array, batch_size: int, *, device: torch.device, reading: str = "logits"
) -> list[Array]:
    """Deal items out to batches that cost about the same, longest first.

    A batch has at most `batch_size` × 64 slots, on a CPU at most 1024 for each thread. Where texts
    are written, or a whole vocabulary is said of every token, it also has at most `batch_size`
    items. An item of more slots stands alone.

    Args:
        lengths: Tokens of every item, (items,).
        batch_size: Items of 64 tokens in a batch.
        device: Where they are read.
        reading: What is taken of each.

    >>> lengths = np.array([2, 128, 2, 64, 2])
    >>> [items.tolist() for items in deal(lengths, 1, device=torch.device("cpu"))]
    [[1], [3], [0, 2, 4]]
    """
    order = np.argsort(-lengths, kind="stable")
    most = batch_size * TYPICAL
    if device.type == "cpu":
        most = min(most, CACHED * torch.get_num_threads())
    batches = cut_by_slots(order, lengths[order], most)
    if reading in SMALL:
        return batches
    return [
        items[start : start + batch_size]
        for items in batches
        for start in range(0, len(items), batch_size)
    ]


def read_rows(
    model: Any,
    encoded: Encoded,
    rows: Rows,
    *,
    collate: Callable[..., Batch],
    gather: Callable[..., Outputs],
    readings: Sequence[str],
    batch_size: int,
    phase: str = "predicting",
) -> Generator[StepInfo, None, Outputs]:
    """Take all readings of the items, and put them together row by row.

    Args:
        model: The model.
        encoded: The rows as items.
        rows: The rows themselves.
        collate: (encoded, items, reading) -> batch.
        gather: (reading -> what was read, encoded, rows) -> outputs.
        readings: What to take.
        batch_size: Items of 64 tokens in a batch.
        phase: What to call this in progress reports.
    """
    read: dict[str, Any] = {}
    for reading in readings:
        named = phase if len(readings) == 1 else f"{phase} ({reading})"
        read[reading] = yield from read_items(
            model, encoded, collate, batch_size=batch_size, reading=reading, phase=named
        )
    if hasattr(model, "transitions"):  # of a CRF, which decoding needs
        read["transitions"] = model.transitions.detach().float().cpu().numpy()
    return gather(read, encoded, rows)


def predict(
    model: Any, job: Job, split: str, *, phase: str, readings: Sequence[str] | None = None
) -> Generator[StepInfo, None, Outputs]:
    """Give a model's outputs for the rows of a split, by the task's readings or those given."""
    return (
        yield from read_rows(
            model,
            job.encoded[split],
            dict(job.splits.items())[split],
            collate=job.collate,
            gather=job.gather,
            readings=job.task.inference_kinds(job.target) if readings is None else readings,
            batch_size=job.training.per_device_eval_batch_size,
            phase=phase,
        )
    )


def predict_quietly(
    model: Any, job: Job, split: str, *, readings: Sequence[str] | None = None
) -> Outputs:
    """Give a model's outputs for the rows of a split, telling nothing."""
    steps = predict(model, job, split, phase="predicting", readings=readings)
    return follow(steps, lambda info: None)
