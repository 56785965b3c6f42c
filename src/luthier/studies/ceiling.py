"""The score that a forecast promises nothing above: how well annotators agree with one another."""

from __future__ import annotations

import numpy as np

from luthier.annotators.ceiling import agreement_as_score
from luthier.annotators.gather import gather
from luthier.errors import DataError
from luthier.metrics.names import lower_is_better, title
from luthier.protocols import Task
from luthier.ragged import Array
from luthier.reading import read_rows
from luthier.recipe.checks import make_plugin
from luthier.recipe.tree import Recipe
from luthier.report.formatting import amount
from luthier.results import Score
from luthier.sources.labelled import column_name, with_answer


def agreement_of_annotators(recipe: Recipe, metric: str) -> Score | None:
    """Score annotators of the recipe's rows against each other.

    Those of the test file count, where it has a row for each answer; else those of the training
    rows, from which test rows are split off.

    Returns:
        The score; None where the recipe names no column of annotators, or answers are no labels.
    """
    task: Task = make_plugin("tasks", recipe.task)
    column, role = column_name(recipe.data.annotator, recipe.data.columns), task.answer_role
    if column is None or role is None or task.kind != "single-label":
        return None
    for source in filter(None, (recipe.data.test, recipe.data.train)):
        rows, _, _ = read_rows(source, recipe, task, [*task.input_roles, role])
        rows, _ = with_answer(rows, task, none=recipe.data.no_answer)
        if column in rows:
            gathered = gather(rows, column, task.input_roles, role)
            if gathered.is_shared:
                return agreement_as_score(gathered, role, metric)
    return None


def refuse_reached(agreed: Score, scores: Array, metric: str, n_rows: int) -> None:
    """Refuse to promise more where a model is as good already as annotators agree.

    Args:
        agreed: The agreement, as a score.
        scores: Of every draw with all labels, (draws,).
        metric: Of both.
        n_rows: How many labels that is.
    """
    now, sign = float(np.mean(scores)), -1.0 if lower_is_better(metric) else 1.0
    if sign * (agreed.value - now) > 0:
        return
    raise DataError(
        "The model is as good already as annotators agree with one another: more labels of this "
        "kind promise nothing.",
        received=f"{title(metric)} {amount(now, metric)} with {n_rows:,} labels; "
        f"{said_of(agreed, metric)}",
        hint="--ceiling SCORE, if you know that the labels are surer than one annotator",
    )


def said_of(agreed: Score, metric: str) -> str:
    """Say how well annotators agree."""
    return (
        f"an annotator has {amount(agreed.value, metric)} ({amount(agreed.low, metric)} to "
        f"{amount(agreed.high, metric)}) by what most others say of {agreed.n:,} texts"
    )
