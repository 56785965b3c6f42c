"""Merges the votes of labelling functions: what is most likely the label of each row.

Functions that vote for one label alone are merged by counting. Dawid and Skene's model, which
serves for annotators, asks how often a source gives each label to rows of another: of a function
that can give only one there is nothing to ask, and estimation drifts to where all functions of one
label are wrong together: measured on two data sets, 14 to 27 points below counted votes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from luthier.metrics.consensus import count_votes, dawid_skene, posterior
from luthier.ragged import Array

FEWEST = 3  # sources that estimation takes: of two that differ, nothing tells who is right


@dataclass(frozen=True)
class Merger:
    """A way of merging votes, learned from votes on rows without labels.

    Args:
        how: In words.
        shares: From votes (rows, functions) to the probability of each label, (rows, labels).
    """

    how: str
    shares: Callable[[Array], Array]


def learn_merger(votes: Array, n_labels: int) -> Merger:
    """Choose how votes are merged, and learn what that takes.

    Args:
        votes: Label ids, (rows, functions); -1: none. Rows without votes say nothing.
        n_labels: Number of labels.
    """
    votes = votes[(votes >= 0).any(axis=1)]
    if estimable(votes):
        found = dawid_skene(votes, n_labels)
        return Merger("Dawid and Skene's model", lambda new: posterior(found, new))
    return Merger("counting", lambda new: counted(new, n_labels))


def estimable(votes: Array) -> bool:
    """Return whether confusions can be estimated: three functions, and none votes one way."""
    n_ways = [len(np.unique(column[column >= 0])) for column in votes.T]
    return sum(n > 0 for n in n_ways) >= FEWEST and all(n != 1 for n in n_ways)


def counted(votes: Array, n_labels: int) -> Array:
    """Share each row's votes out, with one vote more, which all labels have in equal parts.

    So a single vote is no certainty, and two that agree are surer. The frequent labels get no more
    of it: functions for them vote often as it is, and measured, that was worse.

    >>> counted(np.array([[0, 0, -1], [0, 1, -1]]), 2).round(2).tolist()
    [[0.83, 0.17], [0.5, 0.5]]
    """
    each = count_votes(votes, n_labels)
    merged: Array = (each + 1 / n_labels) / (each.sum(axis=1, keepdims=True) + 1)
    return merged


def tied(shares: Array) -> Array:
    """Return whether two labels are equally likely, and none likelier, (rows,)."""
    top = np.sort(shares, axis=1)[:, -2:]
    is_tied: Array = top[:, 1] - top[:, 0] < 1e-9
    return is_tied
