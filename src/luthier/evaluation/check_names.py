"""Refuse metrics and slices that do not exist, before anything is trained."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from luthier.errors import RecipeError, nearest, suggestion
from luthier.job import Job
from luthier.metrics.names import lower_is_better
from luthier.protocols import Task
from luthier.records import Rows


def check_metric(job: Job) -> None:
    """Refuse metrics that the task lacks, or that do not say which direction is better.

    Raises:
        RecipeError: The recipe or the task names such a metric.
    """
    problem = job.problem
    task, rows = problem.codec.task, problem.splits.validation
    lower_is_better(task.main_metric)
    metric = job.plan.training.metric_for_best_model
    if metric is None or len(rows) == 0:
        return
    known = problem.validation_scores(problem.codec.uninformed_outputs(rows, validation=True))
    refuse_unknown(metric, task, known, field="training.metric_for_best_model=")


def refuse_unknown(
    metric: str | None, task: Task, known: Collection[str], *, field: str = ""
) -> None:
    """Refuse a metric that a task does not measure; None names no metric.

    Raises:
        RecipeError: There is no such metric; the nearest names are told.
    """
    if metric is not None and metric not in known:
        raise RecipeError(
            f"The task {task.name} has no metric called '{metric}'.",
            received=f"{field}{metric}",
            hint=suggestion(metric, known, quote="'"),
        )


def check_slices(columns: Sequence[str], rows: Rows) -> None:
    """Refuse a column to slice by that the rows lack.

    Raises:
        RecipeError: There is no such column.
    """
    for column in columns:
        if column not in rows:
            close = nearest(column, rows.columns)
            raise RecipeError(
                f"There is no column '{column}' to slice by.",
                received=f"evaluation.slices={list(columns)}",
                hint=f"did you mean '{close}'?" if close else f"columns: {', '.join(rows.columns)}",
            )
