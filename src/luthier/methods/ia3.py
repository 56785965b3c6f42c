"""`ia3`: freeze the model and learn to rescale what flows through its layers, through peft.

(IA)³: keys, values and the feed-forward layers' inner states are multiplied by learned vectors.
Liu et al. 2022, section 3.3, https://arxiv.org/abs/2205.05638. Deviation: the outputs of all linear
layers of every block are rescaled, those of queries too; feed-forward layers by what flows in, as
in the paper.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from luthier.adapters.peft_method import LayerOptions, PeftMethod
from luthier.hf_types import Model


class Ia3Options(LayerOptions):
    """Where the rescaling is put; it has no size to choose."""


class Ia3(PeftMethod):
    """Learn to rescale what flows through the layers, and the head."""

    name: ClassVar[str] = "ia3"
    Options = Ia3Options
    options: Ia3Options
    defaults: ClassVar[Mapping[str, Any]] = {"learning_rate": 5e-3}
    tuner = "IA3"

    def settings(self, model: Model) -> dict[str, Any]:
        """There is nothing to set."""
        return {}
