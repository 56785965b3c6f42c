"""Learning curves as power laws of the number of labels, fitted and tried on what is known.

    error(n) = floor + gain · n^-c        with floor = 0, or fitted beside the others

Hestness et al. 2017, "Deep learning scaling is predictable, empirically"
(https://arxiv.org/abs/1712.00409); of many forms these extrapolate learning curves well (Viering &
Loog 2022, "The shape of learning curves: a review", https://arxiv.org/abs/2103.10948, section 4).
For a given c both are linear, so the best c of a grid is found without iterating: no start to
choose, nothing that fails to converge.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from luthier.ragged import Array

EXPONENTS = np.linspace(0.01, 2.0, 200)
FEWEST = 3  # sizes from which a curve is fitted to be tried on larger ones


@dataclass(frozen=True)
class PowerLaw:
    """Curves fitted to several resamples of the same sizes.

    Args:
        largest: The size at which the gain is counted.
        floor: Error that no number of labels removes, (resamples,).
        gain: Error at the largest size that more labels remove, (resamples,).
        exponent: How fast, (resamples,).
    """

    largest: float
    floor: Array
    gain: Array
    exponent: Array

    def at(self, size: float) -> Array:
        """Return the error at a size, (resamples,)."""
        return np.asarray(self.floor + self.gain * (size / self.largest) ** -self.exponent)


def fit(sizes: Array, errors: Array, weights: Array, *, has_floor: bool) -> PowerLaw:
    """Fit power laws by weighted least squares; neither floor nor gain is below 0.

    Args:
        sizes: Numbers of labels, ascending, (sizes,).
        errors: Errors at these sizes, (resamples, sizes).
        weights: Weight of each size, (sizes,).
        has_floor: Whether a floor is fitted; else it is 0.
    """
    shapes = (sizes / sizes[-1]) ** -EXPONENTS[:, None]  # (exponents, sizes)
    square, product = (weights * shapes**2).sum(axis=1), (weights * errors) @ shapes.T
    gain = np.maximum(product / square, 0.0)  # (resamples, exponents)
    floor = np.zeros_like(gain)
    if has_floor:
        total, linear = weights.sum(), (weights * shapes).sum(axis=1)
        mean = (weights * errors).sum(axis=1, keepdims=True) / total
        free = (product - linear * mean) / (square - linear**2 / total)
        level = mean - free * linear / total
        gain, floor = np.where(level < 0, gain, free), np.maximum(level, 0.0)
        gain, floor = np.maximum(gain, 0.0), np.where(free < 0, mean, floor)
    losses = np.zeros_like(gain)
    for number, weight in enumerate(weights):
        found = floor + gain * shapes[:, number]
        losses += weight * (found - errors[:, number, None]) ** 2
    best = losses.argmin(axis=1)
    rows = np.arange(len(errors))
    return PowerLaw(float(sizes[-1]), floor[rows, best], gain[rows, best], EXPONENTS[best])


def weights_of(errors: Array) -> Array:
    """Weigh each size by the variance of its mean error, drawn halfway to that of all sizes.

    A variance of a few draws is a rough estimate: one that happens to be small must not rule.

    Args:
        errors: Errors of every draw at every size, (draws, sizes).
    """
    if len(errors) < 2:
        return np.ones(errors.shape[1])
    variances = errors.var(axis=0, ddof=1)
    shrunk = (variances + variances.mean()) / 2
    return np.asarray(shrunk.mean() / shrunk) if shrunk.all() else np.ones(errors.shape[1])


def errors_of_back_test(
    sizes: Array, errors: Array, weights: Array
) -> Iterator[tuple[float, float]]:
    """Fit the smaller sizes and predict the larger ones, which are known.

    Args:
        sizes: Numbers of labels, ascending, (sizes,).
        errors: Mean error at each, (sizes,).
        weights: Of each, (sizes,).

    Yields:
        By how much the error of a size was missed, by the mean of both forms, and how many
        doublings it was beyond the sizes that were fitted.
    """
    for n_fitted in range(FEWEST, len(sizes)):
        kept = slice(n_fitted)
        forms = [
            fit(sizes[kept], errors[None, kept], weights[kept], has_floor=has_floor)
            for has_floor in (False, True)
        ]
        for size, error in zip(sizes[n_fitted:], errors[n_fitted:], strict=True):
            missed = [abs(float(form.at(size)[0]) - error) for form in forms]
            yield float(np.mean(missed)), float(np.log2(size / sizes[n_fitted - 1]))


def slopes(sizes: Array, errors: Array, weights: Array) -> Array:
    """Return how much the error falls with each doubling of a straight line, (resamples,)."""
    doublings = np.log2(sizes)
    centred = doublings - (weights * doublings).sum() / weights.sum()
    return np.asarray(-(errors * weights) @ centred / (weights * centred**2).sum())
