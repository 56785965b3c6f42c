"""`fgm`: the gradient is computed again with the words moved to where the loss rises most.

    r = ε · g / ‖g‖,   g the gradient of the loss with respect to a row's looked-up embeddings

Miyato, Dai & Goodfellow 2017, section 3, https://arxiv.org/abs/1605.07725: the norm is that of a
row (not of the whole table, as in many copies, where ε would depend on batch and vocabulary), and
the gradients at both places are added. The table itself is never changed, so it may be frozen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from luthier.errors import TrainingError
from luthier.items import Batch
from luthier.job import Regulariser
from luthier.models.embedded import replacing
from luthier.recipe.tree import Section

HALVES = (torch.float16, torch.bfloat16)


class FgmOptions(Section):
    """How far words are moved."""

    epsilon: float = Field(1.0, gt=0, description="Length of a row's move, in embeddings.")


class Fgm(Regulariser):
    """Trains on each batch a second time, with its embeddings moved against the model."""

    name: ClassVar[str] = "fgm"
    cost: ClassVar[float] = 2.0
    excludes: ClassVar[frozenset[str]] = frozenset({"sam", "mixout", "r-drop"})
    Options = FgmOptions

    def __init__(self, options: FgmOptions):
        self.options = options
        # by call, the gradient of its vectors once it is known; None: no loss was computed,
        # as where a process has no row of a small batch
        self.slopes: list[list[Tensor]] | None = None

    def before_gradient(self, model: nn.Module) -> None:
        """Forget the gradients of the step before."""
        self.slopes = None

    def loss(
        self, compute: Callable[[Batch[Tensor]], Tensor], model: nn.Module, batch: Batch[Tensor]
    ) -> Tensor:
        """Compute the loss, and remember to keep the gradient of the vectors of its tokens."""
        slopes = self.slopes = self.slopes or []

        def watch(_: int, __: Tensor, vectors: Tensor) -> Tensor:
            if not vectors.requires_grad:  # the table is frozen
                vectors = vectors.detach().requires_grad_()
            kept: list[Tensor] = []
            slopes.append(kept)
            vectors.register_hook(lambda slope: kept.append(slope.detach()))
            return vectors

        with replacing(model, watch):
            return compute(batch)

    def backward(self, add_gradient: Callable[..., None], model: nn.Module) -> None:
        """Add the gradient of the same batches with moved vectors.

        Raises:
            TrainingError: No vectors were looked up, since the layers below are computed
                beforehand; or the loss has no gradient at them.
        """
        if self.slopes is None:
            return
        slopes = iter(self.slopes)

        def move(_: int, ids: Tensor, vectors: Tensor) -> Tensor:
            known = next(slopes, [])
            if not known:
                raise self._refusal("does not pass gradients to them")
            return vectors + self.moved(known[0])

        if not self.slopes:
            raise self._refusal("looks up none")
        with replacing(model, move):
            add_gradient()

    def _refusal(self, why: str) -> TrainingError:
        return TrainingError(
            f"FGM moves the embeddings of words, and this training {why}.",
            received=f"regularisers=[{self.name}]",
            hint="regularisers=[] or method=full",
        )

    def moved(self, slope: Tensor) -> Tensor:
        """Return the moves of all vectors, (rows, tokens, width), of length ε in every row."""
        exact = slope.float() if slope.dtype in HALVES else slope
        length = torch.linalg.vector_norm(exact, dim=(1, 2), keepdim=True)
        tiny = torch.finfo(torch.float32).tiny
        moves: Tensor = self.options.epsilon * slope / length.clamp(min=tiny).to(slope)
        return moves
