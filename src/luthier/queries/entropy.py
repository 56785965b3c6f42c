"""`entropy`: rows whose probabilities say the least.

Settles 2009, "Active learning literature survey", section 3.1: -sum of p log p, in nats. All labels
count, the unlikely ones too.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from luthier.query import MostUncertain
from luthier.ragged import Array
from luthier.recipe.tree import NoOptions, Section


class Entropy(MostUncertain):
    """Rows whose probabilities are the most even."""

    name: ClassVar[str] = "entropy"
    Options: ClassVar[type[Section]] = NoOptions

    def uncertainty(self, shares: Array) -> Array:
        """Take the entropy of the choices, in nats."""
        logs = np.log(np.where(shares > 0, shares, 1.0))
        return np.asarray(-(shares * logs).sum(axis=-1))
