"""A model in fewer bits, for predictions on a CPU: faster, and a little less exact.

bfloat16: all weights and states, which pays where the processor has instructions for it. int8: the
linear layers alone; their weights are rounded once, each output's by a scale of its own;
activations as they come, by one scale for a batch. So what is said of a text depends a little on
the texts beside it. Nothing is calibrated and nothing trained: Jacob et al. 2018, section 2.1,
https://arxiv.org/abs/1712.05877; the dynamic way of PyTorch.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable

import torch
from torch import nn

from luthier.errors import ModelError
from luthier.hf_types import Model
from luthier.models.structure import linear_layers


def in_int8(model: Model) -> Model:
    """Copy a model, the linear layers of its blocks in int8; heads and embeddings stay as they are.

    Raises:
        ModelError: It has no such layers, or this build of PyTorch has no int8 for this processor.
    """
    made = copy.deepcopy(model).to("cpu").float().eval()
    names = [name for name in linear_layers(made) if type(made.get_submodule(name)) is nn.Linear]
    if not names:
        raise ModelError(
            "int8 is for linear layers, and this model's blocks have none.",
            received=made.config.model_type,
            hint="leave --int8 out",
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch tells of the day when this will move
            from torch.ao.quantization import per_channel_dynamic_qconfig, quantize_dynamic

            spec = dict.fromkeys(names, per_channel_dynamic_qconfig)
            quantize_dynamic(made, spec, dtype=torch.qint8, inplace=True)  # type: ignore[no-untyped-call]
            return made
    except (ImportError, RuntimeError, NotImplementedError) as problem:
        raise ModelError(
            "This PyTorch cannot compute in int8 here.",
            received=f"torch {torch.__version__}: {str(problem).splitlines()[0][:150]}",
            hint="leave --int8 out",
        ) from problem


def in_bf16(model: Model) -> Model:
    """Copy a model, all of it in bfloat16: 8 bits of precision, the range of float32."""
    return copy.deepcopy(model).to(torch.bfloat16).eval()


ROUNDED: dict[str, Callable[[Model], Model]] = {"bf16": in_bf16, "int8": in_int8}
