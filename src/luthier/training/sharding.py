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

from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard

from luthier.distributed.group import group
from luthier.errors import ModelError
from luthier.hf_types import Model
from luthier.models.structure import blocks
from luthier.process import return_large_blocks
from luthier.training.shards import whole

HOOKS = ("_forward_pre_hooks", "_forward_hooks", "_forward_hooks_with_kwargs")
MORE_HOOKS = ("_forward_pre_hooks_with_kwargs", "_forward_hooks_always_called")
MARKS = ("_is_fsdp_managed_module", "_fsdp_use_orig_params")


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
    return_large_blocks()  # of gathered weights
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
