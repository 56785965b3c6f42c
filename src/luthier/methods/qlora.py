"""`qlora`: learns low-rank changes of a model whose frozen linear layers are in 4 bits.

Dettmers et al. 2023, section 3, https://arxiv.org/abs/2305.14314. The memory of
the model during training falls to its embeddings and about an eighth of the rest. Deviations:
activations are computed in the run's own precision, and there are no paged optimizers. The
saved checkpoint has the weights used in training: rounded to 4 bits, then changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from luthier.adapters.peft_method import LayerOptions, PeftMethod
from luthier.hf_types import Model, Tokenizer

if TYPE_CHECKING:
    from peft import PeftConfig
    from torch import nn


class QloraOptions(LayerOptions):
    """The low-rank changes, and the 4-bit format of the frozen weights."""

    rank: int = Field(8, ge=1, description="Rank of each change.")
    alpha: float = Field(16.0, gt=0, description="Changes are scaled by alpha / rank.")
    dropout: float = Field(0.05, ge=0, lt=1, description="Dropout before each change.")
    quantisation: Literal["nf4", "fp4"] = Field("nf4", description="The kind of 4-bit number.")
    double_quantisation: bool = Field(True, description="Keep the scales of blocks in 8 bits.")


class Qlora(PeftMethod):
    """Learn low-rank changes of layers in 4 bits, and the head."""

    name: ClassVar[str] = "qlora"
    Options = QloraOptions
    options: QloraOptions
    defaults: ClassVar[Mapping[str, Any]] = {"learning_rate": 5e-4}
    tuner = "LORA"

    def settings(self, model: Model) -> dict[str, Any]:
        """Return rank, scale and dropout."""
        options = self.options
        return {"r": options.rank, "lora_alpha": options.alpha, "lora_dropout": options.dropout}

    def wrap(self, model: Model, config: type[PeftConfig], *, seed: int) -> Any:
        """Quantise the blocks' linear layers to 4 bits, then wrap the model."""
        self._quantise(model)
        return super().wrap(model, config, seed=seed)

    def can_merge(self, wrapped: nn.Module) -> bool:
        """Low-rank changes can be merged into any linear layer after dequantisation."""
        return True

    def save(self, model: Model, processor: Tokenizer | None, folder: Path) -> None:
        """Dequantise the layers if changes are merged, and write the checkpoint."""
        from luthier.adapters.quantised import dequantise

        if self.is_merged:
            dequantise(model)
        super().save(model, processor, folder)

    def put_on(self, base: Model, folder: Path, kept: Mapping[str, Any]) -> Any:
        """Put a saved adapter onto the weights that it was trained with, rounded to 4 bits."""
        from luthier.adapters.quantised import dequantise
        from luthier.models.structure import is_transposed

        self._quantise(base)
        dequantise(base)
        lying = {"fan_in_fan_out": is_transposed(base)}  # 4-bit layers are never transposed
        return super().put_on(base, folder, {**kept, **lying})

    def _quantise(self, model: Model) -> None:
        from luthier.adapters.quantised import quantise
        from luthier.models.structure import linear_layers

        options = self.options
        precise = set(getattr(model, "_keep_in_fp32_modules", None) or ())  # T5's `wo`
        quantise(
            model,
            [name for name in linear_layers(model) if precise.isdisjoint(name.split("."))],
            kind=options.quantisation,
            double=options.double_quantisation,
        )
