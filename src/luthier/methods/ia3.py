"""`ia3`: freezes the model and learns to rescale the activations of its layers, through peft.

(IA)³: keys, values and the feed-forward layers' inner states are multiplied by learned vectors.
Liu et al. 2022, section 3.3, https://arxiv.org/abs/2205.05638. Deviation: the outputs of all linear
layers of every block are rescaled, those of queries too; feed-forward layers at their inputs, as
in the paper.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from luthier.adapters.peft_method import PeftMethod


class Ia3(PeftMethod):
    """Learn to rescale the activations of layers, and the head."""

    name: ClassVar[str] = "ia3"
    defaults: ClassVar[Mapping[str, Any]] = {"learning_rate": 5e-3}
    tuner = "IA3"
