"""Write a comparison as one sentence. The last step of `judge.py`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from luthier.metrics.names import metric_of
from luthier.results import ALPHA, Comparison


def tell(comparison: Comparison, *, is_clear: bool, confidence: float) -> Comparison:
    """Write the verdict into a comparison.

    Args:
        comparison: A comparison without its verdict.
        is_clear: Whether the corrected test finds a difference between the two.
        confidence: Level of the interval.
    """
    name = comparison.baseline
    if math.isnan(comparison.difference):
        title = metric_of(comparison.metric).title
        verdict = f"cannot be compared with {name}: {title} is not defined on these rows"
        return replace(comparison, verdict=verdict)
    amount = _amount(comparison, is_clear=is_clear)
    p_value = say_p(comparison.p_adjusted, is_bound=comparison.p_is_bound)
    behind = f"{_interval(comparison, confidence)}, {p_value}"
    if is_clear:
        way = "better" if comparison.difference > 0 else "worse"
        verdict = f"{way} than {name}{amount}, {behind}"
    else:
        verdict = f"not distinguishable from {name} ({amount}, {behind})"
    notes = []
    if (comparison.low > 0 or comparison.high < 0) != is_clear:
        notes.append(contradiction(comparison))
    if not is_clear and comparison.n_needed is not None and comparison.n_needed > comparison.n:
        notes.append(f"about {say_rows(comparison.n_needed)} rows would be needed")
    return replace(comparison, verdict=verdict + (f": {'; '.join(notes)}" if notes else ""))


def _amount(comparison: Comparison, *, is_clear: bool) -> str:
    """Write how far apart the two are."""
    metric = metric_of(comparison.metric)
    counted_in = metric.unit.difference
    if comparison.ratio is not None:
        words = f"{comparison.ratio[0]:.3g} times its {metric.title}"
        return f": {words}" if is_clear else words
    if is_clear:
        amount = say(abs(comparison.difference), comparison.metric)
        unit = f" {counted_in} of {metric.title}" if counted_in else f" ({metric.title})"
        return f" by {amount}{unit}"
    amount = say(comparison.difference, comparison.metric)
    unit = f"{counted_in} of" if counted_in else "in"
    return f"{amount} {unit} {metric.title}"


def _interval(comparison: Comparison, confidence: float) -> str:
    """Write the interval of the difference, or of the ratio."""
    if comparison.ratio is not None:
        low, high = (f"{end:.3g}" for end in comparison.ratio[1:])
    else:
        low, high = (say(end, comparison.metric) for end in (comparison.low, comparison.high))
    return f"{confidence * 100:g} % interval {low} to {high}"


def contradiction(comparison: Comparison) -> str:
    """Say why the interval and the test do not agree on whether there is a difference."""
    if comparison.p_value < ALPHA <= comparison.p_adjusted:
        return (
            "the interval is that of this comparison alone, p is corrected for "
            f"{comparison.n_comparisons} comparisons"
        )
    return f"the verdict goes by p < {ALPHA} in {comparison.test}, not by the interval"


def correction(comparisons: Sequence[Comparison]) -> str | None:
    """Say for how many comparisons p is corrected; None if there is one at most."""
    if len(comparisons) < 2:
        return None
    return (
        f"p is corrected for {len(comparisons)} comparisons (Holm); each interval is that of one "
        "comparison alone"
    )


def say(amount: float, metric: str) -> str:
    """Write a difference in the unit of its metric; points are named by the sentence around it.

    >>> say(0.0612, "accuracy"), say(-0.0612, "mae")
    ('6.1', '-0.061')
    """
    unit = metric_of(metric).unit
    written = f"{amount * unit.factor:.{3 if unit.digits is None else unit.digits}f}"
    return written if unit.difference or not unit.symbol else f"{written} {unit.symbol}"


def say_p(p_value: float, *, is_bound: bool = False) -> str:
    """Write a p-value; one that is an upper bound is rounded up.

    >>> say_p(0.00001), say_p(0.0213), say_p(0.00599, is_bound=True)
    ('p < 0.001', 'p = 0.021', 'p ≤ 0.006')
    """
    if p_value < 0.001:
        return "p < 0.001"
    if is_bound:
        return f"p ≤ {math.ceil(round(p_value * 1000, 6)) / 1000:.3f}"
    return f"p = {p_value:.3f}" if p_value < 0.1 else f"p = {p_value:.2f}"


def say_rows(n_rows: int) -> str:
    """Write an estimated number of rows with two significant digits.

    >>> say_rows(9437), say_rows(62)
    ('9,400', '62')
    """
    unit = 10 ** max(len(str(n_rows)) - 2, 0)
    return f"{round(n_rows / unit) * unit:,}"
