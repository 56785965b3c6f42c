"""Which rows to label next: what a query strategy is given, and what it gives.

What a model says of a row is a list of decisions, each a distribution over its choices, (decisions,
choices): one over the labels; for several labels, one of yes and no for each; for words with tags,
one for each word. A row is as uncertain as its decisions are in the mean, so that long rows are not
chosen for their length. Strategies stand in `queries/`; they know no task and no model.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Protocol

import numpy as np

from luthier.ragged import Array
from luthier.seeding import stream

DECIDED = frozenset({"single-label", "multi-label", "tags", "choice"})  # kinds with probabilities
Decided = Sequence[Array] | Array  # probabilities of each row, (decisions, choices) or (choices,)


class Query(Protocol):
    """A strategy that chooses the rows to label next."""

    name: ClassVar[str]
    kinds: ClassVar[frozenset[str]]  # kinds of target that it can choose for
    needs_model: ClassVar[bool]  # whether it needs probabilities, which the first batch has not
    Options: ClassVar[type]

    def choose(
        self, probabilities: Decided | None, states: Array, labelled: Array, n: int, seed: int
    ) -> Array:
        """Choose rows of a pool.

        Args:
            probabilities: What a model says of each row of the pool, as `decisions_of` gives it;
                None before there is one.
            states: A vector of each row of the pool, (rows, width).
            labelled: Vectors of the rows that have labels, (labelled, width).
            n: How many to choose.
            seed: Seed of what is drawn.

        Returns:
            Indices in the pool, each once, the first choice first, (min(n, rows),).
        """
        ...


def decisions_of(probabilities: Decided, kind: str) -> Decided:
    """Give probabilities of a target's kind as decisions.

    Args:
        probabilities: As predictions have them: (rows, labels), or (words, labels) for each row.
        kind: The kind of target. The labels of `multi-label` are given or not, each by itself.

    >>> decisions_of(np.array([[0.75, 0.5]]), "multi-label").tolist()
    [[[0.25, 0.75], [0.5, 0.5]]]
    """
    if kind != "multi-label":
        return probabilities
    given = np.asarray(probabilities)
    return np.stack([1 - given, given], axis=-1)


def most_first(values: Array, n: int, random: np.random.Generator) -> Array:
    """Return the indices of the n largest values, the largest first, ties in random order."""
    order = random.permutation(len(values))
    return np.asarray(order[np.argsort(-values[order], kind="stable")][:n])


class MostUncertain(ABC):
    """A strategy that chooses the rows of which a model is least sure.

    A row is as uncertain as its decisions are in the mean; without decisions it is certain.
    """

    name: ClassVar[str]
    kinds: ClassVar[frozenset[str]] = DECIDED
    needs_model: ClassVar[bool] = True

    def __init__(self, options: Any):
        self.options = options

    @abstractmethod
    def uncertainty(self, shares: Array) -> Array:
        """Say how uncertain distributions (…, choices) are, (…,); 0 is certain."""

    def choose(
        self, probabilities: Decided | None, states: Array, labelled: Array, n: int, seed: int
    ) -> Array:
        """Choose the rows of the largest uncertainty."""
        if probabilities is None:
            raise ValueError(f"{self.name} needs probabilities")
        if isinstance(probabilities, np.ndarray):
            of_rows = self.uncertainty(probabilities)
            values = of_rows.mean(axis=1) if of_rows.ndim > 1 else of_rows
        else:
            rows = [np.atleast_2d(one) for one in probabilities]
            found = [float(self.uncertainty(one).mean()) if one.size else 0.0 for one in rows]
            values = np.array(found, dtype=np.float64)
        return most_first(values, n, stream(seed, self.name))
