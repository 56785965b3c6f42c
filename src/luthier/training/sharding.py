"""Shard a model's weights, gradients and moments over the processes that train it.

Each block is gathered when it is needed and released again: fully sharded data parallel, after
Zhao et al. 2023, section 3, https://arxiv.org/abs/2304.11277, as PyTorch's `fully_shard` does it.
Every tensor is cut along its first dimension. Every process takes part in every pass through the
model, so all need as many (`update.py`, `predict.py`). After training the model is whole again.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor

from luthier.distributed.group import group
from luthier.errors import ModelError
from luthier.hf_types import Model
from luthier.models.structure import blocks

HOOKS = ("_forward_pre_hooks", "_forward_hooks", "_forward_hooks_with_kwargs")
MORE_HOOKS = ("_forward_pre_hooks_with_kwargs", "_forward_hooks_always_called")
MARKS = ("_is_fsdp_managed_module", "_fsdp_use_orig_params")
WITHOUT = (
    "weights are sharded, so padding is computed, dropout is PyTorch's, and the whole vocabulary "
    "is trained"
)


@contextmanager
def sharded(model: Model) -> Iterator[None]:
    """Shard a model while the block runs; afterwards every process has the whole of it again.

    Modules and parameters stay the objects that they are.
    """
    modules = list(model.modules())
    before = [
        (
            part,
            part.__class__,
            {name: copy.copy(getattr(part, name)) for name in HOOKS + MORE_HOOKS},
        )
        for part in modules
    ]
    held = [
        (part, name, parameter)
        for part in modules
        for name, parameter in part._parameters.items()
        if parameter is not None
    ]
    _shard(model)
    for _, _, parameter in held:
        parameter.data = parameter.data.new_empty(0)  # the shards hold it now
    yield
    # not where the block failed: the others may be gone, and the model is of no more use
    gathered: set[int] = set()
    for part, name, parameter in held:
        shard = part._parameters[name]
        if shard is not None and id(parameter) not in gathered:  # tied ones once
            parameter.data = whole(shard.detach())
            gathered.add(id(parameter))
        part._parameters[name] = parameter
    for part, kind, hooks in before:
        part.__class__ = kind
        for name in MARKS:  # Transformers asks for them when it generates
            part.__dict__.pop(name, None)
        for name, kept in hooks.items():
            setattr(part, name, kept)


def _shard(model: Model) -> None:
    """Shard every block, and then what is left of the model."""
    device = next(model.parameters()).device.type
    mesh = init_device_mesh(device, (group().size,))
    try:
        parts = [block for stack in blocks(model) for block in stack]
    except ModelError:
        parts = []
    inner = {id(one) for part in parts for one in part.modules() if one is not part}
    for part in [*(one for one in dict.fromkeys(parts) if id(one) not in inner), model]:
        fully_shard(part, mesh=mesh)
    for part in model.modules():
        if isinstance(part, FSDPModule):
            part.set_gradient_divide_factor(1.0)  # losses are shares of a mean over all rows
            part.set_force_sum_reduction_for_comms(True)


def is_sharded(model: nn.Module) -> bool:
    """Return whether a model's weights are sharded now."""
    return group().size > 1 and any(isinstance(one, DTensor) for one in model.parameters())


def whole(values: Tensor) -> Tensor:
    """Gather a tensor that is sharded; all processes must ask for it."""
    return values.full_tensor() if isinstance(values, DTensor) else values


def local(values: Tensor) -> Tensor:
    """Return the part of a tensor that this process holds."""
    return values.to_local() if isinstance(values, DTensor) else values


def first_row(values: DTensor) -> int:
    """Return the row of the whole tensor with which this process's part begins."""
    n_rows = values.shape[0]
    return min(n_rows, group().rank * -(-n_rows // group().size))


def like(values: Tensor, other: DTensor) -> DTensor:
    """Make a sharded tensor of this process's part, sharded as another one is."""
    return DTensor.from_local(
        values.to(other.to_local().device),
        other.device_mesh,
        other.placements,
        shape=other.shape,
        stride=other.stride(),
    )


def all_finite(values: Tensor) -> bool:
    """Return whether every number of this process's part is finite."""
    return bool(torch.isfinite(local(values)).all())
