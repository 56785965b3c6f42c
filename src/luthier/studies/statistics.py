"""Means over seeds, and differences of means, with intervals that know of draws and test rows.

A score of one run depends on the labels drawn, on the seed of the training, and on the test rows.
The first two vary over seeds: s² / n. The third is the same for all runs of a study, and is found
by resampling the test rows, the same for all runs: the variance of the mean over seeds. Both are
added, and Student's t gives the interval, with the degrees of freedom that Welch and Satterthwaite
give a sum of which only the first part is known from n values. Bouthillier et al. 2021,
https://arxiv.org/abs/2103.03098, say why seeds alone are too few sources of variance.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product

import numpy as np
from scipy.stats import norm, t

from luthier.metrics.names import as_points, lower_is_better
from luthier.metrics.significance import holm
from luthier.ragged import Array
from luthier.results import ALPHA
from luthier.studies.outcomes import SystemScores


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds, its interval, its spread, and the seeds behind it.

    Args:
        mean: Of the scores, or of paired differences. `low`: Lower end of the interval. `high`:
            Upper end. `spread`: Standard deviation over seeds; None with one seed.
        n_seeds: How many. `p_value`: Of the mean being zero.
    """

    mean: float
    low: float
    high: float
    spread: float | None
    n_seeds: int
    p_value: float
    of_rows: float = 0.0  # variance of the mean that the test rows account for


@dataclass(frozen=True)
class Line:
    """One arm at one level: its score over seeds, and the medians of what it cost."""

    level: str
    arm: str
    score: Estimate
    costs: dict[str, float | None]


@dataclass(frozen=True)
class Pair:
    """Two arms at one level: the first minus the second, signed so that more is better."""

    level: str
    first: str
    second: str
    difference: Estimate
    p_adjusted: float

    @property
    def is_clear(self) -> bool:
        """Whether the two can be told apart."""
        return self.p_adjusted < ALPHA


def estimate(values: Array, resampled: Array, *, confidence: float) -> Estimate:
    """Estimate a mean over seeds.

    Args:
        values: One score, or one paired difference, of each seed, (seeds,).
        resampled: The same on resampled test rows, (seeds, resamples).
        confidence: Level of the interval.

    >>> calm = np.zeros((3, 100))
    >>> found = estimate(np.array([0.7, 0.8, 0.9]), calm, confidence=0.95)
    >>> round(found.mean, 3), round(found.low, 3), round(found.high, 3)
    (0.8, 0.552, 1.048)
    """
    n_seeds, mean = len(values), float(np.mean(values))
    of_rows = float(np.nanvar(np.mean(resampled, axis=0)))
    spread = float(np.std(values, ddof=1)) if n_seeds > 1 else None
    of_draws = (spread or 0.0) ** 2 / n_seeds
    error = float(np.sqrt(of_rows + of_draws))
    law = norm
    if of_draws > 0:
        law = t((n_seeds - 1) * ((of_rows + of_draws) / of_draws) ** 2)
    reach = float(law.ppf((1 + confidence) / 2)) * error
    p_value = float(2 * law.sf(abs(mean) / error)) if error > 0 else float(mean == 0)
    return Estimate(mean, mean - reach, mean + reach, spread, n_seeds, p_value, of_rows)


def of_arm(systems: Sequence[SystemScores], metric: str, *, confidence: float) -> Estimate:
    """Estimate the mean score of one arm at one level; a share lies between 0 and 1."""
    values = np.array([one.values[metric] for one in systems])
    found = estimate(values, np.stack([one.resampled for one in systems]), confidence=confidence)
    return possible(found, metric)


def over_seeds(values: Sequence[float], metric: str, *, confidence: float) -> Estimate:
    """Estimate a mean over seeds on fixed rows, whose luck it does not know."""
    found = estimate(np.array(values), np.zeros((len(values), 1)), confidence=confidence)
    return possible(found, metric)


def possible(found: Estimate, metric: str) -> Estimate:
    """Cut the interval of a share to what shares can be."""
    if as_points(metric):
        return replace(found, low=max(found.low, 0.0), high=min(found.high, 1.0))
    return found


def pairs(
    by_level: dict[str, dict[str, list[SystemScores]]],
    metric: str,
    *,
    confidence: float,
    reference: str | None = None,
) -> list[Pair]:
    """Compare arms of each level, seed by seed, with Holm's correction over all comparisons.

    Args:
        by_level: Level to arm to its scores.
        metric: By which they are compared.
        confidence: Level of the intervals.
        reference: The arm that all others are compared with; None: each with each.
    """
    sign = -1.0 if lower_is_better(metric) else 1.0
    found: list[tuple[str, str, str, Estimate]] = []
    for level, arms in by_level.items():
        chosen: Iterable[tuple[str, str]] = combinations(arms, 2)
        if reference is not None:
            known = [one for one in arms if one == reference]  # none where all its runs failed
            chosen = product([one for one in arms if one != reference], known)
        for first, second in chosen:
            ours = {one.trial.seed: one for one in arms[first]}
            theirs = {one.trial.seed: one for one in arms[second]}
            seeds = sorted(ours.keys() & theirs.keys())
            if not seeds:
                continue
            values = [ours[one].values[metric] - theirs[one].values[metric] for one in seeds]
            drawn = [ours[one].resampled - theirs[one].resampled for one in seeds]
            compared = estimate(
                sign * np.array(values), sign * np.stack(drawn), confidence=confidence
            )
            found.append((level, first, second, compared))
    corrected = holm([one[3].p_value for one in found])
    return [Pair(*one, p_adjusted) for one, p_adjusted in zip(found, corrected, strict=True)]
