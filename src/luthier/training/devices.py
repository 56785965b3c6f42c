"""Device, precision, compiler and processes, all by Accelerate."""

from __future__ import annotations

import os

from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import TorchDynamoPlugin

from luthier.recipe.tree import Training

KERNELS = "256"  # kernels that oneDNN caches, one per shape; enough for rounded lengths


def make_accelerator(settings: Training) -> Accelerator:
    """Choose device and precision, for each training even within one process."""
    AcceleratorState._reset_state()
    precision = "bf16" if settings.bf16 is True else "fp16" if settings.fp16 else "no"
    compiler = None
    if settings.torch_compile:
        compiler = TorchDynamoPlugin(
            backend=settings.torch_compile_backend or "inductor",
            mode=settings.torch_compile_mode,
            dynamic=True,  # otherwise every length would be compiled separately
        )
    return Accelerator(cpu=settings.use_cpu, mixed_precision=precision, dynamo_plugin=compiler)


def keep_few_kernels() -> None:
    """Limit oneDNN's kernel cache, unless the environment sets it; call before its first use.

    By default it caches 1024 kernels, one per shape, each in bfloat16 with its own workspace.
    Token counts are rounded (`models/speedups/layout.py`), so few shapes occur.
    """
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", KERNELS)
