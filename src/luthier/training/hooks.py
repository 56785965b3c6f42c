"""Training hooks: one that freezes lower layers for a while, and all regularisers as one.

Next: `loop.py` and `update.py`, which call them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from torch import nn

from luthier.job import Regulariser


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


class AllHooks:
    """Several regularisers as one, in the order of the recipe.

    Args:
        regularisers: The hooks.
        model: The model that is trained.
    """

    def __init__(self, regularisers: tuple[Regulariser, ...], model: nn.Module):
        self.regularisers, self.model = regularisers, model

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
