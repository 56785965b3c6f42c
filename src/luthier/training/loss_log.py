"""The losses of the last steps: their mean for the log, and whether one sprang up.

They are read when somebody asks. To read a number from a GPU is to wait for all that it still has
to do, and a GPU that is waited for in every step has nothing to do when the next one begins.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from statistics import fmean
from typing import Any, NamedTuple

from torch import Tensor

RECENT = 50  # steps that a loss is compared with
SPIKE = 2.0  # times the highest of them


class Reading(NamedTuple):
    """What one step came to.

    Args:
        step: Its number. `loss`: Its mean loss. `norm`: Of its gradient, before clipping.
        is_spike: Whether the loss is more than twice the highest of the fifty steps before: unlike
            a distance from their mean, that hardly happens by chance, however unequal batches are.
    """

    step: int
    loss: float
    norm: float
    is_spike: bool


class LossLog:
    """The losses since the last line of the log, and the recent ones."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.recent: deque[float] = deque(maxlen=RECENT)
        self._unread: list[tuple[int, Tensor | float, Tensor | float]] = []
        self._read: list[Reading] = []

    def add(self, step: int, loss: Tensor | float, norm: Tensor | float) -> None:
        """Take what a step came to, unread."""
        self._unread.append((step, loss, norm))

    def read(self) -> list[Reading]:
        """Give what has been added since the last call."""
        self._look()
        found, self._read = self._read, []
        return found

    def _look(self) -> None:
        for step, loss, norm in self._unread:
            value = float(loss)
            is_spike = len(self.recent) == RECENT and value > SPIKE * max(self.recent)
            self.losses.append(value)
            self.recent.append(value)
            self._read.append(Reading(step, value, float(norm), is_spike))
        self._unread.clear()

    def mean(self) -> float:
        """Give the mean since the last call, and begin anew."""
        mean = fmean(self.losses)
        self.losses.clear()
        return mean

    def state_dict(self) -> dict[str, Any]:
        """Give what going on needs."""
        self._look()
        return {"losses": list(self.losses), "recent": list(self.recent)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        self.losses = list(state["losses"])
        self.recent = deque(state["recent"], maxlen=RECENT)
