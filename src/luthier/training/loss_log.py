"""The losses of recent steps: their mean for the log, and spikes.

They are read only on demand. Reading a value synchronises with the GPU; doing it every step leaves
the GPU idle.
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
    """The numbers of one step.

    Args:
        step: Number of the step.
        loss: Mean loss.
        norm: Norm of the gradient before clipping.
        is_spike: Whether the loss is more than twice the highest of the fifty steps before. Unlike
            a distance from their mean, this rarely happens by chance, however unequal batches are.
    """

    step: int
    loss: float
    norm: float
    is_spike: bool


class LossLog:
    """The losses since the last log line, and those of recent steps."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.recent: deque[float] = deque(maxlen=RECENT)
        self._unread: list[tuple[int, Tensor | float, Tensor | float]] = []
        self._read: list[Reading] = []
        self.largest_norm = 0.0  # of all steps

    def add(self, step: int, loss: Tensor | float, norm: Tensor | float) -> None:
        """Add the numbers of a step without reading them from the device."""
        self._unread.append((step, loss, norm))

    def read(self) -> list[Reading]:
        """Return the steps added since the last call."""
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
            self.largest_norm = max(self.largest_norm, float(norm))
        self._unread.clear()

    def mean(self) -> float:
        """Return the mean loss since the last call, and reset it."""
        mean = fmean(self.losses)
        self.losses.clear()
        return mean

    def state_dict(self) -> dict[str, Any]:
        """Return the state that resuming needs."""
        self._look()
        return {
            "losses": list(self.losses),
            "recent": list(self.recent),
            "largest_norm": self.largest_norm,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self.losses = list(state["losses"])
        self.recent = deque(state["recent"], maxlen=RECENT)
        self.largest_norm = state.get("largest_norm", 1.0)  # unknown in older checkpoints
