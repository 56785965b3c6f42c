"""The losses of the last steps: their mean for the log, and whether one sprang up."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from statistics import fmean
from typing import Any

RECENT = 50  # steps that a loss is compared with
SPIKE = 2.0  # times the highest of them


class Window:
    """The losses since the last line of the log, and the recent ones."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.recent: deque[float] = deque(maxlen=RECENT)

    def add(self, loss: float) -> bool:
        """Take the loss of one step; say whether it is a spike.

        A spike is more than twice the highest of the fifty steps before: unlike a distance from
        their mean, that hardly happens by chance, however unequal batches are.
        """
        is_spike = len(self.recent) == RECENT and loss > SPIKE * max(self.recent)
        self.losses.append(loss)
        self.recent.append(loss)
        return is_spike

    def mean(self) -> float:
        """Give the mean since the last call, and begin anew."""
        mean = fmean(self.losses)
        self.losses.clear()
        return mean

    def state_dict(self) -> dict[str, Any]:
        """Give what goes on needs."""
        return {"losses": list(self.losses), "recent": list(self.recent)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        self.losses = list(state["losses"])
        self.recent = deque(state["recent"], maxlen=RECENT)


def is_finite(*numbers: float) -> bool:
    """Say whether all are numbers that mean something."""
    return all(map(math.isfinite, numbers))
