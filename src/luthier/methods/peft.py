"""`peft`: any tuner that the installed peft offers, by its peft name.

The names and their fields are peft's own (`PEFT_TYPE_TO_CONFIG_MAPPING`); nothing is listed here,
so a new version brings its tuners along. Where they act follows from the model's anatomy. What does
not fit a model (adaption prompts are Llama's) is reported in peft's words before training.
"""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from luthier.adapters.peft_config import (
    check_options,
    config_class,
    is_prompt,
    shape_of_cache,
    width_of_words,
)
from luthier.adapters.peft_method import LayerOptions, PeftMethod
from luthier.hf_types import Model

UNKNOWN = 10**9  # more steps than any training has


class PeftOptions(LayerOptions):
    """The tuner and its configuration."""

    tuner: str = Field("VERA", description="Its peft name: VERA, LOHA, LOKR, BOFT, OFT …")
    config: dict[str, Any] = Field(
        default_factory=dict, description="Fields of its configuration, as peft names them."
    )


class Peft(PeftMethod):
    """Learn what any tuner of peft adds, and the head."""

    name: ClassVar[str] = "peft"
    Options = PeftOptions
    options: PeftOptions

    def __init__(self, options: PeftOptions):
        self.options = options
        self.config = config_class(options.tuner)
        self.tuner = options.tuner.upper().replace("-", "_")
        check_options(self.config, options.config)

    def settings(self, model: Model) -> dict[str, Any]:
        """Return the settings of the recipe, and those that follow from the model."""
        if self.tuner == "ADALORA":  # the number of steps is known once training begins
            return {"total_step": UNKNOWN, **self.options.config}
        if not is_prompt(self.config):
            return self.options.config
        shape = shape_of_cache if self.tuner == "PREFIX_TUNING" else width_of_words
        return {"num_virtual_tokens": 16, **shape(model), **self.options.config}
