"""`p-tuning`: like `prompt-tuning`, with the learned states computed by a small network.

Liu et al. 2021, https://arxiv.org/abs/2103.10385. The network makes learning easier and is needed
only during training; the run keeps the states that it computes at the end.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from luthier.adapters.peft_method import PromptMethod, PromptOptions
from luthier.hf_types import Model


class PTuningOptions(PromptOptions):
    """The length of the prompt, and the network that computes it."""

    encoder_hidden_size: int = Field(128, ge=1, description="Width of the network.")


class PTuning(PromptMethod):
    """Learn states before every text through a small network, and the head."""

    name: ClassVar[str] = "p-tuning"
    Options = PTuningOptions
    defaults: ClassVar[Mapping[str, Any]] = {"learning_rate": 1e-2}
    tuner = "P_TUNING"

    def settings(self, model: Model) -> dict[str, Any]:
        """Return the size of the prompt and of the network."""
        width = self.options.encoder_hidden_size
        return {**super().settings(model), "encoder_hidden_size": width}
