"""The verdict: scores with intervals, and each baseline beaten or not, and how surely.

All systems are measured on the same resamples of the same rows, so the interval of a difference
is that of paired rows. Next: `words.py`, which says it in a sentence.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from luthier.errors import DataError
from luthier.evaluation.words import tell
from luthier.metrics.intervals import bootstrap, interval, interval_of
from luthier.metrics.names import lower_is_better
from luthier.metrics.significance import holm, mcnemar_exact, paired_bootstrap_p, rows_needed
from luthier.protocols import Task
from luthier.records import Array, Comparison, Predictions, Score, Target

ALPHA = 0.05  # the error of the verdict, after Holm's correction


def judge(
    task: Task,
    target: Target,
    gold: Array,
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
        task: What measures the answers.
        target: What was predicted.
        gold: True answers, as `task.gold` gives them.
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
    values: dict[str, dict[str, float]] = {}
    resampled: dict[str, dict[str, Array]] = {}
    for name, said in predictions.items():
        measure = task.measure(gold, said, target)
        values[name] = measure(None)
        resampled[name] = bootstrap(measure, n_rows, n_resamples=n_resamples, seed=seed)
    scores = {
        name: {
            key: Score(
                value,
                *interval_of(key, value, resampled[name][key], n_rows, confidence=confidence),
                n_rows,
            )
            for key, value in measured.items()
        }
        for name, measured in values.items()
    }
    chosen = metric or task.main_metric
    others = [name for name in predictions if name != system]
    p_values, tests = [], []
    for name in others:
        p_value, test = _test(
            chosen,
            gold,
            predictions[system],
            predictions[name],
            resampled[system][chosen] - resampled[name][chosen],
        )
        p_values.append(p_value)
        tests.append(test)
    comparisons = [
        _compare(
            chosen,
            system,
            name,
            values,
            resampled,
            p_value=p_value,
            p_adjusted=p_adjusted,
            test=test,
            n_rows=n_rows,
            confidence=confidence,
        )
        for name, p_value, p_adjusted, test in zip(
            others, p_values, holm(p_values), tests, strict=True
        )
    ]
    return scores, tuple(comparisons)


def _test(
    metric: str, gold: Array, first: Predictions, second: Predictions, differences: Array
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
    values: Mapping[str, Mapping[str, float]],
    resampled: Mapping[str, Mapping[str, Array]],
    *,
    p_value: float,
    p_adjusted: float,
    test: str,
    n_rows: int,
    confidence: float,
) -> Comparison:
    sign = -1.0 if lower_is_better(metric) else 1.0
    difference = sign * (values[system][metric] - values[baseline][metric])
    differences = sign * (resampled[system][metric] - resampled[baseline][metric])
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
        p_value=p_value,
        p_adjusted=p_adjusted,
        test=test,
        n=n_rows,
        n_needed=needed,
        verdict="",
    )
    return tell(made, is_clear=is_clear, confidence=confidence)
