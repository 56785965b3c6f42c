"""Reads the probabilities of labels beside them, and makes targets for the loss of them.

    label        label_probabilities
    positive     {"positive": 0.9, "neutral": 0.1}

They say how sure people, or a teacher, are of a label. Scores still go by the label alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from luthier.columns import SOFT, SOFT_ROLE
from luthier.data.cells import structure_of
from luthier.data.labels import as_number, is_missing, label_name, split_labels
from luthier.errors import DataError, nearest
from luthier.ragged import Array
from luthier.records import Rows

NEARLY = 0.02  # how far a sum of probabilities may be from 1, as they are written rounded


def with_soft_labels(rows: Rows, role: str, *, several: bool) -> Rows:
    """Read the column of probabilities, if the recipe names one; they become `SOFT`.

    Args:
        rows: The rows.
        role: The column of the labels; where it is missing, it is made of the probabilities.
        several: Whether a row can have several labels, so that probabilities add up to no 1.

    Raises:
        DataError: A cell holds no probabilities, or one of a label that no row has.
    """
    if SOFT_ROLE not in rows:
        return rows
    columns = dict(rows.columns)
    shares = [_read(cell, rows.where(at), several) for at, cell in enumerate(columns[SOFT_ROLE])]
    del columns[SOFT_ROLE]
    columns[SOFT] = shares
    if role not in columns:
        columns[role] = [_likeliest(one, several) for one in shares]
    known = {name for cell in columns[role] for name in _names(cell, several)}
    for at, one in enumerate(shares):
        for name in one or ():
            if name not in known:
                close = nearest(name, known)
                raise DataError(
                    f"A probability at {rows.where(at)} is of a label that no row has.",
                    received=f"'{name}'; labels are {', '.join(sorted(known)[:10])}",
                    hint=f"did you mean '{close}'?" if close else "mend the row",
                )
    return Rows(columns, rows.files, rows.file_of, rows.lines)


def _names(cell: Any, several: bool) -> list[str]:
    if several:
        return split_labels(cell)
    return [] if is_missing(cell) else [label_name(cell)]


def _likeliest(shares: Mapping[str, float] | None, several: bool) -> Any:
    if shares is None:
        return None
    if several:
        return [name for name, share in shares.items() if share >= 0.5]
    return max(shares, key=lambda name: shares[name])


def _read(cell: Any, where: str, several: bool) -> dict[str, float] | None:
    if not isinstance(cell, Mapping) and is_missing(cell):
        return None
    found = structure_of(cell)
    numbers = {
        label_name(name): as_number(share)
        for name, share in (found.items() if isinstance(found, Mapping) else ())
        if share is not None
    }
    shares = {name: share for name, share in numbers.items() if share is not None}
    is_right = (
        len(numbers) > 0
        and len(shares) == len(numbers)
        and all(0 <= share <= 1 for share in shares.values())
        and (several or abs(sum(shares.values()) - 1) <= NEARLY)
    )
    if not is_right:
        raise DataError(
            f"The cell at {where} holds no probabilities of labels.",
            received=repr(cell)[:80],
            hint='{"positive": 0.9, "neutral": 0.1}: each from 0 to 1'
            + ("" if several else ", 1 together"),
        )
    return shares


def soft_targets(rows: Rows, names: Sequence[str], hard: Array) -> Array:
    """Make the targets of rows with probabilities; others keep their labels.

    Probability of labels that are not among the targets is shared out among the rest.

    Args:
        rows: Rows with the column `SOFT`.
        names: The labels.
        hard: Label ids, (rows,), or indicators, (rows, labels).

    Returns:
        Probabilities, (rows, labels).
    """
    places = {name: index for index, name in enumerate(names)}
    several = hard.ndim == 2
    targets = (hard if several else np.eye(len(names))[hard]).astype(np.float32)
    for row, shares in enumerate(rows[SOFT]):
        known = {places[name]: p for name, p in (shares or {}).items() if name in places}
        if several:
            targets[row, list(known)] = list(known.values())
        elif sum(known.values()) > 0:
            targets[row] = 0.0
            targets[row, list(known)] = np.array(list(known.values())) / sum(known.values())
    return targets
