"""`sam`: the gradient is that at the worst weights near by, so that minima are flat.

    ε = ρ · g / ‖g‖₂ over all trained weights;   step by the gradient at w + ε

Foret et al. 2021, section 2, https://arxiv.org/abs/2010.01412; for language models Bahri et al.
2022, https://arxiv.org/abs/2110.08529. Both gradients are of the same rows under the same dropout
masks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from luthier.distributed.group import group
from luthier.job import Regulariser
from luthier.models.structure import trained
from luthier.recipe.tree import Section
from luthier.training.microbatches import random_state, set_random_state


class SamOptions(Section):
    """How far away the worst weights are looked for."""

    rho: float = Field(0.05, gt=0, description="Distance of the weights, in Euclidean norm.")


class Sam(Regulariser):
    """Steps by the gradient at the worst weights near by; for minima that are flat."""

    name: ClassVar[str] = "sam"
    cost: ClassVar[float] = 2.0
    excludes: ClassVar[frozenset[str]] = frozenset({"fgm", "mixout", "r-drop"})
    Options = SamOptions

    def __init__(self, options: SamOptions):
        self.options = options

    def before_gradient(self, model: nn.Module) -> None:
        """Keep the random state, for the same dropout masks."""
        self.state = random_state()

    def backward(self, add_gradient: Callable[..., None], model: nn.Module) -> None:
        """Compute the gradient again at the worst weights, and return to the old ones."""
        group().sum_gradients([one for _, one in trained(model)], torch.zeros(()))
        moved = {name: one for name, one in trained(model) if one.grad is not None}
        slopes = {name: gradient_of(one) for name, one in moved.items()}
        before = {name: one.detach().clone() for name, one in moved.items()}
        norm = torch.linalg.vector_norm(
            torch.stack([torch.linalg.vector_norm(one) for one in slopes.values()])
        )
        step = self.options.rho / norm.clamp(min=torch.finfo(torch.float32).tiny)
        after = random_state()
        with torch.no_grad():
            for name, one in moved.items():
                one.add_((step * slopes[name]).to(one.dtype))
                one.grad = None
        set_random_state(self.state)
        add_gradient(same_dropout=True)
        set_random_state(after)
        with torch.no_grad():
            for name, one in moved.items():
                one.copy_(before[name])


def gradient_of(parameter: nn.Parameter) -> Tensor:
    """Return a copy of a parameter's gradient."""
    if parameter.grad is None:
        raise ValueError("the parameter has no gradient")
    return parameter.grad.detach().clone()
