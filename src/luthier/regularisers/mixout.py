"""`mixout`: at each step, some weights are replaced by those of the pre-trained model.

    (m ⊙ w₀ + (1 − m) ⊙ w − p w₀) / (1 − p),   m drawn for each weight with probability p

Lee, Cho & Kang 2020, section 3, https://arxiv.org/abs/1909.11299. Heads, norms and biases are left
alone. One mask serves all rows of a step. It follows from the seed and the step, so it is the same
after an interruption.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from luthier.hf_types import Model
from luthier.job import Plan, Regulariser
from luthier.recipe.tree import Section
from luthier.seeding import seed_of
from luthier.training.anchors import Anchors


class MixoutOptions(Section):
    """How many weights are replaced."""

    p: float = Field(0.5, gt=0, lt=1, description="Share of the weights replaced at a step.")


class Mixout(Regulariser):
    """Replaces random weights by the pre-trained ones in each step."""

    name: ClassVar[str] = "mixout"
    is_anchored: ClassVar[bool] = True
    excludes: ClassVar[frozenset[str]] = frozenset({"fgm", "sam"})
    Options = MixoutOptions
    anchors: Anchors

    def __init__(self, options: MixoutOptions):
        self.options = options
        self.kept: dict[str, Tensor] = {}  # weights that are no longer their own in this step: 1
        self.seed = 0

    def prepare(self, model: Model, plan: Plan) -> None:
        """Find the weights that can be replaced.

        Raises:
            RecipeError: None of them is trained.
        """
        self.anchors, self.seed = Anchors(model, self.name), plan.training.seed

    def begin(self, model: nn.Module, n_steps: int) -> None:
        """Keep the pre-trained weights."""
        self.anchors.take(model)

    @contextmanager
    def around_step(self, model: nn.Module, step: int, n_steps: int) -> Iterator[None]:
        """Mix the weights while the gradient of a step is computed."""
        p = self.options.p
        generator = torch.Generator().manual_seed(seed_of(self.seed, "mixout", step))
        trained = dict(self.anchors.held(model))
        before = {name: one.detach().clone() for name, one in trained.items()}
        with torch.no_grad():
            for name, one in trained.items():
                kept = torch.rand(one.shape, generator=generator).ge(p).to(one.device)
                anchor = self.anchors.values[name]
                one.copy_((torch.where(kept, one, anchor) - p * anchor) / (1 - p))
                self.kept[name] = kept
        try:
            yield
        finally:
            with torch.no_grad():
                for name, one in trained.items():
                    one.copy_(before[name])

    def backward(self, add_gradient: Callable[..., None], model: nn.Module) -> None:
        """Carry the gradient from the mixed weights to the trained ones."""
        for name, one in model.named_parameters():
            if name in self.kept and one.grad is not None:
                one.grad.mul_(self.kept[name].to(one.grad) / (1 - self.options.p))
