"""What one arm scores above another over paired seeds, with Student's interval."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from scipy.stats import sem, t

CONFIDENCE = 0.95
Interval = tuple[float, float]


def mean_and_interval(values: Sequence[float]) -> tuple[float, Interval | None]:
    """Estimate a mean with Student's interval over the values; one value has no interval.

    >>> mean, (low, high) = mean_and_interval([1.0, 2.0, 3.0])
    >>> f"{mean:.2f}, {low:.2f} to {high:.2f}"
    '2.00, -0.48 to 4.48'
    """
    mean = statistics.fmean(values)
    if len(values) < 2:
        return mean, None
    reach = float(t.ppf((1 + CONFIDENCE) / 2, len(values) - 1) * sem(values))
    return mean, (mean - reach, mean + reach)


def difference_of(ours: Sequence[float], theirs: Sequence[float]) -> dict[str, Any]:
    """Pair two arms by seed: the mean of `ours` minus `theirs`, and its interval.

    Args:
        ours: Scores of one arm, one for each seed.
        theirs: Scores of the other arm, for the same seeds in the same order.
    """
    mean, interval = mean_and_interval([a - b for a, b in zip(ours, theirs, strict=True)])
    return {"difference": mean, "interval": interval}


def in_points(found: dict[str, Any]) -> str:
    """Write a difference out, in points: `+0.12 points, 95 % interval -0.30 to +0.54`."""
    ends = " to ".join(f"{end:+.2f}" for end in found["interval"] or ()) or "unknown"
    return f"{found['difference']:+.2f} points, {CONFIDENCE:.0%} interval {ends}".replace("%", " %")
