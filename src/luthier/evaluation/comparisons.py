"""Compare two systems on the same rows: the difference, its interval and its test.

`judge.py` measures the systems; `sentences.py` writes a comparison as a sentence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from luthier.evaluation.sentences import tell
from luthier.metrics.intervals import interval
from luthier.metrics.names import lower_is_better, metric_of
from luthier.metrics.significance import (
    holm,
    mcnemar_exact,
    paired_bootstrap_p,
    resamples_needed,
    rows_needed,
)
from luthier.ragged import Array
from luthier.records import Gold, Predictions
from luthier.results import ALPHA, Comparison

EXACT = frozenset({"accuracy"})  # metrics by which rows are right or wrong: their test is exact


@dataclass(frozen=True)
class Measured:
    """A system's metrics.

    Args:
        values: Metric to its value on all rows.
        resampled: Metric to its value on every bootstrap resample, (resamples,).
    """

    values: dict[str, float]
    resampled: dict[str, Array]


@dataclass(frozen=True)
class Tested:
    """The outcome of a paired test: p, whether it is an upper bound, and the test's name."""

    p_value: float
    is_bound: bool
    name: str


def resamples_drawn(n_resamples: int, metric: str, n_comparisons: int) -> int:
    """Return how many resamples are drawn: more than asked for where the tests need them."""
    if metric in EXACT:
        return n_resamples
    return resamples_needed(n_resamples, n_comparisons, alpha=ALPHA)


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
    corrected = holm([test.p_value for test in tests])
    return tuple(
        _compare(
            metric,
            (system, measured[system]),
            (name, measured[name]),
            test,
            p_adjusted,
            n_rows=len(gold),
            n_comparisons=len(others),
            confidence=confidence,
        )
        for name, test, p_adjusted in zip(others, tests, corrected, strict=True)
    )


def _test(
    metric: str, gold: Gold, both: tuple[Predictions, Predictions], differences: Array
) -> Tested:
    """Run the paired test that fits the metric: an exact one where rows are right or wrong."""
    if metric in EXACT:
        first, second = (np.asarray(one.answers) == gold for one in both)
        return Tested(mcnemar_exact(first, second), False, "McNemar's exact test")
    return Tested(*paired_bootstrap_p(differences), "paired bootstrap")


def _compare(
    metric: str,
    system: tuple[str, Measured],
    baseline: tuple[str, Measured],
    test: Tested,
    p_adjusted: float,
    *,
    n_rows: int,
    n_comparisons: int,
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
        spread = float(np.nanstd(differences)) * n_rows**0.5
        needed = rows_needed(difference, spread, alpha=ALPHA / n_comparisons)
    comparison = Comparison(
        system=system[0],
        baseline=baseline[0],
        metric=metric,
        difference=difference,
        low=low,
        high=high,
        p_value=test.p_value,
        p_adjusted=p_adjusted,
        test=test.name,
        n=n_rows,
        n_needed=needed,
        verdict="",
        n_comparisons=n_comparisons,
        p_is_bound=test.is_bound,
        ratio=_ratio(metric, first, second, confidence=confidence),
    )
    return tell(comparison, is_clear=is_clear, confidence=confidence)


def _ratio(
    metric: str, system: Measured, baseline: Measured, *, confidence: float
) -> tuple[float, float, float] | None:
    """Divide the system's value by the baseline's, where the metric is compared so."""
    if not metric_of(metric).by_ratio:
        return None
    ends = interval(system.resampled[metric] / baseline.resampled[metric], confidence=confidence)
    return (system.values[metric] / baseline.values[metric], *ends)
