"""The verdict: scores with intervals, and which baselines are beaten, and how surely.

All systems are measured on the same resamples of the same rows, so the interval of a difference
is that of paired rows. Next: `comparisons.py`, which compares two systems.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from luthier.codec import Codec
from luthier.errors import DataError
from luthier.evaluation.check_names import refuse_unknown
from luthier.evaluation.comparisons import Measured, compare_with_others, resamples_drawn
from luthier.metrics.intervals import bootstrap, interval_of
from luthier.recipe.tree import Recipe
from luthier.records import Gold, Predictions
from luthier.results import Comparison, Score

SYSTEM = "fine-tuned"  # name of a run's own model among the systems


def judge(
    codec: Codec,
    gold: Gold,
    predictions: Mapping[str, Predictions],
    *,
    n_resamples: int,
    confidence: float,
    seed: int,
    metric: str | None = None,
    system: str = SYSTEM,
) -> tuple[dict[str, dict[str, Score]], tuple[Comparison, ...]]:
    """Score every system and compare one of them with each of the others.

    Args:
        codec: Codec that measures the predictions.
        gold: Gold answers, as `codec.gold` reads them.
        predictions: System to its predictions of the same rows.
        n_resamples: Number of bootstrap resamples; more are drawn where the tests need them.
        confidence: Level of the intervals.
        seed: Seed of the resamples.
        metric: The metric to compare by; None takes the task's main metric.
        system: The system that is compared with all others.

    Returns:
        System to metric to score, and one comparison for every other system.

    Raises:
        DataError: There are no rows to judge by.
        RecipeError: The task has no such metric.
    """
    n_rows = len(gold)
    if n_rows == 0:
        raise DataError(
            "There are no test rows, so there is nothing to judge by.",
            received="0 rows",
            hint="data.split.test=0.2",
        )
    compared_by = metric or codec.task.main_metric
    n_resamples = resamples_drawn(n_resamples, compared_by, len(predictions) - 1)
    measured = {}
    for name, predicted in predictions.items():
        measure = codec.measure(gold, predicted)
        refuse_unknown(metric, codec.task, measure(None))
        resampled = bootstrap(measure, n_rows, n_resamples=n_resamples, seed=seed)
        measured[name] = Measured(measure(None), resampled)
    scores = {name: score(one, n_rows, confidence=confidence) for name, one in measured.items()}
    comparisons = compare_with_others(
        system,
        compared_by,
        gold,
        predictions,
        measured,
        confidence=confidence,
    )
    return scores, comparisons


def score(measured: Measured, n_rows: int, *, confidence: float) -> dict[str, Score]:
    """Give every metric its interval and its number of rows."""
    return {
        name: Score(
            value,
            *interval_of(name, value, measured.resampled[name], n_rows, confidence=confidence),
            n_rows,
        )
        for name, value in measured.values.items()
    }


def resampling(recipe: Recipe) -> dict[str, Any]:
    """Return a recipe's options of the bootstrap, as arguments of `judge`."""
    evaluation, seed = recipe.evaluation, recipe.training.seed
    return {
        "n_resamples": evaluation.n_resamples,
        "confidence": evaluation.confidence,
        "seed": seed,
    }
