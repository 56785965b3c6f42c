"""What changes of a recipe did, in words: helped, hurt, or not distinguishable."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby

from scipy.stats import norm

from luthier.metrics.names import as_points
from luthier.report.study import UNCLEAR, what_it_did
from luthier.results import ALPHA
from luthier.studies.statistics import Estimate, Pair

POWER = 0.8  # chance of telling a difference of the size found
MOST_SEEDS = 200  # beyond which nobody trains


def verdict_of(pair: Pair) -> str:
    """Say what a change did."""
    return what_it_did(pair.difference.mean, pair.p_adjusted, pair.difference.n_seeds)


def seeds_needed(found: Estimate) -> int | None:
    """Say how many seeds would tell a difference of the size found, with a power of 80 %.

    Returns:
        The number; None where no number would, since the test rows alone leave it in doubt.

    >>> calm = Estimate(0.02, 0, 0, spread=0.02, n_seeds=5, p_value=0.2)
    >>> seeds_needed(calm), seeds_needed(Estimate(0.02, 0, 0, 0.02, 5, 0.2, of_rows=1e-3))
    (8, None)
    """
    reach = float(norm.ppf(1 - ALPHA / 2) + norm.ppf(POWER))
    left = (found.mean / reach) ** 2 - found.of_rows
    if left <= 0 or found.spread is None:
        return None
    n_seeds = math.ceil((found.spread or 0.0) ** 2 / left)
    return max(n_seeds, 2) if n_seeds <= MOST_SEEDS else None


def what_would_tell(found: Estimate) -> str:
    """Say what would tell whether a change helps."""
    if found.spread is None:
        return "one seed says nothing of the spread: --seeds 5"
    n_seeds = seeds_needed(found)
    if n_seeds is None:
        return "more seeds would not tell: more test rows would"
    if n_seeds <= found.n_seeds:
        return "more seeds would tell"
    return f"about {n_seeds} seeds would tell"


def what_helped(compared: Sequence[Pair], metric: str, *, unit: str) -> list[str]:
    """Say what each change did, level by level.

    Args:
        compared: Each change against the recipe as it is.
        metric: Of the scores.
        unit: What levels count, such as "labels a class"; "" where there are no levels.
    """
    said = []
    for level, group in groupby(compared, key=lambda pair: pair.level):
        where = f"With {level} {unit}, " if unit else ""
        for pair in group:
            found = pair.difference
            low, high = (signed(end, metric) for end in (found.low, found.high))
            unit_words = " points" if as_points(metric) else ""
            amount = f"{signed(found.mean, metric)}{unit_words}, from {low} to {high}"
            verdict = verdict_of(pair)
            if verdict == UNCLEAR:
                verdict = f"is {UNCLEAR} from the recipe as it is"
                amount = f"{amount}; {what_would_tell(found)}"
            sentence = f"{where}{pair.first} {verdict} ({amount})."
            said.append(sentence[:1].upper() + sentence[1:])
    return said


def signed(value: float, metric: str) -> str:
    """Write a difference with its sign, shares in points.

    >>> signed(0.0312, "accuracy"), signed(-0.5, "log_loss")
    ('+3.1', '-0.500')
    """
    return f"{100 * value:+.1f}" if as_points(metric) else f"{value:+.3f}"
