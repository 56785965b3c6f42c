"""Tensors of which every process holds some rows; plain ones pass through every function here.

PyTorch's package for them is loaded only where a model is sharded (`sharding.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from luthier.distributed.group import group

if TYPE_CHECKING:
    from torch.distributed.tensor import DTensor

WITHOUT = (
    "weights are sharded, so padding is computed, dropout is PyTorch's, and the whole vocabulary "
    "is trained"
)


def is_sharded(model: nn.Module) -> bool:
    """Return whether a model's weights are sharded now."""
    return group().size > 1 and any(map(is_shard, model.parameters()))


def is_shard(values: Tensor) -> bool:
    """Return whether a tensor is a `DTensor`, of which this process holds some rows."""
    return hasattr(values, "to_local")


def whole(values: Tensor) -> Tensor:
    """Gather a tensor that is sharded; all processes must ask for it."""
    return cast("DTensor", values).full_tensor() if is_shard(values) else values


def local(values: Tensor) -> Tensor:
    """Return the part of a tensor that this process holds."""
    return cast("DTensor", values).to_local() if is_shard(values) else values


def first_row(values: Tensor) -> int:
    """Return the row of the whole tensor with which this process's part begins."""
    n_rows = values.shape[0]
    return min(n_rows, group().rank * -(-n_rows // group().size))


def like(values: Tensor, other: Tensor) -> Tensor:
    """Make a sharded tensor of this process's part, sharded as another one is."""
    from torch.distributed.tensor import DTensor

    sharded = cast("DTensor", other)
    return DTensor.from_local(
        values.to(local(other).device),
        sharded.device_mesh,
        sharded.placements,
        shape=sharded.shape,
        stride=sharded.stride(),
    )


def all_finite(values: Tensor) -> bool:
    """Return whether every number of this process's part is finite."""
    return bool(torch.isfinite(local(values)).all())
