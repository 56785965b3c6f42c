"""`from-scratch`: the same architecture with random weights and the same training.

The difference is what pre-training adds. It is a second training, so it ends where fine-tuning was
stopped early, and takes about the time of fine-tuning at most, or a minute: a method that trains
few weights, or none, is far quicker than a training of all of them.
"""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterator, Mapping
from typing import ClassVar

from luthier.distributed.group import group
from luthier.job import Job
from luthier.protocols import KINDS, UNITS
from luthier.records import Outputs, StepInfo
from luthier.runs.tuning import Tuning, tuning_of
from luthier.task_types.plain_baseline import PlainBaseline

SHORT = 60.0  # seconds that it may always take, so that short runs repeat exactly
FEW = 20  # steps below which nothing is measured
COSTLIER = 3.0  # times that a step of all weights may cost more than one of few
TRIED = 4  # steps by which the time of a step is measured; the first warms up
SLOWER = 1.25  # times the time it may take from which steps are left out
UNTOLD = {"eval_strategy": "no", "save_strategy": "no", "early_stopping_patience": None}


class FromScratch(PlainBaseline):
    """The same architecture with random weights and the same training."""

    name: ClassVar[str] = "from-scratch"
    units: ClassVar[frozenset[str]] = UNITS
    kinds: ClassVar[frozenset[str]] = KINDS
    trains: ClassVar[bool] = True

    def fit(self, job: Job) -> Generator[StepInfo, None, Mapping[str, Outputs]]:
        """Train all weights, including those that the recipe freezes, since they are random."""
        from luthier.training.loop import train
        from luthier.training.predict import predict

        phase = f"baseline {self.name}"
        kept = tuple(one for one in job.plan.regularisers if not one.is_anchored)
        job = job.with_session(phase=phase).with_plan(regularisers=kept)
        events = list(job.session.run.events.read()) if job.session.run is not None else []
        before, *spent = group().from_first([steps_before(events, phase), *tuning_of(events)])
        tuning = Tuning(*spent)
        yield StepInfo(phase, 0, 0, message=announcement(self.name, tuning))
        planned = steps_of(job)
        n_steps = group().from_first(before or most_steps(job, tuning))
        if n_steps is not None:
            job = job.with_plan(
                training=job.plan.training.model_copy(update={"max_steps": n_steps})
            )
        model = job.session.make_model(False).requires_grad_(True)
        model = yield from train(model, job)
        if n_steps is not None and n_steps < planned:
            message = (
                f"It was trained for {n_steps} of {planned} steps, about as long as fine-tuning "
                "took, or a minute."
            )
            yield StepInfo(phase, n_steps, n_steps, message=message, is_lasting=True)
        outputs = {}
        for split in job.problem.scored_splits:
            outputs[split] = yield from predict(model, job, split, phase=f"{phase}: {split}")
        return outputs


def announcement(name: str, tuning: Tuning) -> str:
    """Say that a second training begins, and how long it may take."""
    expected = "about as long as fine-tuning"
    if tuning.seconds is not None:
        minutes, seconds = divmod(round(tuning.seconds), 60)
        expected = f"{expected}, {minutes}:{seconds:02}"
    return f"{name} is a second training ({expected}, or a minute); --quick leaves it out"


def steps_before(events: list[Mapping[str, object]], phase: str) -> int | None:
    """Return the number of steps that was planned before an interruption; None without one."""
    planned: Iterator[object] = (
        event.get("n_steps") for event in reversed(events) if event.get("phase") == phase
    )
    return next((one for one in planned if isinstance(one, int) and one > 0), None)


def most_steps(job: Job, tuning: Tuning) -> int | None:
    """Return the number of steps to take if it is below what the recipe asks for; else None."""
    own = steps_of(job)
    stopped = 0 < tuning.steps < tuning.n_steps == own
    steps = tuning.steps if stopped else own
    budget = max(tuning.seconds or 0.0, SHORT)
    is_alike = tuning.n_steps == own and tuning.seconds is not None
    is_short = steps < FEW or (is_alike and COSTLIER * (tuning.seconds or 0.0) <= budget)
    if not is_short and steps * (pace := seconds_a_step(job)) > SLOWER * budget:
        return max(1, int(budget / pace))
    return steps if stopped else None


def steps_of(job: Job) -> int:
    """Count the steps that the recipe asks for; with batches by tokens, about."""
    from luthier.training.loop import make_order

    settings = job.plan.training
    if settings.max_steps > 0:
        return settings.max_steps
    per_epoch = math.ceil(len(make_order(job)) / settings.gradient_accumulation_steps)
    return math.ceil(per_epoch * settings.num_train_epochs)


def seconds_a_step(job: Job) -> float:
    """Measure the time of a training step on a model that is thrown away."""
    from luthier.training.loop import train

    update = {**UNTOLD, "max_steps": TRIED, "warmup_steps": 0}
    training = job.plan.training.model_copy(update=update)
    job = job.with_session(run=None).with_plan(training=training)
    model = job.session.make_model(False).requires_grad_(True)
    ends = [time.monotonic() for info in train(model, job) if info.step]
    return (ends[-1] - ends[0]) / max(1, len(ends) - 1)
