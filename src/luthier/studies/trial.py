"""What a study asks for and what it is told: trials, their outcomes, and the protocol of both.

A study may choose its next trial by the outcomes of earlier ones. It chooses by validation scores:
`run_study` withholds test scores from `tell`, so no search can fit the test rows by accident.
Next: `plan.py`, a study whose trials are all known at the start; `runner.py`, which drives any.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from luthier.recipe.tree import Recipe
from luthier.results import Score


@dataclass(frozen=True)
class Trial:
    """One run of a study.

    Args:
        arm: What is compared with other arms, such as a method or a recipe.
        level: How much the run learns from: labels a class, rows, or `full`; "" without levels.
        seed: The seed of the draw of training rows and of the training.
        recipe: The recipe that is run.
    """

    arm: str
    level: str
    seed: int
    recipe: Recipe

    @property
    def name(self) -> str:
        """The name of the trial's run folder, unique within its study."""
        parts = [self.arm, *([self.level] if self.level else []), f"seed{self.seed}"]
        return re.sub(r"[^\w.=,-]+", "-", "-".join(parts)).lstrip("-.")


@dataclass(frozen=True)
class Failure:
    """A trial that could not be run: why, and what would help."""

    trial: Trial
    reason: str
    hint: str | None


@dataclass(frozen=True)
class Cost:
    """What a trained model cost; None where it is unknown.

    Args:
        seconds: Time spent on training; evaluation and baselines are not counted.
        peak_memory_mib: The most memory that the whole run held, in MiB.
        passes: How many batches went through the model and back, those of regularisers included.
        trained: How many parameters were trained.
        parameters: How many parameters the model has.
        bytes: Size of the model folder on disk.
    """

    seconds: float | None = None
    peak_memory_mib: float | None = None
    passes: float | None = None
    trained: float | None = None
    parameters: float | None = None
    bytes: float | None = None


@dataclass(frozen=True)
class Outcome:
    """What came of a trial: the scores of its trained model, and what it cost.

    Args:
        validation: Metric to score of the kept weights on the validation rows; empty where the
            training had none.
        test: Metric to score on the test rows; empty where it is withheld, as it is from `tell`.
        cost: What the training cost.
        failure: Why there are no scores; None where the run finished.
    """

    validation: Mapping[str, float] = field(default_factory=dict)
    test: Mapping[str, Score] = field(default_factory=dict)
    cost: Cost = Cost()
    failure: Failure | None = None

    def without_test(self) -> Outcome:
        """Withhold the test scores."""
        return replace(self, test={})


class Study(Protocol):
    """Decides which trials are run; the runner runs them.

    The same outcomes must lead to the same trials: a study that was interrupted is asked again from
    its start, and told the outcomes of finished trials from their run folders. One that knows its
    trials at the start may list them as `ahead`, in their order, so that several run at once.
    """

    name: str
    """The heading of the study's page."""
    metric: str
    """The metric by which arms are compared on the test rows."""
    confidence: float
    """The level of the intervals, such as 0.95."""
    unit: str
    """What the levels count, such as "labels a class"; "" without levels."""
    notes: Sequence[str]
    """The protocol in sentences, for the page."""
    n_trials: int | None
    """How many trials there will be in all; None where nobody knows yet."""
    reference: str | None
    """The arm that all others are compared with; None: each with each."""

    def ask(self) -> Trial | None:
        """Give the next trial to run, or None when the study is complete."""
        ...

    def tell(self, trial: Trial, outcome: Outcome) -> None:
        """Take what came of a trial; called once for each, before the next is asked for."""
        ...
