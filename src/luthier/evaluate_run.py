"""From a finished run and labelled rows that it never saw to scores. See `prediction/`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from luthier.arguments import Overrides, checked
from luthier.errors import RecipeError
from luthier.prediction.predictor import load
from luthier.results import Comparison, Score

PRECISIONS = ("bf16", "int8")


@dataclass(frozen=True)
class Evaluation:
    """The scores of a run's model on other rows.

    Args:
        n_rows: The number of rows that were scored.
        scores: Metric to score of the model as it was trained, with its interval.
        rounded: The same of the model in the precision that was asked for; None where none was.
        comparison: The rounded model against the other on the same rows; None likewise.
    """

    n_rows: int
    scores: Mapping[str, Score]
    rounded: Mapping[str, Score] | None = None
    comparison: Comparison | None = None


@checked
def evaluate(
    run: str | Path, data: Any, overrides: Overrides = (), *, precision: str | None = None
) -> Evaluation:
    """Score the model of a finished run on other labelled rows.

    Args:
        run: The folder of the run.
        data: A data file, or rows in memory: a pandas frame, `datasets` or records. Its columns
            are named as in the run's recipe.
        overrides: How the file is read, where that differs from the recipe:
            `data.columns.label=stars`.
        precision: "bf16" or "int8" scores the model in fewer bits too, to tell what is lost by it;
            None scores it as it is.

    Returns:
        Every metric of the task with its interval; with `precision` also those of the rounded
        model, and the two compared.

    Raises:
        RunError: There is no run in that folder, or it did not finish.
        DataError: The rows cannot be read, or lack a column.
        RecipeError: There is no such precision, or an override is not about how the file is read.
        ModelError: The model cannot be rounded to that precision.

    Example:
        found = luthier.evaluate("runs/recipe", "more.csv", precision="int8")
        print(found.scores["accuracy"], found.comparison.verdict)
    """
    if precision is None:
        return Evaluation(*load(run, overrides).evaluate(data))
    if precision not in PRECISIONS:
        raise RecipeError(
            "There is no such precision.",
            received=str(precision),
            hint=f"one of: {', '.join(PRECISIONS)}; or None",
        )
    n_rows, scores, comparison = load(run, overrides).evaluate_rounded(data, precision)
    return Evaluation(n_rows, scores["float32"], scores[precision], comparison)
