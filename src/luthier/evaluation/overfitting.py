"""Whether a training over-fitted: what it learned by heart does not hold on other rows.

Three signs, each read from what a run records anyway: the log loss of validation rows rises while
it trains on, training rows cost far less than others, and the model is surer than it is right.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from luthier.declarations import JSON
from luthier.job import Job, Plan
from luthier.metrics.names import as_points, lower_is_better, title
from luthier.ragged import Array
from luthier.records import Gold, Predictions
from luthier.results import Scores
from luthier.runs.tuning import ASIDE

LOSS = "log_loss"
RISE = 1.1  # times the lowest log loss on validation from which it has risen
APART, FAR = 3.0, 0.3  # times, and nats, that other rows cost more than training rows
SURE = 0.05  # by which confidence exceeds accuracy
STANDARD_ERRORS = 2.0  # of the accuracy, which it has to exceed as well


@dataclass(frozen=True)
class Course:
    """How a training went.

    Args:
        metric: The metric of validation.
        scores: Step to validation scores, in the order of the steps.
        loss: Log loss of training rows at the end: of those that were scored beside validation
            rows, else the mean loss in the last fifth of the steps that were logged; None where
            nothing was, or where the loss is not the log loss that is compared with it.
        other: Log loss of the fine-tuned model on the test rows; None where it has none.
    """

    metric: str
    scores: Sequence[tuple[int, Mapping[str, float]]]
    loss: float | None
    other: float | None


def overfitting(
    job: Job, events: Sequence[Mapping[str, JSON]], said: Predictions, scores: Scores
) -> str | None:
    """Say that a training over-fitted, by which signs, and what to try; None if it did not.

    Args:
        job: The plan of the training, and the gold answers of the test rows.
        events: What the run recorded of its steps.
        said: The model's predictions of the test rows.
        scores: Its scores on them.
    """
    course = course_of(job, events, scores)
    signs = [*_rises(course), *_apart(course)]
    if not signs:
        return None
    signs += _too_sure(said, job.problem.gold["test"])
    return f"This training over-fits: {'; '.join(signs)}. Try {_advice(job.plan)}."


def course_of(job: Job, events: Sequence[Mapping[str, JSON]], scores: Scores) -> Course:
    """Read how a training went."""
    own = [event for event in events if not event["phase"].startswith(ASIDE)]
    validated = [(event["step"], event["scores"]) for event in own if event.get("scores")]
    losses = [event["loss"] for event in own if event.get("loss") is not None]
    objective = job.plan.objective
    is_log_loss = (
        objective.name == "cross-entropy"
        and objective.label_smoothing == 0
        and objective.class_weights is None
        and not job.plan.regularisers
    )
    last = losses[-max(1, len(losses) // 5) :]
    sampled = [event["training_scores"] for event in own if event.get("training_scores")]
    measured = sampled[-1].get(LOSS) if sampled else None
    return Course(
        job.problem.codec.task.validation_metric,
        validated,
        float(np.mean(last)) if measured is None and last and is_log_loss else measured,
        scores[LOSS].value if LOSS in scores else None,
    )


def _rises(course: Course) -> Iterator[str]:
    """Tell of a log loss on validation that rises while the metric stands."""
    known = [(step, one) for step, one in course.scores if one.get(LOSS) is not None]
    if len(known) < 3:
        return
    least_step, least = min(known, key=lambda one: one[1][LOSS])
    last_step, last = known[-1]
    if last[LOSS] < RISE * least[LOSS]:
        return
    sign = -1.0 if lower_is_better(course.metric) else 1.0
    before, after = least.get(course.metric), last.get(course.metric)
    words = f"the log loss of the validation rows rose from {least[LOSS]:.3f} (step {least_step}) "
    words += f"to {last[LOSS]:.3f} (step {last_step})"
    if before is not None and after is not None and course.metric != LOSS:
        went = "while" if sign * (after - before) <= 0 else "although"
        words += (
            f", {went} {title(course.metric)} went from {_amount(before, course.metric)} to "
            f"{_amount(after, course.metric)}"
        )
    yield words


def _apart(course: Course) -> Iterator[str]:
    """Tell of training rows that cost far less than others."""
    known = [one[LOSS] for _, one in course.scores if one.get(LOSS) is not None]
    other, rows = (known[-1], "validation") if known else (course.other, "test")
    if course.loss is None or other is None:
        return
    if other > APART * course.loss and other - course.loss > FAR:
        yield (
            f"at the end training rows had a loss of {course.loss:.3f}, {rows} rows of {other:.3f}"
        )


def _too_sure(said: Predictions, gold: Gold) -> Iterator[str]:
    """Tell of a model that is surer than it is right, where rows have one label each."""
    probabilities: Array | None = said.probabilities
    if probabilities is None or np.ndim(gold) != 1 or len(gold) == 0:
        return
    right = float(np.mean(np.asarray(said.answers) == gold))
    sure = float(np.mean(np.max(probabilities, axis=-1)))
    error = np.sqrt(right * (1 - right) / len(gold))
    if sure - right > max(SURE, STANDARD_ERRORS * float(error)):
        yield f"it is {sure:.0%} sure of its answers to the test rows, and {right:.0%} are right"


def _advice(plan: Plan) -> str:
    """List cures that are not used yet."""
    training, tries = plan.training, []
    if training.early_stopping_patience is None and training.eval_strategy != "no":
        tries.append("training.early_stopping_patience=2")
    if training.label_smoothing_factor == 0:
        tries.append("training.label_smoothing_factor=0.1")
    used = [one.name for one in plan.regularisers]
    tries += [f"regularisers=[{one}]" for one in ("r-drop", "ema") if one not in used][:1]
    cures = ", ".join([*tries, "or more training rows"])
    return f"{cures}; luthier ablate tells which change helps"


def _amount(value: float, metric: str) -> str:
    return f"{100 * value:.1f} %" if as_points(metric) else f"{value:.3f}"
