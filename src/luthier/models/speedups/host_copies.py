"""What a batch says, still to be read on the host when the batch has gone to a device.

To read a number from a device is to wait for all that it still has to do. What the sizes of tensors
follow from (where tokens stand, where labels are) is therefore found on the host, in the tensors
that the batch was made of, and goes to the device from there. Next: `layout.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from luthier.records import Batch

NEAR = frozenset({"cpu"})  # devices that are the host
_copies: dict[int, tuple[Tensor, Tensor]] = {}  # id of a tensor on a device -> it, and the host's


def is_far(device: torch.device) -> bool:
    """Say whether to read from a device is to wait for it."""
    return device.type not in NEAR


def to_device(values: Tensor, device: torch.device) -> Tensor:
    """Move a tensor; to a GPU without waiting until it has arrived."""
    if device.type == "cuda" and values.device.type == "cpu":
        return values.pin_memory().to(device, non_blocking=True)
    return values.to(device)


@contextmanager
def on_device(batch: Batch[Tensor], device: torch.device) -> Iterator[Batch[Tensor]]:
    """Move a batch; until the end, what it says can be read on the host as well.

    Args:
        batch: As it was made, on the host.
        device: Where the model is.
    """
    before = dict(_copies)
    try:
        yield batch.map(lambda values: _moved(values, device))
    finally:
        _copies.clear()
        _copies.update(before)


def on_host(values: Tensor) -> Tensor | None:
    """Give what a tensor says, to be read; None where that would be to wait for a device."""
    if not is_far(values.device):
        return values
    for one in (values, values._base):  # a view of all of it says the same in the same order
        if one is not None and id(one) in _copies and values.is_contiguous():
            copy = _copies[id(one)][1]
            return copy.reshape(values.shape) if copy.numel() == values.numel() else None
    return None


def derived(values: Tensor, compute: Callable[[Tensor], Tensor]) -> Tensor:
    """Compute from a tensor on the host, where it can be read there, and move what is found."""
    host = on_host(values)
    if host is None or not is_far(values.device):
        return compute(values)
    return _moved(compute(host), values.device)


def number(values: Tensor, compute: Callable[[Tensor], Tensor]) -> int:
    """Compute a whole number from a tensor, on the host where it can be read there."""
    host = on_host(values)
    return int(compute(values if host is None else host))


def where(values: Tensor, chosen: Callable[[Tensor], Tensor]) -> Tensor:
    """Say at which of all places of a tensor something is so, (places,)."""
    return derived(values, lambda one: torch.nonzero(chosen(one).flatten()).flatten())


def _moved(values: Tensor, device: torch.device) -> Tensor:
    moved = to_device(values, device)
    if is_far(device) and moved is not values:
        _copies[id(moved)] = moved, values
    return moved
