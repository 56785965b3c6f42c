"""`r-drop`: each batch is passed twice, and the two passes must agree although dropout differs.

    ½ (loss₁ + loss₂) + α · ½ (KL(p₁‖p₂) + KL(p₂‖p₁))

Liang et al. 2021, section 2.2, https://arxiv.org/abs/2106.14448, with the divergence as a mean over
what the loss is a mean over (rows, or labelled tokens), so that α means the same for every batch
size. Numbers are compared by their squared difference, independent labels by Bernoulli divergences.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from pydantic import Field
from torch import Tensor, nn

from luthier.errors import RecipeError
from luthier.hf_types import Model
from luthier.items import Batch
from luthier.job import Plan, Regulariser
from luthier.models.speedups.host_copies import on_device
from luthier.recipe.tree import Section
from luthier.training.losses import Loss, make_loss


class RDropOptions(Section):
    """How much the two passes have to agree."""

    alpha: float = Field(1.0, gt=0, description="Weight of the divergence of the two passes.")


class RDrop(Regulariser):
    """Passes each batch twice, and pulls the two answers, which dropout parts, together."""

    name: ClassVar[str] = "r-drop"
    cost: ClassVar[float] = 2.0
    Options = RDropOptions
    loss_of: Loss

    def __init__(self, options: RDropOptions):
        self.options = options

    def prepare(self, model: Model, plan: Plan) -> None:
        """Find how answers are compared.

        Raises:
            RecipeError: Nothing is dropped, or the loss compares no answers of its own.
        """
        if not has_dropout(model):
            raise RecipeError(
                "R-Drop without dropout is nothing: both passes answer the same.",
                received=f"regularisers=[{self.name}] and a {model.config.model_type} whose "
                "dropout is 0",
                hint="regularisers=[] or a model with dropout",
            )
        device = next(model.parameters()).device
        self.loss_of = make_loss(plan.objective, device)
        if self.loss_of.apart is None:
            raise RecipeError(
                "R-Drop does not know how far two answers are apart under the loss "
                f"'{plan.objective.name}'.",
                received=f"regularisers=[{self.name}]",
                hint="regularisers=[]",
            )

    def loss(
        self, compute: Callable[[Batch[Tensor]], Tensor], model: nn.Module, batch: Batch[Tensor]
    ) -> Tensor:
        """Compute the loss twice, and how far the two passes are apart."""
        seen: list[Any] = []
        handle = model.register_forward_hook(lambda _, __, outputs: seen.append(outputs))
        try:
            mean = (compute(batch) + compute(batch)) / 2
        finally:
            handle.remove()
        if self.loss_of.apart is None or batch.targets is None:
            raise ValueError("r-drop was prepared for a loss that compares answers")
        with on_device(batch, mean.device) as moved:
            apart = self.loss_of.apart(seen[0], seen[-1], moved.targets, moved.weights)  # type: ignore[arg-type]
        return mean + self.options.alpha * apart


def has_dropout(model: nn.Module) -> bool:
    """Return whether anything is dropped in training."""
    if any(isinstance(one, nn.Dropout) and one.p > 0 for one in model.modules()):
        return True
    shares = ("dropout", "attention_dropout", "attention_probs_dropout_prob", "attn_pdrop")
    return any(
        isinstance(share := getattr(module, name, None), float) and share > 0
        for module in model.modules()
        for name in shares
    )
