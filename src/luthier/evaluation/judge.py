"""The verdict: scores with intervals, and each baseline beaten or not, and how surely.

All systems are measured on the same resamples of the same rows, so the interval of a difference
is that of paired rows. Next: `sentences.py`, which says it in a sentence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from luthier.codec import Codec
from luthier.errors import DataError
from luthier.evaluation.sentences import tell
from luthier.metrics.intervals import bootstrap, interval, interval_of
from luthier.metrics.names import lower_is_better
from luthier.metrics.significance import holm, mcnemar_exact, paired_bootstrap_p, rows_needed
from luthier.ragged import Array
from luthier.records import Predictions
from luthier.results import Comparison, Score

ALPHA = 0.05  # the error of the verdict, after Holm's correction


def judge(
    codec: Codec,
    gold: Any,
    predictions: Mapping[str, Predictions],
    *,
    n_resamples: int,
    confidence: float,
    seed: int,
    metric: str | None = None,
    system: str = "fine-tuned",
) -> tuple[dict[str, dict[str, Score]], tuple[Comparison, ...]]:
    """Score every system and compare one of them with each of the others.

    Args:
        codec: Measures the answers.
        gold: Gold answers, as `codec.gold` reads them.
        predictions: System to its answers on the same rows.
        n_resamples: Bootstrap resamples.
        confidence: Level of the intervals.
        seed: Of the resamples.
        metric: What to compare by; None: the task's main metric.
        system: Which one is compared with all others.

    Returns:
        System to metric to score, and one comparison for every other system.

    Raises:
        DataError: There are no rows to judge by.
    """
    n_rows = len(gold)
    if n_rows == 0:
        raise DataError(
            "There are no test rows, so there is nothing to judge by.",
            received="0 rows",
            hint="data.split.test=0.2",
        )
    measured = {}
    for name, said in predictions.items():
        measure = codec.measure(gold, said)
        drawn = bootstrap(measure, n_rows, n_resamples=n_resamples, seed=seed)
        measured[name] = Measured(measure(None), drawn)
    scores = {name: score(one, n_rows, confidence=confidence) for name, one in measured.items()}
    chosen = metric or codec.task.main_metric
    others = [name for name in predictions if name != system]
    tests = [
        _test(
            chosen,
            gold,
            predictions[system],
            predictions[name],
            measured[system].resampled[chosen] - measured[name].resampled[chosen],
        )
        for name in others
    ]
    corrected = holm([p_value for p_value, _ in tests])
    comparisons = tuple(
        _compare(chosen, system, name, measured, test, p_adjusted, n_rows, confidence)
        for name, test, p_adjusted in zip(others, tests, corrected, strict=True)
    )
    return scores, comparisons


@dataclass(frozen=True)
class Measured:
    """A system's metrics: their values, and what they are on every resample, (resamples,)."""

    values: dict[str, float]
    resampled: dict[str, Array]


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


def _test(
    metric: str, gold: Any, first: Predictions, second: Predictions, differences: Array
) -> tuple[float, str]:
    """Choose the paired test that fits the metric: exact where rows are right or wrong."""
    if metric == "accuracy":
        right = [np.asarray(said.answers) == gold for said in (first, second)]
        return mcnemar_exact(*right), "McNemar's exact test"
    return paired_bootstrap_p(differences), "paired bootstrap"


def _compare(
    metric: str,
    system: str,
    baseline: str,
    measured: Mapping[str, Measured],
    test: tuple[float, str],
    p_adjusted: float,
    n_rows: int,
    confidence: float,
) -> Comparison:
    """Put a comparison together; differences are signed so that more is better."""
    sign = -1.0 if lower_is_better(metric) else 1.0
    first, second = measured[system], measured[baseline]
    difference = sign * (first.values[metric] - second.values[metric])
    differences = sign * (first.resampled[metric] - second.resampled[metric])
    low, high = interval(differences, confidence=confidence)
    is_clear = p_adjusted < ALPHA
    needed = None
    if not is_clear and not np.isnan(differences).all():
        needed = rows_needed(difference, float(np.nanstd(differences)) * n_rows**0.5)
    made = Comparison(
        system=system,
        baseline=baseline,
        metric=metric,
        difference=difference,
        low=low,
        high=high,
        p_value=test[0],
        p_adjusted=p_adjusted,
        test=test[1],
        n=n_rows,
        n_needed=needed,
        verdict="",
    )
    return tell(made, is_clear=is_clear, confidence=confidence)
