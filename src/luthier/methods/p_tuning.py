"""`p-tuning`: as `prompt-tuning`, with the states before the text made by a small network.

Liu et al. 2021, https://arxiv.org/abs/2103.10385. The network is needed during training alone, and
makes the learning easier; what is kept are the states that it ends with.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from luthier.adapters.peft_config import width_of_words
from luthier.adapters.peft_method import PeftMethod
from luthier.hf_types import Model
from luthier.protocols import UNITS
from luthier.recipe.tree import Section


class PTuningOptions(Section):
    """The length of the prompt, and the network that makes it."""

    num_virtual_tokens: int = Field(16, ge=1, description="Learned states before every text.")
    encoder_hidden_size: int = Field(128, ge=1, description="Width of the network within.")


class PTuning(PeftMethod):
    """Learn states before every text through a small network, and the head."""

    name: ClassVar[str] = "p-tuning"
    units: ClassVar[frozenset[str]] = UNITS - {"choice"}
    Options = PTuningOptions
    options: PTuningOptions
    defaults: ClassVar[Mapping[str, Any]] = {"learning_rate": 1e-2}
    tuner = "P_TUNING"

    def settings(self, model: Model) -> dict[str, Any]:
        """Give the prompt's length and width, and the network's."""
        return {
            "num_virtual_tokens": self.options.num_virtual_tokens,
            "encoder_hidden_size": self.options.encoder_hidden_size,
            **width_of_words(model),
        }
