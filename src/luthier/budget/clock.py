"""The time that a search has, which every part of it is taken from."""

from __future__ import annotations

import time
from collections.abc import Callable


class Clock:
    """A budget of wall-clock time.

    Args:
        minutes: The budget, for everything until the report.
        spent: Seconds that were spent before this clock was made.
        now: The time in seconds.
    """

    def __init__(
        self, minutes: float, *, spent: float = 0.0, now: Callable[[], float] = time.monotonic
    ):
        self.minutes, self.now = minutes, now
        self._since = now() - spent

    def add(self, seconds: float) -> None:
        """Count seconds that were spent elsewhere, such as by an earlier attempt."""
        self._since -= seconds

    @property
    def spent(self) -> float:
        """Seconds spent so far."""
        return self.now() - self._since

    @property
    def budget(self) -> float:
        """All seconds of the budget."""
        return 60.0 * self.minutes

    @property
    def left(self) -> float:
        """Seconds left; negative once the budget is overrun."""
        return self.budget - self.spent
