"""Weights of the pre-trained model, which some regularisers hold training to."""

from __future__ import annotations

from torch import Tensor, nn

from luthier.errors import RecipeError
from luthier.models.structure import pretrained_weights


class Anchors:
    """The trained weights that come from the checkpoint, as they were.

    Args:
        model: The model, as it was loaded.
        regulariser: Name of what asks, for the error.

    Raises:
        RecipeError: All trained weights are new: those of a head or of adapters.
    """

    def __init__(self, model: nn.Module, regulariser: str):
        self.names = frozenset(pretrained_weights(model))
        self.values: dict[str, Tensor] = {}
        if not self.names:
            raise RecipeError(
                f"'{regulariser}' holds weights to those of the pre-trained model, and none of "
                "these is trained.",
                received=f"regularisers=[{regulariser}] with a method that trains new weights "
                "alone",
                hint="regularisers=[] or method=full",
            )

    def take(self, model: nn.Module) -> None:
        """Copy the weights, once the model is laid out for training: tables may be smaller then."""
        self.values = {name: one.detach().clone() for name, one in self.held(model)}

    def held(self, model: nn.Module) -> list[tuple[str, nn.Parameter]]:
        """Return the parameters that are held."""
        return [(name, one) for name, one in model.named_parameters() if name in self.names]
