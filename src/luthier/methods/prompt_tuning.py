"""`prompt-tuning`: freeze the model and learn a few states that stand before every text.

Lester et al. 2021, https://arxiv.org/abs/2104.08691. Deviation: heads are trained too, where the
task needs a fresh one. The prompt is no weight of the model, so the run keeps an adapter of peft.
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


class PromptTuningOptions(Section):
    """The length of the prompt."""

    num_virtual_tokens: int = Field(16, ge=1, description="Learned states before every text.")


class PromptTuning(PeftMethod):
    """Learn a few states that stand before every text, and the head."""

    name: ClassVar[str] = "prompt-tuning"
    units: ClassVar[frozenset[str]] = UNITS - {"choice"}
    Options = PromptTuningOptions
    options: PromptTuningOptions
    defaults: ClassVar[Mapping[str, Any]] = {"learning_rate": 3e-2}
    tuner = "PROMPT_TUNING"

    def settings(self, model: Model) -> dict[str, Any]:
        """Give the prompt's length and width; it begins with words drawn from the vocabulary."""
        return {
            "num_virtual_tokens": self.options.num_virtual_tokens,
            **width_of_words(model),
        }
