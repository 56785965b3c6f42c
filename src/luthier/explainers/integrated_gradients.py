"""`integrated-gradients`: the gradient along the way from a text of masks to the text itself.

Sundararajan, Taly & Yan 2017, "Axiomatic attribution for deep networks", section 3: word i gets
(x_i - b_i) · ∫ ∇F(b + α (x - b)) dα, and all words together F(x) - F(b). The integral is computed
by Clenshaw-Curtis quadrature, whose points are used again when they are doubled.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from luthier.explanation import Attribution, Reader
from luthier.ragged import Array
from luthier.recipe.tree import Section

LEAST_DIFFERENCE = 0.1  # log-odds below which errors are no longer taken relative to them


class IntegratedGradientsOptions(Section):
    """How far the integral is refined."""

    points: int = Field(12, ge=4, description="Intervals to begin with; doubled as needed.")
    most_points: int = Field(1024, ge=4, description="Intervals at most.")
    tolerance: float = Field(
        0.01, gt=0, description="Error at which it is refined no further, as a share."
    )


class IntegratedGradients:
    """What each word added, along the way from a text of masks; adds up to the decision."""

    name: ClassVar[str] = "integrated-gradients"
    needs_gradients: ClassVar[bool] = True
    Options: ClassVar[type[Section]] = IntegratedGradientsOptions

    def __init__(self, options: IntegratedGradientsOptions):
        self.options = options

    def explain(self, reader: Reader) -> Attribution:
        """Refine the integral until the values add up."""
        n = self.options.points
        scores, slopes = reader.slopes(places(n))
        while True:
            values = weights(n) @ slopes
            difference = float(scores[-1] - scores[0])
            error = abs(float(values.sum()) - difference) / max(abs(difference), LEAST_DIFFERENCE)
            if error <= self.options.tolerance or 2 * n > self.options.most_points:
                break
            between, more = reader.slopes(places(2 * n)[1::2])
            scores, slopes = _merged(scores, between), _merged(slopes, more)
            n *= 2
        return Attribution(values, float(scores[-1]), float(scores[0]), error, n + 1)


def places(n: int) -> Array:
    """Return the n + 1 points of Clenshaw and Curtis between 0 and 1.

    >>> places(2).round(3).tolist()
    [0.0, 0.5, 1.0]
    """
    return np.asarray((1 - np.cos(np.pi * np.arange(n + 1) / n)) / 2)


def weights(n: int) -> Array:
    """Return the weights of these points for an even n, (n + 1,).

    Clenshaw & Curtis 1960; by the formula of Waldvogel 2006, "Fast construction of the Fejér and
    Clenshaw-Curtis quadrature rules".

    >>> weights(2).round(4).tolist()
    [0.1667, 0.6667, 0.1667]
    """
    angles = np.pi * np.arange(n + 1) / n
    k = np.arange(1, n // 2 + 1)
    factors = np.where(k == n // 2, 1.0, 2.0) / (4.0 * k**2 - 1)
    sums = 1 - (factors * np.cos(2 * np.outer(angles, k))).sum(axis=1)
    ends = np.ones(n + 1)
    ends[1:-1] = 2.0
    return np.asarray(ends * sums / (2 * n))


def _merged(even: Array, odd: Array) -> Array:
    """Put the points between others in their places."""
    merged = np.empty((len(even) + len(odd), *even.shape[1:]), dtype=even.dtype)
    merged[::2], merged[1::2] = even, odd
    return merged
