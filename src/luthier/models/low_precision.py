"""Models in low precision, for predictions on a CPU: faster, and slightly less exact.

bfloat16 converts all weights and states, which pays if the processor has instructions for it. int8
converts linear layers only: weights are rounded once, with a scale per output; activations are
rounded as they are computed, with one scale per batch, so the prediction for a text depends
slightly on the other texts of its batch. This is PyTorch's dynamic quantisation, which needs no
calibration and no training: Jacob et al. 2018, section 2.1, https://arxiv.org/abs/1712.05877.
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
    """Copy a model with the linear layers of its blocks in int8; heads and embeddings are kept.

    Raises:
        ModelError: The model has no such layers, or PyTorch has no int8 for this processor.
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
            warnings.simplefilter("ignore")  # PyTorch announces that this module will move
            from torch.ao.quantization import per_channel_dynamic_qconfig, quantize_dynamic

            spec = dict.fromkeys(names, per_channel_dynamic_qconfig)
            quantize_dynamic(made, spec, dtype=torch.qint8, inplace=True)
            return made
    except (ImportError, RuntimeError, NotImplementedError) as problem:
        raise ModelError(
            "This build of PyTorch cannot compute in int8 on this processor.",
            received=f"torch {torch.__version__}: {str(problem).splitlines()[0][:150]}",
            hint="leave --int8 out",
        ) from problem


def in_bf16(model: Model) -> Model:
    """Copy a model to bfloat16, which has 8 bits of precision and the range of float32."""
    return copy.deepcopy(model).to(torch.bfloat16).eval()


ROUNDED: dict[str, Callable[[Model], Model]] = {"bf16": in_bf16, "int8": in_int8}
