"""Compare two systems on the same rows: the difference, its interval and its test.

`judge.py` measures the systems; `sentences.py` writes a comparison as a sentence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from luthier.evaluation.sentences import tell
from luthier.metrics.intervals import interval
from luthier.metrics.names import lower_is_better
from luthier.metrics.significance import holm, mcnemar_exact, paired_bootstrap_p, rows_needed
from luthier.ragged import Array
from luthier.records import Gold, Predictions
from luthier.results import Comparison

ALPHA = 0.05  # error of the verdict, after Holm's correction


@dataclass(frozen=True)
class Measured:
    """A system's metrics.

    Args:
        values: Metric to its value on all rows.
        resampled: Metric to its value on every bootstrap resample, (resamples,).
    """

    values: dict[str, float]
    resampled: dict[str, Array]


def compare_with_others(
    system: str,
    metric: str,
    gold: Gold,
    predictions: Mapping[str, Predictions],
    measured: Mapping[str, Measured],
    *,
    confidence: float,
) -> tuple[Comparison, ...]:
    """Compare one system with each of the others; p-values are corrected by Holm's method.

    Args:
        system: The system that is compared with all others.
        metric: The metric to compare by.
        gold: Gold answers of the rows.
        predictions: System to its predictions of the rows.
        measured: System to its metrics on the same resamples.
        confidence: Level of the intervals.
    """
    others = [name for name in predictions if name != system]
    tests = [
        _test(
            metric,
            gold,
            (predictions[system], predictions[name]),
            measured[system].resampled[metric] - measured[name].resampled[metric],
        )
        for name in others
    ]
    corrected = holm([p_value for p_value, _ in tests])
    return tuple(
        _compare(
            metric,
            (system, measured[system]),
            (name, measured[name]),
            test,
            p_adjusted,
            n_rows=len(gold),
            confidence=confidence,
        )
        for name, test, p_adjusted in zip(others, tests, corrected, strict=True)
    )


def _test(
    metric: str, gold: Gold, both: tuple[Predictions, Predictions], differences: Array
) -> tuple[float, str]:
    """Run the paired test that fits the metric: an exact one where rows are right or wrong."""
    if metric == "accuracy":
        first, second = (np.asarray(one.answers) == gold for one in both)
        return mcnemar_exact(first, second), "McNemar's exact test"
    return paired_bootstrap_p(differences), "paired bootstrap"


def _compare(
    metric: str,
    system: tuple[str, Measured],
    baseline: tuple[str, Measured],
    test: tuple[float, str],
    p_adjusted: float,
    *,
    n_rows: int,
    confidence: float,
) -> Comparison:
    """Make a comparison; differences are signed so that more is better."""
    sign = -1.0 if lower_is_better(metric) else 1.0
    first, second = system[1], baseline[1]
    difference = sign * (first.values[metric] - second.values[metric])
    differences = sign * (first.resampled[metric] - second.resampled[metric])
    low, high = interval(differences, confidence=confidence)
    is_clear = p_adjusted < ALPHA
    needed = None
    if not is_clear and not np.isnan(differences).all():
        needed = rows_needed(difference, float(np.nanstd(differences)) * n_rows**0.5)
    comparison = Comparison(
        system=system[0],
        baseline=baseline[0],
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
    return tell(comparison, is_clear=is_clear, confidence=confidence)
