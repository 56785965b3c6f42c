"""Base of baselines: one step that reads the training rows, then outputs for the scored rows."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from typing import Any, ClassVar, TypeVar

from luthier.job import Job
from luthier.metrics.names import lower_is_better
from luthier.recipe.tree import NoOptions, Section
from luthier.records import Outputs, Rows, StepInfo

T = TypeVar("T")


class PlainBaseline:
    """A baseline without options. Plug-ins implement `learn`, or override `fit` for longer work.

    `reads_nothing` says that its answers do not depend on the row: a model that does no better has
    learned nothing from the texts.
    """

    name: ClassVar[str]
    reads_nothing: ClassVar[bool] = False
    Options: ClassVar[type[Section]] = NoOptions
    trains: ClassVar[bool] = False  # whether it trains a model for as long as fine-tuning does
    passes: ClassVar[float] = 0.0  # how often it has the model read all rows
    options: Any

    def __init__(self, options: Section):
        self.options = options

    def learn(self, job: Job) -> Callable[[Rows], Outputs]:
        """Learn from the training rows; return the function that computes outputs for rows.

        It may return `Predictions` instead, where nothing is left to decode.
        """
        raise NotImplementedError

    def fit(self, job: Job) -> Generator[StepInfo, None, Mapping[str, Outputs]]:
        """Learn in one step, then compute the outputs of every scored split."""
        outputs_of = self.learn(job)
        yield StepInfo(f"baseline {self.name}", 1, 1, rows=len(job.problem.splits.train))
        return {split: outputs_of(rows) for split, rows in job.problem.scored_rows.items()}


def strongest(candidates: Iterable[T], score: Callable[[T], float], *, metric: str) -> T:
    """Choose the best of several trivial answers by their score on the training rows.

    A baseline that is weaker than another of its kind would be beaten by nothing.

    >>> strongest([1, 2, 3], lambda guess: abs(guess - 2), metric="mae")
    2
    """
    sign = -1.0 if lower_is_better(metric) else 1.0
    return max(candidates, key=lambda one: sign * score(one))
