"""`lora`: freeze the model and learn low-rank changes of its linear layers, through peft.

W x becomes W x + (alpha / rank) B A x, with only A (rank, inputs), B (outputs, rank) and the head
trained. Hu et al. 2021, https://arxiv.org/abs/2106.09685. Deviation: the paper adapts the
attention's query and value only; by default all linear layers of every block are adapted.

Variants: rsLoRA scales by alpha / √rank (Kalajdzievski 2023, https://arxiv.org/abs/2312.03732);
DoRA learns magnitude and direction apart (Liu et al. 2024, https://arxiv.org/abs/2402.09353); PiSSA
begins with the largest singular directions (Meng et al. 2024, https://arxiv.org/abs/2404.02948).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from luthier.adapters.peft_method import LayerOptions, PeftMethod
from luthier.errors import RecipeError
from luthier.hf_types import Model


class LoraOptions(LayerOptions):
    """The size and the layers of the low-rank changes."""

    rank: int = Field(8, ge=1, description="Rank of each change.")
    alpha: float = Field(16.0, gt=0, description="Changes are scaled by alpha / rank.")
    dropout: float = Field(0.05, ge=0, lt=1, description="Dropout before each change.")
    use_rslora: bool = Field(False, description="Scale by alpha / √rank, for large ranks.")
    use_dora: bool = Field(False, description="Learn magnitudes separately from directions (DoRA).")
    init_lora_weights: Literal["default", "pissa"] = Field(
        "default", description="Initial changes; pissa: the largest singular directions."
    )


class Lora(PeftMethod):
    """Learn low-rank changes of the linear layers, and the head."""

    name: ClassVar[str] = "lora"
    engines: ClassVar[frozenset[str]] = frozenset({"tensorflow"})
    Options = LoraOptions
    options: LoraOptions
    defaults: ClassVar[Mapping[str, Any]] = {"learning_rate": 5e-4}
    search_space: ClassVar[Mapping[str, Any]] = {
        "method.options.rank": [4, 8, 16, 32],
        "method.options.dropout": [0.0, 0.05, 0.1],
    }
    tuner = "LORA"

    def __init__(self, options: LoraOptions):
        self.options = options
        if options.init_lora_weights == "pissa" and not options.merge:
            raise RecipeError(
                "PiSSA changes the base model too, so the adapter alone is not sufficient.",
                received="method.options.merge=false with init_lora_weights=pissa",
                hint="method.options.merge=true",
            )

    def settings(self, model: Model) -> dict[str, Any]:
        """Return rank, scale and dropout."""
        options = self.options
        initial = True if options.init_lora_weights == "default" else options.init_lora_weights
        return {
            "r": options.rank,
            "lora_alpha": options.alpha,
            "lora_dropout": options.dropout,
            "use_rslora": options.use_rslora,
            "use_dora": options.use_dora,
            "init_lora_weights": initial,
        }
