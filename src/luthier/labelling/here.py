"""Trains and chooses in the desk's own process, while it waits: for scripts that ask and tell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from luthier.errors import LuthierError, TrainingError
from luthier.labelling.orders import Order, Reply


class ChooserHere:
    """Trains and chooses in this process.

    Args:
        open_trainer: Makes the `TrainingChooser`, which loads the model.
    """

    doing = ("training", 0, 0)

    def __init__(self, open_trainer: Callable[[], Any]):
        self._open = open_trainer
        self._trainer: Any = None
        self._order: Order | None = None

    def begin(self, order: Order) -> None:
        """Take an order."""
        self._order = order

    def reply(self, seconds: float | None) -> Reply | None:
        """Answer the last order.

        Raises:
            TrainingError: It failed.
        """
        if self._order is None:
            return None
        try:
            if self._trainer is None:
                self._trainer = self._open()
            reply: Reply = self._trainer.answer(self._order)
        except LuthierError as problem:
            raise TrainingError(problem.problem, received=problem.received) from problem
        return reply

    def close(self) -> None:
        """Forget the model."""
        self._trainer = None
