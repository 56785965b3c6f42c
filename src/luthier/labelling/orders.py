"""What the desk asks of what trains and chooses, and what it is told: plain JSON both ways."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from luthier.results import Score

Columns = Mapping[str, Sequence[Any]]  # of rows, as the task reads them
Progress = Callable[[str, int, int], None]  # what is done, how much of it, and of how much
FIRST = "typiclust"  # the strategy of the first batch, which needs no model
FROZEN, RECIPE = "frozen", "recipe"  # how models are trained between batches


@dataclass(frozen=True)
class Order:
    """A model to train from the pre-trained weights, and rows to choose by it.

    Args:
        number: Of the order, from 1.
        by: Name of the query strategy.
        n: How many rows to choose.
        train: The rows that have answers, with them; no audit rows.
        pool: The rows to choose from.
        audit: The rows to score by, with their answers.
    """

    number: int
    by: str
    n: int
    train: Columns
    pool: Columns
    audit: Columns


@dataclass(frozen=True)
class Choice:
    """A row that was chosen: its index in the pool, what the model would answer, and how surely."""

    index: int
    suggested: Any = None
    probability: float | None = None


@dataclass(frozen=True)
class Reply:
    """What came of an order.

    Args:
        number: Of the order.
        by: The strategy that chose; without a model not every one can.
        n_trained: On how many rows the model was trained; 0: there is none yet.
        chosen: The chosen rows, best first.
        metric: The metric of the scores.
        scores: The model, and a baseline that reads nothing, on the audit rows; empty without any.
    """

    number: int
    by: str
    n_trained: int
    chosen: Sequence[Choice]
    metric: str = ""
    scores: Mapping[str, Score] = field(default_factory=dict)


class Chooser(Protocol):
    """Trains and chooses, here or in another process."""

    def begin(self, order: Order) -> None:
        """Take an order; the one before has been answered."""
        ...

    def reply(self, seconds: float | None) -> Reply | None:
        """Give the reply to the last order; None if it takes longer than so many seconds.

        Raises:
            TrainingError: It failed.
        """
        ...

    @property
    def doing(self) -> tuple[str, int, int]:
        """Say what is being done, how much of it is done, and of how much."""
        ...

    def close(self) -> None:
        """Stop; nothing is left running."""
        ...
