"""`prompt-tuning`: freezes the model and learns a few states that stand before every text.

Lester et al. 2021, https://arxiv.org/abs/2104.08691. Deviation: new heads are trained too. The
prompt starts with words drawn from the vocabulary; it is no weight of the model, so the run keeps
an adapter of peft.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from luthier.adapters.peft_method import PromptMethod


class PromptTuning(PromptMethod):
    """Learn a few states that stand before every text, and the head."""

    name: ClassVar[str] = "prompt-tuning"
    defaults: ClassVar[Mapping[str, Any]] = {"learning_rate": 3e-2}
    tuner = "PROMPT_TUNING"
