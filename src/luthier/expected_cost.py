"""Says, once a training is under way, what the whole run will take: minutes, memory and disk.

Steps are timed; what comes after them is told from their pace: a pass that only reads takes a third
of one that learns (Kaplan et al. 2020, https://arxiv.org/abs/2001.08361, section 2.1).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from luthier import process
from luthier.hf_types import Model
from luthier.job import Job
from luthier.models.structure import count_parameters
from luthier.recipe.chosen_baselines import baselines_of
from luthier.recipe.tree import Recipe
from luthier.records import StepInfo
from luthier.registry import find
from luthier.report.formatting import duration
from luthier.training.checkpoint import room_for
from luthier.training.listeners import Listeners

STEPS, SECONDS = 20, 5.0  # of a training before its cost is told
WARM = 3  # first steps, which tell nothing
SHORT = 60.0  # seconds of a run whose cost need not be told
READS = 1 / 3  # of a pass that learns
EXPLAINED = 0.04  # of the training, at most, is spent on explaining test rows
FLOAT, MB = 4, 10**6  # bytes


def expected_cost(recipe: Recipe, job: Job, model: Model, listeners: Listeners) -> ExpectedCost:
    """Make a listener that tells the others once what the run will take.

    It stays out of the events, which are the same however fast the machine is.
    """
    begun = time.monotonic() - sum(listeners.seconds.values())

    def tell(seconds: float, message: StepInfo) -> None:
        listeners.folder.note(expected_seconds=round(seconds, 1))
        listeners.show(message)

    return ExpectedCost(recipe, job, model, spent=lambda: time.monotonic() - begun, tell=tell)


class ExpectedCost:
    """Foretells what a run will take, from the pace of its training.

    Args:
        recipe: The recipe.
        job: How it is trained.
        model: What is trained.
        spent: Returns the seconds that the run has taken so far.
        tell: Called once with the expected seconds of the whole run, and with a message.
        now: The time in seconds.
    """

    def __init__(
        self,
        recipe: Recipe,
        job: Job,
        model: Model,
        *,
        spent: Callable[[], float],
        tell: Callable[[float, StepInfo], None],
        now: Callable[[], float] = time.monotonic,
    ):
        self.recipe, self.job, self.model = recipe, job, model
        self.spent, self.tell, self.now = spent, tell, now
        self.is_told = False
        self._first: tuple[int, float] | None = None

    def __call__(self, info: StepInfo) -> None:
        """Look at one step of the training."""
        if self.is_told or info.phase != self.job.session.phase or info.step < 1:
            return
        now = self.now()
        if self._first is None or info.step <= WARM:
            self._first = (info.step, now)
            return
        step, began = self._first
        if info.step - step < STEPS or now - began < SECONDS:
            return
        self.is_told = True
        pace = (now - began) / (info.step - step)
        steps = pace * info.n_steps
        training = steps + self._n_evaluations(info.n_steps) * self._reads("validation", steps)
        after = self.reading_seconds(steps) + self.baseline_seconds(steps, training)
        whole = self.spent() + training * (1 - info.step / info.n_steps) + after
        if whole >= SHORT:
            said = self.said(whole, after)
            self.tell(whole, StepInfo(info.phase, info.step, info.n_steps, message=said))

    def said(self, whole: float, after: float) -> str:
        """Say what is expected."""
        writes = self.job.problem.codec.task.unit in ("generation", "language")
        unknown = ", and what it takes to write the answers" if writes else ""
        return (
            f"the run will take about {duration(whole)}{unknown}, {duration(after)} of it after "
            f"the training; {process.peak_memory_mib():,.0f} MiB of memory so far, and up to "
            f"{self.disk_bytes() / MB:,.0f} MB on the disk"
        )

    def disk_bytes(self) -> int:
        """Expect what the model and its checkpoints take at most."""
        whole, trained = (FLOAT * one for one in count_parameters(self.model))
        settings = self.recipe.training
        if settings.save_strategy == "no":
            return whole
        return whole + room_for(trained, settings, keep=settings.save_total_limit or 2)

    def reading_seconds(self, steps: float) -> float:
        """Expect what it takes to predict the rows that are judged, and to explain some.

        Args:
            steps: Seconds of all steps of the training.
        """
        explained = EXPLAINED * steps if self.recipe.evaluation.explained_rows else 0.0
        splits = self.job.problem.scored_splits
        return explained + sum(self._reads(split, steps) for split in splits)

    def baseline_seconds(self, steps: float, training: float) -> float:
        """Expect what the baselines take: of those that train, a training each."""
        seconds = 0.0
        for one in baselines_of(self.recipe):
            kind = find("baselines", one.name)
            whole = sum(self._reads(split, steps) for split in self.job.problem.items)
            seconds += training if getattr(kind, "trains", False) else 0.0
            seconds += getattr(kind, "passes", 0.0) * whole
        return seconds

    def _n_evaluations(self, n_steps: int) -> int:
        settings = self.recipe.training
        if settings.eval_strategy == "no" or not len(self.job.problem.items["validation"]):
            return 0
        if settings.eval_strategy == "steps" and settings.eval_steps:
            return max(1, n_steps // settings.eval_steps)
        return math.ceil(self._n_passes())

    def _n_passes(self) -> float:
        settings = self.recipe.training
        if settings.max_steps <= 0:
            return settings.num_train_epochs
        rows = settings.per_device_train_batch_size * settings.gradient_accumulation_steps
        return max(1.0, settings.max_steps * rows / max(1, len(self.job.problem.items["train"])))

    def _reads(self, split: str, steps: float) -> float:
        """Expect what reading a split takes, from what learning the training rows takes."""
        items = self.job.problem.items
        learned = self._n_passes() * float(items["train"].cost.sum())
        return READS * steps * float(items[split].cost.sum()) / max(1.0, learned)
