"""`badge`: rows that would move the head far, and each in another direction.

Ash et al. 2020, "Deep batch active learning by diverse, uncertain gradient lower bounds"
(https://arxiv.org/abs/1906.03671), algorithm 1. A row stands for the gradient of its loss at the
head, were the predicted answer the true one: (p - e) ⊗ h, with e the indicator of the predicted
choice and h the row's state. Rows are drawn by the seeding of k-means++, here from the gradient of
a row that is certain, which is 0. Gradients are never written out: their inner products are
products of those of p - e and of h.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from luthier.clusters import spread_out
from luthier.query import Decided
from luthier.ragged import Array
from luthier.recipe.tree import NoOptions, Section
from luthier.seeding import stream


class Badge:
    """Rows that would move the head far, each in another direction."""

    name: ClassVar[str] = "badge"
    kinds: ClassVar[frozenset[str]] = frozenset({"single-label", "multi-label"})
    needs_model: ClassVar[bool] = True
    Options: ClassVar[type[Section]] = NoOptions

    def __init__(self, options: NoOptions):
        self.options = options

    def choose(
        self, probabilities: Decided | None, states: Array, labelled: Array, n: int, seed: int
    ) -> Array:
        """Draw rows by the squared distance of their gradients to those drawn before."""
        if probabilities is None:
            raise ValueError(f"{self.name} needs probabilities")
        errors = errors_of(np.asarray(probabilities, dtype=np.float64))
        features = np.column_stack([states, np.ones(len(states))])  # the head has a bias
        norms = (errors**2).sum(axis=1) * (features**2).sum(axis=1)

        def distances_to(index: int) -> Array:
            alike = (errors @ errors[index]) * (features @ features[index])
            return np.asarray(norms + norms[index] - 2 * alike)

        random = stream(seed, self.name)
        drawn = spread_out(distances_to, len(norms), n, random, first=norms)
        return np.array(drawn, dtype=np.int64)


def errors_of(shares: Array) -> Array:
    """Return p - e of each decision with e of the predicted choice, (rows, decisions x choices).

    >>> errors_of(np.array([[0.75, 0.25]])).tolist()
    [[-0.25, 0.25]]
    """
    predicted = shares.argmax(axis=-1)[..., None] == np.arange(shares.shape[-1])
    return np.asarray((shares - predicted).reshape(len(shares), shares[:1].size))
