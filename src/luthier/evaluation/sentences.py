"""Write a comparison as one sentence. The last step of `judge.py`."""

from __future__ import annotations

import math
from dataclasses import replace

from luthier.metrics.names import metric_of
from luthier.results import Comparison


def tell(comparison: Comparison, *, is_clear: bool, confidence: float) -> Comparison:
    """Write the verdict into a comparison.

    Args:
        comparison: A comparison without its verdict.
        is_clear: Whether the corrected test finds a difference between the two.
        confidence: Level of the interval.
    """
    metric = metric_of(comparison.metric)
    name, counted_in = comparison.baseline, metric.unit.difference
    p_value = say_p(comparison.p_adjusted)
    low, high = (say(end, comparison.metric) for end in (comparison.low, comparison.high))
    level = f"{confidence * 100:g} % interval {low} to {high}"
    if math.isnan(comparison.difference):
        verdict = f"cannot be compared with {name}: {metric.title} is not defined on these rows"
    elif is_clear:
        way = "better" if comparison.difference > 0 else "worse"
        amount = say(abs(comparison.difference), comparison.metric)
        unit = f" {counted_in} of {metric.title}" if counted_in else f" ({metric.title})"
        verdict = f"{way} than {name} by {amount}{unit}, {level}, {p_value}"
    else:
        amount = say(comparison.difference, comparison.metric)
        unit = f" {counted_in} of {metric.title}" if counted_in else f" in {metric.title}"
        verdict = f"not distinguishable from {name} ({amount}{unit}, {level}, {p_value})"
        if comparison.n_needed is not None and comparison.n_needed > comparison.n:
            verdict += f": about {say_rows(comparison.n_needed)} rows would be needed"
    return replace(comparison, verdict=verdict)


def say(amount: float, metric: str) -> str:
    """Write a difference in the unit of its metric; points are named by the sentence around it.

    >>> say(0.0612, "accuracy"), say(-0.0612, "mae")
    ('6.1', '-0.061')
    """
    unit = metric_of(metric).unit
    written = f"{amount * unit.factor:.{3 if unit.digits is None else unit.digits}f}"
    return written if unit.difference or not unit.symbol else f"{written} {unit.symbol}"


def say_p(p_value: float) -> str:
    """Write a p-value.

    >>> say_p(0.00001), say_p(0.0213)
    ('p < 0.001', 'p = 0.021')
    """
    if p_value < 0.001:
        return "p < 0.001"
    return f"p = {p_value:.3f}" if p_value < 0.1 else f"p = {p_value:.2f}"


def say_rows(n_rows: int) -> str:
    """Write an estimated number of rows with two significant digits.

    >>> say_rows(9437), say_rows(62)
    ('9,400', '62')
    """
    unit = 10 ** max(len(str(n_rows)) - 2, 0)
    return f"{round(n_rows / unit) * unit:,}"
