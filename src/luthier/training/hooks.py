"""Training hooks: one that freezes lower layers, one that ends a training, all hooks as one.

Next: `loop.py` and `update.py`, which call them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from luthier.distributed.group import group
from luthier.items import Batch
from luthier.job import Regulariser
from luthier.padding import IGNORED


class FrozenBelow(Regulariser):
    """Freezes the parameters below a depth while the gradient of a step is computed.

    Args:
        depth_of: Maps a parameter name to its depth, 0 for embeddings.
        lowest: Maps a step and the total number of steps to the lowest depth that is trained.
    """

    def __init__(self, depth_of: Mapping[str, int], lowest: Callable[[int, int], int]):
        self.depth_of, self.lowest = depth_of, lowest

    @contextmanager
    def around_step(self, model: nn.Module, step: int, n_steps: int) -> Iterator[None]:
        """Freeze the parameters that lie too low."""
        lowest = self.lowest(step, n_steps)
        frozen = [
            one
            for name, one in model.named_parameters()
            if self.depth_of[name] < lowest and one.requires_grad
        ]
        for one in frozen:
            one.requires_grad_(False)
        yield
        for one in frozen:
            one.requires_grad_(True)


class UntilLoss(Regulariser):
    """Ends a training once the mean loss of its last steps is below a bound.

    Args:
        bound: The loss of a target.
        n_steps: The steps over which it is averaged.
    """

    def __init__(self, bound: float, n_steps: int = 10):
        self.bound, self.most = bound, n_steps
        self.last: list[float] = []
        self.total = self.weight = 0.0

    def loss(
        self, compute: Callable[[Batch[Tensor]], Tensor], model: nn.Module, batch: Batch[Tensor]
    ) -> Tensor:
        """Add a batch's loss to that of its step."""
        found = compute(batch)
        self.total += float(found.detach())
        self.weight += 0.0 if batch.targets is None else float((batch.targets != IGNORED).sum())
        return found

    def after_step(self, model: nn.Module, step: int, n_steps: int) -> None:
        """Note the mean loss of the step, over the shares of all processes."""
        total, weight = group().sum(torch.tensor([self.total, self.weight], dtype=torch.float64))
        mean = float(total / weight.clamp(min=1.0))
        self.last = [*self.last, mean][-self.most :]
        self.total = self.weight = 0.0

    @property
    def mean(self) -> float:
        """The mean loss of the last steps."""
        return sum(self.last) / max(1, len(self.last))

    @property
    def ended(self) -> bool:
        """Whether the bound is reached."""
        return len(self.last) == self.most and self.mean < self.bound

    def state_dict(self) -> dict[str, Any]:
        """Return the losses of the last steps."""
        return {"last": self.last}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore them."""
        self.last = list(state["last"])


class AllHooks:
    """Several regularisers as one, in the order of the recipe.

    Args:
        regularisers: The hooks.
        model: The model that is trained.
    """

    def __init__(self, regularisers: tuple[Regulariser, ...], model: nn.Module):
        self.regularisers, self.model = regularisers, model

    @property
    def ended(self) -> bool:
        """Whether one of them ends the training."""
        return any(one.ended for one in self.regularisers)

    def begin(self, n_steps: int) -> None:
        """Begin every regulariser."""
        for one in self.regularisers:
            one.begin(self.model, n_steps)

    @contextmanager
    def around_step(self, step: int, n_steps: int) -> Iterator[None]:
        """Enter the context of every regulariser around a step's gradient."""
        with ExitStack() as stack:
            for one in self.regularisers:
                stack.enter_context(one.around_step(self.model, step, n_steps))
            yield

    def after_step(self, step: int, n_steps: int) -> None:
        """Let every regulariser act after a step."""
        for one in self.regularisers:
            one.after_step(self.model, step, n_steps)

    @contextmanager
    def evaluated(self) -> Iterator[None]:
        """Swap in the weights that are scored."""
        with ExitStack() as stack:
            for one in self.regularisers:
                stack.enter_context(one.evaluated(self.model))
            yield

    def finish(self) -> None:
        """Leave the model with the weights that are kept."""
        for one in self.regularisers:
            one.finish(self.model)

    def state_dict(self) -> dict[str, Any]:
        """Return the state of every regulariser, as `NUMBER.NAME`."""
        return {
            f"{number}.{name}": value
            for number, one in enumerate(self.regularisers)
            for name, value in one.state_dict().items()
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the state of every regulariser."""
        for number, one in enumerate(self.regularisers):
            start = f"{number}."
            one.load_state_dict(
                {key.removeprefix(start): v for key, v in state.items() if key.startswith(start)}
            )
