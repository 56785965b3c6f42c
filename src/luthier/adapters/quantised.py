"""Quantise linear layers to 4 bits, as QLoRA stores its frozen weights, and dequantise them.

Blocks of 64 weights are stored as 4-bit NormalFloats with one scale each, and the scales in 8 bits
(Dettmers et al. 2023, section 3, https://arxiv.org/abs/2305.14314), through bitsandbytes. Layers
are replaced one by one in a model that was loaded as usual, so nothing else changes.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from luthier.environment import install_command
from luthier.errors import ModelError
from luthier.hf_types import Model

BLOCK = 64  # weights that share a scale
FAN_IN = "fan_in_fan_out"  # peft's mark of layers that keep their weights transposed


def load_library() -> Any:
    """Import bitsandbytes, with the package `kernels` hidden, which downloads code from a hub.

    Raises:
        ModelError: bitsandbytes is not installed.
    """
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    try:
        with _hidden("kernels"):
            import bitsandbytes
    except ImportError as problem:
        raise ModelError(
            "4-bit weights need the library bitsandbytes.",
            received=str(problem),
            hint=f"{install_command('quantised')}, or method=lora",
        ) from problem
    return bitsandbytes


@contextmanager
def _hidden(name: str) -> Iterator[None]:
    """Make a library appear not to be installed."""
    before = sys.modules.get(name)
    sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[name]
        if before is not None:
            sys.modules[name] = before


def quantise(model: Model, names: Iterable[str], *, kind: str, double: bool) -> None:
    """Quantise the weights of some linear layers to 4 bits.

    Args:
        model: The model; it is changed in place.
        names: Names of its linear layers, GPT-2's transposed ones included.
        kind: The 4-bit type, `nf4` or `fp4`.
        double: Whether the scales of blocks are quantised too.

    Raises:
        ModelError: A layer is not a whole number of blocks, or bitsandbytes is not installed.
    """
    library = load_library()
    for name in names:
        layer = model.get_submodule(name)
        is_transposed = isinstance(layer, Conv1D)
        weight = layer.get_parameter("weight").detach()
        weight = weight.T.contiguous() if is_transposed else weight
        if weight.numel() % BLOCK:
            raise ModelError(
                f"4-bit weights are stored in blocks of {BLOCK}, which do not fill a layer evenly.",
                received=f"{name} of {' × '.join(map(str, weight.shape))} weights",
                hint="method=lora",
            )
        n_outputs, n_inputs = weight.shape
        new = library.nn.Linear4bit(n_inputs, n_outputs, bias=False, device="meta")
        new.weight = library.nn.Params4bit(
            weight.clone(),
            requires_grad=False,
            compress_statistics=double,
            quant_type=kind,
            blocksize=BLOCK,
            module=new,
        )
        new.bias = layer.bias
        new.support_avx512bf16_for_cpu = False  # it would reorder weights for predictions
        new.lay_transposed = is_transposed
        _exchange(model, name, new.to(weight.device))  # moving quantises them


def dequantise(model: Model) -> None:
    """Restore full precision of layers in 4 bits; the weights are those used in computation.

    Modules around them, such as low-rank adapters, are kept.
    """
    library = load_library()
    for name, layer in list(model.named_modules()):
        if not isinstance(layer, library.nn.Linear4bit):
            continue
        kept = layer.weight
        weight = library.functional.dequantize_4bit(kept.data, kept.quant_state)
        n_outputs, n_inputs = weight.shape
        new: Any
        if layer.lay_transposed:
            new = Conv1D(n_outputs, n_inputs)
            weight = weight.T.contiguous()
        else:
            new = nn.Linear(n_inputs, n_outputs, bias=False, device="meta")
        new.weight = nn.Parameter(weight, requires_grad=False)
        new.bias = layer.bias
        _exchange(model, name, new)
        owner = model.get_submodule(name.rpartition(".")[0])
        if layer.lay_transposed and hasattr(owner, FAN_IN):
            setattr(owner, FAN_IN, True)


def _exchange(model: Model, name: str, new: nn.Module) -> None:
    owner, _, own_name = name.rpartition(".")
    with torch.no_grad():
        setattr(model.get_submodule(owner), own_name, new)
