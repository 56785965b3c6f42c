"""`typiclust`: the most typical row of each large group that has no labels yet.

Hacohen, Dekel & Weinshall 2022, "Active learning on a budget: opposite strategies suit high and
low budgets" (https://arxiv.org/abs/2202.02794), section 3.2. It asks no model, so it can choose the
first rows. There are as many groups as rows will have labels. Where the rows to choose outnumber
groups, the second most typical rows follow, and so on; groups of a few rows come last.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from pydantic import Field

from luthier.clusters import k_means
from luthier.protocols import KINDS
from luthier.query import Decided
from luthier.ragged import Array
from luthier.recipe.tree import Section
from luthier.seeding import stream


class TypiclustOptions(Section):
    """How finely rows are grouped."""

    most_groups: int = Field(500, ge=1, description="Groups at most.")
    least_rows: int = Field(5, ge=1, description="Rows of a group that is chosen from.")
    neighbours: int = Field(20, ge=1, description="Nearest rows of a group that tell typicality.")


class Typiclust:
    """The most typical rows of large groups without labels; needs no model, so it can begin."""

    name: ClassVar[str] = "typiclust"
    kinds: ClassVar[frozenset[str]] = KINDS
    needs_model: ClassVar[bool] = False
    Options: ClassVar[type[Section]] = TypiclustOptions

    def __init__(self, options: TypiclustOptions):
        self.options = options

    def choose(
        self, probabilities: Decided | None, states: Array, labelled: Array, n: int, seed: int
    ) -> Array:
        """Group all rows, and take turns between groups, those with the fewest labels first."""
        random, n_rows = stream(seed, self.name), len(states)
        if n_rows == 0 or n <= 0:
            return np.zeros(0, dtype=np.int64)
        points = _of_unit_length(np.concatenate([states, labelled.reshape(-1, states.shape[1])]))
        n_groups = min(self.options.most_groups, len(labelled) + n, len(points))
        groups = k_means(points, n_groups, random)
        sizes = np.bincount(groups, minlength=n_groups)
        n_labelled = np.bincount(groups[n_rows:], minlength=n_groups)
        order = np.lexsort((random.random(n_groups), -sizes, n_labelled))
        chosen: list[int] = []
        for are_large in (True, False):  # outliers last
            members = [
                np.flatnonzero(groups[:n_rows] == one)
                for one in order
                if (sizes[one] >= self.options.least_rows) == are_large
            ]
            open_groups = [rows for rows in members if len(rows)]
            chosen += self._take_turns(points, groups, open_groups, n - len(chosen))
        return np.array(chosen, dtype=np.int64)

    def _take_turns(
        self, points: Array, groups: Array, open_groups: Sequence[Array], n: int
    ) -> list[int]:
        """Take the most typical row of each group, then the second of each, n in all at most."""
        ranked = []
        for rows in open_groups[:n]:
            here = points[groups == groups[rows[0]]]
            distances = _mean_distances(points[rows], here, self.options.neighbours)
            ranked.append(rows[np.argsort(distances, kind="stable")])
        longest = max(map(len, ranked), default=0)
        turns = [rows[turn] for turn in range(longest) for rows in ranked if turn < len(rows)]
        return [int(one) for one in turns[:n]]


def _of_unit_length(vectors: Array) -> Array:
    """Scale vectors to length 1; those of length 0 stay as they are."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1.0))


def _mean_distances(points: Array, others: Array, n: int) -> Array:
    """Return the mean distance of points to their n nearest others, (points,).

    The nearest of all is the point itself, at distance 0.
    """
    nearest = min(n + 1, len(others))
    found = np.empty(len(points))
    norms = (others**2).sum(axis=1)
    for first in range(0, len(points), 1024):
        part = points[first : first + 1024]
        squares = (part**2).sum(axis=1)[:, None] + norms - 2 * part @ others.T
        closest = np.partition(squares, nearest - 1, axis=1)[:, :nearest]
        found[first : first + 1024] = np.sqrt(np.maximum(closest, 0.0)).mean(axis=1)
    return found
