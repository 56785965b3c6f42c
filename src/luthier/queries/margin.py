"""`margin`: rows whose two likeliest labels are the closest.

Scheffer, Decomain & Wrobel 2001, "Active hidden Markov models", section 4: 1 - (p1 - p2). With two
labels it is the order of `least-confident` and of `entropy`; of several labels, each given or not,
it is that of the mean of |p - 0.5|.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from luthier.query import MostUncertain
from luthier.ragged import Array
from luthier.recipe.tree import NoOptions, Section


class Margin(MostUncertain):
    """Rows whose two likeliest answers are the closest."""

    name: ClassVar[str] = "margin"
    Options: ClassVar[type[Section]] = NoOptions

    def uncertainty(self, shares: Array) -> Array:
        """Take how little the likeliest choice is ahead of the next, 1 at most."""
        ordered = np.sort(shares, axis=-1)
        second = ordered[..., -2] if shares.shape[-1] > 1 else 0.0
        return np.asarray(1 - (ordered[..., -1] - second))
