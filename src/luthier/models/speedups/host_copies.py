"""Host copies of a batch that was moved to a device.

Reading a value from a GPU synchronises with it: the host waits for all work that is queued. Shapes
that depend on values (positions of tokens, of labels) are therefore computed on the host, from the
tensors the batch was made of, and the results are moved to the device. Next: `layout.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from luthier.items import Batch

NEAR = frozenset({"cpu"})  # types of devices whose memory the host reads directly
_copies: dict[int, tuple[Tensor, Tensor]] = {}  # id of a device tensor -> it and its host copy


def is_far(device: torch.device) -> bool:
    """Return whether reading a value from a device synchronises with it."""
    return device.type not in NEAR


def to_device(values: Tensor, device: torch.device) -> Tensor:
    """Move a tensor to a device; to a GPU asynchronously, from pinned memory."""
    if device.type == "cuda" and values.device.type == "cpu":
        return values.pin_memory().to(device, non_blocking=True)
    return values.to(device)


@contextmanager
def on_device(batch: Batch[Tensor], device: torch.device) -> Iterator[Batch[Tensor]]:
    """Move a batch to a device, and keep its host copies readable until the context ends.

    Args:
        batch: The batch on the host.
        device: The model's device.
    """
    before = dict(_copies)
    try:
        yield batch.map(lambda values: _moved(values, device))
    finally:
        _copies.clear()
        _copies.update(before)


def on_host(values: Tensor) -> Tensor | None:
    """Return a tensor's copy on the host; None if reading it would synchronise with a device."""
    if not is_far(values.device):
        return values
    for one in (values, values._base):  # a view of all elements keeps their order
        if one is not None and id(one) in _copies and values.is_contiguous():
            copy = _copies[id(one)][1]
            return copy.reshape(values.shape) if copy.numel() == values.numel() else None
    return None


def derived(values: Tensor, compute: Callable[[Tensor], Tensor]) -> Tensor:
    """Compute from a tensor's host copy, if there is one, and move the result to its device."""
    host = on_host(values)
    if host is None or not is_far(values.device):
        return compute(values)
    return _moved(compute(host), values.device)


def number(values: Tensor, compute: Callable[[Tensor], Tensor]) -> int:
    """Compute an integer from a tensor, from its host copy if there is one."""
    host = on_host(values)
    return int(compute(values if host is None else host))


def where(values: Tensor, chosen: Callable[[Tensor], Tensor]) -> Tensor:
    """Return the flat indices at which a condition holds, (indices,)."""
    return derived(values, lambda one: torch.nonzero(chosen(one).flatten()).flatten())


def _moved(values: Tensor, device: torch.device) -> Tensor:
    moved = to_device(values, device)
    if is_far(device) and moved is not values:
        _copies[id(moved)] = moved, values
    return moved
