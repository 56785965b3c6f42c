"""Device, precision, compiler and processes: all of them Accelerate's."""

from __future__ import annotations

import os

from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import TorchDynamoPlugin

from luthier.errors import TrainingError
from luthier.recipe.tree import Training

KERNELS = "256"  # that oneDNN keeps, one for each shape; enough where tokens are rounded


def make_accelerator(settings: Training) -> Accelerator:
    """Choose device and precision; each training chooses anew, also within one process.

    Raises:
        TrainingError: Batches by tokens are asked for, and several processes would share them:
            they go in step only where batches are of one size.
    """
    AcceleratorState._reset_state()
    precision = "bf16" if settings.bf16 is True else "fp16" if settings.fp16 else "no"
    compiler = None
    if settings.torch_compile:
        compiler = TorchDynamoPlugin(
            backend=settings.torch_compile_backend or "inductor",
            mode=settings.torch_compile_mode,
            dynamic=True,  # or every length would be compiled anew
        )
    accelerator = Accelerator(
        cpu=settings.use_cpu, mixed_precision=precision, dynamo_plugin=compiler
    )
    if settings.tokens_per_batch is not None and accelerator.num_processes > 1:
        raise TrainingError(
            "Batches by tokens are for one process.",
            received=f"training.tokens_per_batch={settings.tokens_per_batch} and "
            f"{accelerator.num_processes} processes",
            hint="training.tokens_per_batch=null",
        )
    return accelerator


def keep_few_kernels() -> None:
    """Have oneDNN keep few of the kernels that it makes, unless told otherwise, from its first on.

    It makes one for every shape, in bfloat16 with room of its own, and keeps 1024. Numbers of
    tokens are rounded (`models/speedups/layout.py`), so few shapes come up, again and again.
    """
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", KERNELS)
