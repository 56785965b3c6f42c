"""`bitfit`: trains the biases and the head, and freezes all other weights.

Ben Zaken et al. 2022, https://arxiv.org/abs/2106.10199. Deviation: the biases of norms are trained
too, as in the authors' code. Models without biases (Llama, T5) are refused.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any, ClassVar

from luthier.errors import ModelError
from luthier.hf_types import Model
from luthier.job import Job
from luthier.models.plain_checkpoint import PlainCheckpoint
from luthier.records import StepInfo


class Bitfit(PlainCheckpoint):
    """Train the biases and the head."""

    name: ClassVar[str] = "bitfit"
    learns_soft_labels: ClassVar[bool] = True
    reads_anew: ClassVar[bool] = True
    engines: ClassVar[frozenset[str]] = frozenset({"tensorflow"})
    defaults: ClassVar[Mapping[str, Any]] = {"learning_rate": 1e-3}

    def fit(self, model: Model, job: Job) -> Generator[StepInfo, None, Model]:
        """Freeze everything but biases and the head, then train."""
        from luthier.models.structure import freeze_but, head_modules
        from luthier.training.loop import train

        head = tuple(f"{name}." for name in head_modules(model))
        biases = freeze_but(model, lambda name: name.endswith("bias") or name.startswith(head))
        if not any(not name.startswith(head) for name in biases):
            raise ModelError(
                f"This {model.config.model_type} has no biases.",
                received="method=bitfit",
                hint="method=lora or method=ia3",
            )
        return (yield from train(model, job))
