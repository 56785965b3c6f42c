"""`least-confident`: rows whose likeliest label is the least likely.

Lewis & Gale 1994, "A sequential algorithm for training text classifiers", section 3: 1 - p1.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from luthier.query import MostUncertain
from luthier.ragged import Array
from luthier.recipe.tree import NoOptions, Section


class LeastConfident(MostUncertain):
    """Rows whose likeliest answer is the least likely."""

    name: ClassVar[str] = "least-confident"
    Options: ClassVar[type[Section]] = NoOptions

    def uncertainty(self, shares: Array) -> Array:
        """Take the probability of all choices but the likeliest."""
        return np.asarray(1 - shares.max(axis=-1))
