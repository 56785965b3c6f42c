"""Draws rows by label, in whole groups or at random: pure functions on indices.

Drawn indices are in ascending order, so that rows keep the order of their file.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from luthier.ragged import Array

GROUP_DRAWS = 100  # random draws of groups, of which the best is kept


def allocate(counts: Array, total: int, *, most: Array, random: np.random.Generator) -> Array:
    """Distribute `total` in proportion to `counts`, by largest remainders.

    Args:
        counts: Number of rows of each label, (labels,).
        total: Number of rows to distribute.
        most: Maximum for each label, (labels,); exceeded only once all labels have reached it.
        random: Generator that breaks ties.

    Returns:
        Number of rows for each label, (labels,), with the sum `total`.
    """
    quotas = counts * (total / max(1, counts.sum()))
    given = np.minimum(np.floor(quotas).astype(np.int64), most)
    for ceiling in (most, counts):
        while given.sum() < total and (given < ceiling).any():
            # The largest remainders come first, ties in random order.
            order = np.lexsort((random.random(len(counts)), given - quotas))
            open_ones = order[given[order] < ceiling[order]]
            given[open_ones[: total - given.sum()]] += 1
    return np.asarray(given)


def draw(
    indices: Array,
    n_rows: int,
    *,
    labels: Sequence[Hashable] | None,
    random: np.random.Generator,
) -> Array:
    """Draw `n_rows` of `indices`, keeping the shares of the labels.

    At least one row of each label is left, so that a test set never takes the only row of a label
    from training.

    Args:
        indices: Indices to draw from.
        n_rows: Number of rows to draw.
        labels: The label of every row of the file; None draws regardless of labels.
        random: Generator of the draws.
    """
    if labels is None:
        return np.sort(random.permutation(indices)[:n_rows])
    members = _by_value(indices, labels)
    counts = np.array([len(rows) for rows in members], dtype=np.int64)
    given = allocate(counts, n_rows, most=counts - 1, random=random)
    drawn = [random.permutation(rows)[:n] for rows, n in zip(members, given, strict=True)]
    return np.sort(np.concatenate(drawn))


def draw_nested(
    indices: Array,
    n_rows: int,
    *,
    labels: Sequence[Hashable] | None,
    random: np.random.Generator,
) -> Array:
    """Draw `n_rows` of `indices` so that a larger draw holds the smaller ones.

    One row of each label comes first; then labels keep their shares, rounded up or down.

    Args:
        indices: Indices to draw from.
        n_rows: Number of rows to draw.
        labels: The label of every row of the file; None draws regardless of labels.
        random: Generator of the draws, in the state in which it drew the smaller ones.
    """
    if labels is None:
        return np.sort(random.permutation(indices)[:n_rows])
    members = [random.permutation(rows) for rows in _by_value(indices, labels)]
    offsets = random.random(len(members))
    turns = [
        np.where(np.arange(len(rows)) == 0, offset - 1, (np.arange(len(rows)) + offset) / len(rows))
        for rows, offset in zip(members, offsets, strict=True)
    ]
    order = np.argsort(np.concatenate(turns), kind="stable")
    return np.sort(np.concatenate(members)[order[:n_rows]])


def draw_evenly(
    indices: Array,
    n_rows: int,
    *,
    labels: Sequence[Hashable] | None,
    random: np.random.Generator,
) -> Array:
    """Draw `n_rows` of `indices` as they are: every row with the same chance.

    The number of rows of each label is its share, rounded up or down. Systematic sampling: rows
    stand label by label, in random order, and every (N / n)th is taken from a random start (Madow
    & Madow 1944, https://doi.org/10.1214/aoms/1177731312).

    Args:
        indices: Indices to draw from, N.
        n_rows: Number of rows to draw, at most N.
        labels: The label of every row of the file; None draws regardless of labels.
        random: Generator of the draws.
    """
    if labels is None:
        return np.sort(random.permutation(indices)[:n_rows])
    members = _by_value(indices, labels)
    order = random.permutation(len(members))
    lined_up = np.concatenate([random.permutation(members[one]) for one in order])
    start = random.integers(len(indices))
    return np.sort(lined_up[(start + np.arange(n_rows) * len(indices)) // n_rows])


def draw_groups(
    indices: Array,
    n_rows: int,
    *,
    groups: Array,
    labels: Sequence[Hashable] | None,
    random: np.random.Generator,
) -> Array:
    """Draw whole groups of about `n_rows` rows in all: the best of many random draws.

    The best draw is closest in size and in the shares of labels, and leaves rows of every label.
    At least one group is drawn and one is left.

    Args:
        indices: Indices to draw from.
        n_rows: Number of rows wanted.
        groups: The group number of every row of the file.
        labels: The label of every row of the file; None ignores labels.
        random: Generator of the draws.
    """
    _, of_row = np.unique(groups[indices], return_inverse=True)  # groups renumbered, (rows,)
    sizes = np.bincount(of_row)
    label_ids = np.zeros(len(indices), dtype=np.int64)
    if labels is not None:
        label_ids = _numbered([labels[int(index)] for index in indices])
    counts = np.bincount(label_ids)
    shares = counts / len(indices)
    best, best_cost = np.zeros(len(sizes), dtype=bool), np.inf
    for _ in range(GROUP_DRAWS):
        order = random.permutation(len(sizes))
        reached = np.cumsum(sizes[order])[:-1]
        n_groups = 1 + int(np.argmin(abs(reached - n_rows)))
        chosen = np.zeros(len(sizes), dtype=bool)
        chosen[order[:n_groups]] = True
        drawn = np.bincount(label_ids[chosen[of_row]], minlength=len(shares))
        cost = abs(drawn.sum() - n_rows) / n_rows + abs(drawn / drawn.sum() - shares).sum()
        cost += (drawn == counts).sum() * (labels is not None)  # labels without a row left
        if cost < best_cost:
            best, best_cost = chosen, cost
    return np.sort(indices[best[of_row]])


def deal(
    n_rows: int,
    n_folds: int,
    *,
    labels: Sequence[Hashable] | None,
    groups: Array | None,
    random: np.random.Generator,
) -> Array:
    """Deal rows to folds like cards, label by label, or whole groups, the largest first.

    Args:
        n_rows: Number of rows.
        n_folds: Number of folds.
        labels: The label of every row; None deals regardless of labels.
        groups: The group number of every row, which keeps groups together; None for no groups.
        random: Generator of the order.

    Returns:
        The fold of each row, (rows,).
    """
    folds = np.empty(n_rows, dtype=np.int64)
    if groups is not None:
        return _deal_groups(n_folds, labels, groups, random)
    everything = np.arange(n_rows)
    members = [everything] if labels is None else _by_value(everything, labels)
    dealt = np.concatenate([random.permutation(rows) for rows in members])
    folds[dealt] = everything % n_folds
    return folds


def _deal_groups(
    n_folds: int,
    labels: Sequence[Hashable] | None,
    groups: Array,
    random: np.random.Generator,
) -> Array:
    """Deal whole groups, the largest first, each to the fold with the fewest rows like its own.

    Like its own are those of its labels; where folds are equal in that, the emptier one gets it.
    """
    label_ids = _numbered(labels if labels is not None else [0] * len(groups))
    sizes = np.bincount(groups)
    members = np.split(np.argsort(groups, kind="stable"), np.cumsum(sizes)[:-1])
    filled = np.zeros((n_folds, int(label_ids.max(initial=0)) + 1), dtype=np.int64)
    fold_of_group = np.empty(len(sizes), dtype=np.int64)
    for group in np.lexsort((random.random(len(sizes)), -sizes)):
        counts = np.bincount(label_ids[members[group]], minlength=filled.shape[1])
        alike, total = filled @ counts, filled.sum(axis=1)
        fold = np.lexsort((total, alike))[0]
        fold_of_group[group] = fold
        filled[fold] += counts
    return np.asarray(fold_of_group[groups])


def join_alike(values: Sequence[Hashable], groups: Array | None) -> tuple[Array | None, int]:
    """Put rows of equal values in one group, and with them the groups that they are in.

    Args:
        values: What every row is compared by; an empty one is like no other.
        groups: The group number of every row, (rows,); None: every row stands alone.

    Returns:
        The group number of every row, None where all stand alone; and how many rows are like an
        earlier one.

    >>> join_alike(["a", "b", "a", "c"], None)[1], join_alike(["a", "b", ""], None)
    (1, (None, 0))
    >>> join_alike(["a", "b", "a", "c"], np.array([0, 0, 1, 2]))[0]
    array([0, 0, 0, 1])
    """
    first: dict[Hashable, int] = {}
    like = [first.setdefault(value, row) if value else row for row, value in enumerate(values)]
    n_alike = sum(one != row for row, one in enumerate(like))
    if n_alike == 0:
        return groups, 0
    parent = np.arange(len(values)) if groups is None else np.asarray(groups).copy()
    for row, one in enumerate(like):
        if parent[row] != parent[one]:
            parent[parent == parent[row]] = parent[one]
    return _numbered(parent.tolist()), n_alike


def number_groups(values: Sequence[Hashable | None]) -> Array:
    """Number the groups from 0; a row without a group (None) is a group of its own."""
    return _numbered([("row", i) if v is None else ("", v) for i, v in enumerate(values)])


def _numbered(values: Sequence[Hashable]) -> Array:
    ids: dict[Hashable, int] = {}
    return np.array([ids.setdefault(value, len(ids)) for value in values], dtype=np.int64)


def _by_value(indices: Array, labels: Sequence[Hashable]) -> list[Array]:
    members: dict[Hashable, list[int]] = {}
    for index in indices:
        members.setdefault(labels[int(index)], []).append(int(index))
    return [np.array(rows, dtype=np.int64) for rows in members.values()]
