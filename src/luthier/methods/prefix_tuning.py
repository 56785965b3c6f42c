"""`prefix-tuning`: freezes the model and learns keys and values that every layer attends to.

Li & Liang 2021, https://arxiv.org/abs/2101.00190; for encoders as in P-tuning v2, Liu et al. 2022,
https://arxiv.org/abs/2110.07602. Deviation: new heads are trained too, and prefixes are
learned directly unless `prefix_projection` asks for a network.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any, ClassVar

from pydantic import Field

from luthier.adapters.peft_config import shape_of_cache
from luthier.adapters.peft_method import PromptMethod, PromptOptions
from luthier.errors import RecipeError
from luthier.hf_types import Model
from luthier.job import Job
from luthier.records import StepInfo


class PrefixTuningOptions(PromptOptions):
    """The length of the prefix."""

    num_virtual_tokens: int = Field(16, ge=1, description="Keys and values added to every layer.")
    prefix_projection: bool = Field(False, description="Compute them by a small network.")


class PrefixTuning(PromptMethod):
    """Learn keys and values that every layer attends to, and the head."""

    name: ClassVar[str] = "prefix-tuning"
    Options = PrefixTuningOptions
    options: PrefixTuningOptions
    defaults: ClassVar[Mapping[str, Any]] = {"learning_rate": 1e-2}
    tuner = "PREFIX_TUNING"

    def fit(self, model: Model, job: Job) -> Generator[StepInfo, None, Model]:
        """Train the prefixes and the head.

        Raises:
            RecipeError: Gradient checkpointing is on, with which models drop keys and values.
        """
        if job.plan.training.gradient_checkpointing:
            raise RecipeError(
                "Gradient checkpointing drops the prefixes, which are keys and values.",
                received="training.gradient_checkpointing=true",
                hint="training.gradient_checkpointing=false, or method=lora",
            )
        return (yield from super().fit(model, job))

    def settings(self, model: Model) -> dict[str, Any]:
        """Return the prefix's length and the shape of the model's keys and values."""
        return {
            "num_virtual_tokens": self.options.num_virtual_tokens,
            "prefix_projection": self.options.prefix_projection,
            **shape_of_cache(model),
        }
