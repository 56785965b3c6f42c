"""Choose the next batch of rows to label, without near-copies of one another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from luthier.data.doctor.near_duplicates import similar_pairs
from luthier.data.doctor.split_view import plain_words
from luthier.query import Decided, Query
from luthier.ragged import Array


def choose_next(
    query: Query,
    probabilities: Decided | None,
    states: Array,
    labelled: Array,
    texts: Sequence[str],
    *,
    n: int,
    seed: int,
) -> list[int]:
    """Choose rows by a strategy; near-copies of those chosen before them are passed over.

    Args:
        query: The strategy.
        probabilities: As in `Query.choose`.
        states: As in `Query.choose`.
        labelled: As in `Query.choose`.
        texts: The text of every row of the pool.
        n: How many to choose.
        seed: Seed of what is drawn.

    Returns:
        Indices in the pool, the first choice first; fewer than n where all others are near-copies.
    """
    left, chosen = np.arange(len(states)), np.zeros(0, dtype=np.int64)
    while len(left) and len(chosen) < n:
        found = left[
            query.choose(
                None if probabilities is None else _taken(probabilities, left),
                states[left],
                np.concatenate([labelled.reshape(-1, states.shape[1]), states[chosen]]),
                n - len(chosen),
                seed,
            )
        ]
        both = np.concatenate([chosen, found])
        chosen = both[distinct([texts[index] for index in both])]
        left = np.setdiff1d(left, found)
    return [int(index) for index in chosen]


def distinct(texts: Sequence[str]) -> list[int]:
    """Return the indices of texts that are not nearly the same as one before them.

    >>> distinct(["A film that is a joy to see.", "a bore", "a film that is joy to see", "A bore"])
    [0, 1]
    """
    first: dict[str, int] = {}
    for index, text in enumerate(texts):
        first.setdefault(plain_words(text) or text, index)  # a text may be of emoji alone
    kept = list(first.values())
    dropped: set[int] = set()
    for one, other in similar_pairs(list(first)):
        if one not in dropped:
            dropped.add(other)
    return [index for at, index in enumerate(kept) if at not in dropped]


def _taken(probabilities: Decided, indices: Array) -> Decided:
    if isinstance(probabilities, np.ndarray):
        return np.asarray(probabilities[indices])
    return [probabilities[index] for index in indices]
