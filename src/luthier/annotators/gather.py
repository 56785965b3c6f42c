"""Finds which rows are of one text, and who answered each."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from luthier.data.fingerprint import cell_digest
from luthier.data.labels import is_missing, label_name
from luthier.errors import DataError, suggestion
from luthier.ragged import Array
from luthier.records import Rows


@dataclass(frozen=True)
class Gathered:
    """The answers of several annotators, side by side.

    Args:
        rows: The rows, in which a text stands once for each of its annotators.
        names: The annotators.
        places: Row of each answer, (items, annotators); -1: none.
        firsts: The first row of each item, (items,).
        n_again: Answers that a later one of the same annotator replaces.
        n_changed: Those of them that were other answers.
        n_unnamed: Rows left out, as nobody is named.
    """

    rows: Rows
    names: tuple[str, ...]
    places: Array
    firsts: Array
    n_again: int
    n_changed: int
    n_unnamed: int

    @property
    def is_shared(self) -> bool:
        """Whether any item was answered by two annotators."""
        return bool((self.n_answers > 1).any())

    @property
    def n_answers(self) -> Array:
        """Number of answers to each item, (items,)."""
        counts: Array = (self.places >= 0).sum(axis=1)
        return counts


def gather(
    rows: Rows, column: str, inputs: Sequence[str], answer: str, *, id_column: str | None = None
) -> Gathered:
    """Put the answers of all annotators to one text side by side.

    Args:
        rows: The rows; those without an answer say nothing.
        column: The column that names annotators.
        inputs: Columns of what was judged: rows where all are equal are one item.
        answer: The column of the answers.
        id_column: Column that names items, in place of their texts.

    Raises:
        DataError: There is no such column, or an id stands for two texts.
    """
    for asked in (column, id_column):
        if asked is not None and asked not in rows:
            raise DataError(
                f"{', '.join(rows.files[:3])} has no column called '{asked}'.",
                received=f"columns {', '.join(rows.columns)}",
                hint=suggestion(asked, list(rows.columns)),
            )
    of_items = _keys(rows, inputs, id_column)
    names: dict[str, int] = {}
    items: dict[Hashable, int] = {}
    firsts: list[int] = []
    place_of: dict[tuple[int, int], int] = {}
    n_again = n_changed = n_unnamed = 0
    for index, (key, who) in enumerate(zip(of_items, rows[column], strict=True)):
        if is_missing(who):
            n_unnamed += 1
            continue
        if is_missing(rows[answer][index]) and not isinstance(rows[answer][index], str):
            continue
        item = items.setdefault(key, len(items))
        if item == len(firsts):
            firsts.append(index)
        cell = (item, names.setdefault(label_name(who), len(names)))
        if cell in place_of:
            before, now = rows[answer][place_of[cell]], rows[answer][index]
            n_again, n_changed = n_again + 1, n_changed + (cell_digest(before) != cell_digest(now))
        place_of[cell] = index
    places = np.full((len(items), len(names)), -1, dtype=np.int64)
    for cell, index in place_of.items():
        places[cell] = index
    made = (np.array(firsts), n_again, n_changed, n_unnamed)
    return Gathered(rows, tuple(names), places, *made)


def _keys(rows: Rows, inputs: Sequence[str], id_column: str | None) -> list[Hashable]:
    cells = [[cell_digest(cell) for cell in rows[role]] for role in inputs]
    texts: list[Hashable] = list(zip(*cells, strict=True)) if cells else [()] * len(rows)
    if id_column is None:
        return texts
    ids = [None if is_missing(one) else label_name(one) for one in rows[id_column]]
    first: dict[str, int] = {}
    for index, one in enumerate(ids):
        if one is not None and texts[first.setdefault(one, index)] != texts[index]:
            raise DataError(
                f"The {id_column} '{one}' stands for two different texts.",
                received=f"at {rows.where(first[one])} and at {rows.where(index)}",
                hint="give each text an id of its own, or leave --id out: equal texts are then one",
            )
    return [text if one is None else one for one, text in zip(ids, texts, strict=True)]


def refuse_alone(gathered: Gathered, column: str) -> None:
    """Refuse to compare annotators where there is one alone, or no text of two.

    Raises:
        DataError: That is so.
    """
    names = gathered.names
    if len(names) < 2:
        raise DataError(
            "To see whether annotators agree takes two of them.",
            received=f"{len(names)} in the column '{column}': {', '.join(names) or 'nobody'}",
            hint=f"another column than {column}; the rows of one annotator need no merging",
        )
    if not gathered.is_shared:
        n_texts = f"{len(gathered.firsts):,} texts"
        raise DataError(
            "No text was answered by two annotators.",
            received=f"{n_texts}, {len(names)} annotators in the column '{column}'",
            hint="rows of one text need equal texts; the column may also be another",
        )
