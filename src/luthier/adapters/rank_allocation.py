"""AdaLoRA's work between steps: which ranks are kept, and how orthogonal its factors stay.

Zhang et al. 2023, sections 3.1 and 3.2, https://arxiv.org/abs/2303.10512. The tuner itself is
peft's; this file calls its rank allocator after every step. Deviations: importance is estimated
from clipped gradients; unless the recipe sets `tinit` and `tfinal`, the first tenth of the steps
keeps all ranks and the last three tenths keep the final ones (the paper chooses both per data set).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from luthier.errors import RecipeError
from luthier.job import Regulariser

SCORES = ("ipt", "exp_avg_ipt", "exp_avg_unc")  # peft's names for importance and uncertainty


class RankAllocation(Regulariser):
    """Allocates ranks after every step, and penalises factors that are not orthogonal.

    Args:
        fields: Fields of peft's configuration that the recipe sets.
    """

    def __init__(self, fields: Mapping[str, Any]):
        self.fields = fields
        self.tuner: Any = None  # peft's AdaLoraModel, known once training begins

    def begin(self, model: Any, n_steps: int) -> None:
        """Spread the allocation over the steps of the training.

        Raises:
            RecipeError: `tinit` and `tfinal` leave no step to allocate ranks in.
        """
        self.tuner = model.base_model
        config = self.config
        config.total_step = n_steps
        config.tinit = int(self.fields.get("tinit", n_steps // 10))
        config.tfinal = int(self.fields.get("tfinal", 3 * n_steps // 10))
        if config.tinit >= n_steps - config.tfinal:
            raise RecipeError(
                "AdaLoRA has no steps left in which to allocate ranks.",
                received=f"{n_steps} steps, tinit {config.tinit}, tfinal {config.tfinal}",
                hint="smaller method.options.config.tinit and tfinal, or more epochs",
            )

    @property
    def config(self) -> Any:
        """Configuration of the adapter, as peft has it."""
        return self.tuner.peft_config[self.tuner.trainable_adapter_name]

    def penalty(self, model: Any) -> Tensor | None:
        """Weigh the mean Frobenius norm of PᵀP − I and QQᵀ − I over all factors (equation 4)."""
        apart = []
        for name, factor in self.tuner.named_parameters():
            if "lora_A" in name or "lora_B" in name:
                rows = factor if "lora_A" in name else factor.T  # (rank, width)
                identity = torch.eye(len(rows), device=rows.device, dtype=rows.dtype)
                apart.append(torch.norm(rows @ rows.T - identity))
        return self.config.orth_reg_weight * torch.stack(apart).mean() if apart else None

    def after_step(self, model: Any, step: int, n_steps: int) -> None:
        """Update the importance of every rank from the step's gradient, and mask the others."""
        self.tuner.update_and_allocate(step)

    def finish(self, model: Any) -> None:
        """Leave the masked ranks in place: they are zero, so files keep the shapes of all."""
        self.config.rank_pattern = None

    def state_dict(self) -> dict[str, Any]:
        """Give importance, uncertainty and the ranks that are kept."""
        allocator = self.tuner.rankallocator
        scores: dict[str, Any] = {
            f"{kind}/{name}": one
            for kind in SCORES
            for name, one in getattr(allocator, kind).items()
        }
        pattern = self.config.rank_pattern
        kept = (
            None if pattern is None else {name: list(map(bool, r)) for name, r in pattern.items()}
        )
        return {**scores, "rank_pattern": kept}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take them back."""
        for kind in SCORES:
            held = {
                key.removeprefix(f"{kind}/"): values.clone()
                for key, values in state.items()
                if key.startswith(f"{kind}/")
            }
            setattr(self.tuner.rankallocator, kind, held)
        self.config.rank_pattern = state.get("rank_pattern")
