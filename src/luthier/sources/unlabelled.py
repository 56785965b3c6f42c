"""Rows without an answer: those of `data.unlabelled`, and training rows that functions label.

They are never judged, and those with the words of a row that is judged are left out. Next:
`load_splits.py`, and `weak_labels/`, which lets functions label them.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace

import numpy as np

from luthier.columns import Column
from luthier.data.doctor.split_view import MOST_PLACES, key_of, views_of
from luthier.data.journal import audited
from luthier.data.labels import is_missing
from luthier.data.readers.read import read_and_check
from luthier.errors import DataError
from luthier.protocols import Task
from luthier.ragged import Array
from luthier.reading import normalized, read_rows, require_roles
from luthier.recipe.tree import Recipe
from luthier.records import Rows, Splits
from luthier.results import Finding


def input_columns(task: Task) -> tuple[Column, ...]:
    """Return the columns that a model reads, by which the doctor compares rows."""
    return tuple(column for column in task.columns if column.role in task.input_roles)


def keys_of(rows: Rows, task: Task) -> list[Hashable]:
    """Return what rows are compared by: all that a model reads, texts by their words alone."""
    views = views_of([("train", rows)], input_columns(task))
    return views[0].keys(key_of) if views else []


def read_unlabelled(
    source: object, recipe: Recipe, task: Task, splits: Splits
) -> tuple[Rows, list[str], list[Finding]]:
    """Read rows without their answers, and leave out those that are in a split already.

    Raises:
        DataError: They cannot be read, or none is left.
    """
    columns = {
        role: name for role, name in recipe.data.columns.items() if role not in task.answer_columns
    }
    rows, notes, misread = read_and_check(source, columns=columns, **recipe.data.form)
    inputs = {name: rows[name] for name in rows.columns if name not in task.answer_columns}
    rows, _ = normalized(replace(rows, columns=inputs), recipe, task)
    require_roles(rows, task.input_roles)
    is_kept, found = _in_no_split(rows, task, splits)
    notes.append(f"{int(is_kept.sum()):,} of {len(rows):,} unlabelled rows are in no split")
    if not is_kept.any():
        raise DataError(
            "No unlabelled row is left: all are in a split already, or empty.",
            received=f"{len(rows)} rows of {', '.join(rows.files[:3])}",
            hint="data.unlabelled=a file of other rows",
        )
    return rows.take(np.flatnonzero(is_kept)), notes, [*misread, *found]


def answered(rows: Rows, recipe: Recipe, task: Task) -> tuple[Rows, Rows]:
    """Part rows with an answer from those without."""
    role = str(task.answer_role)
    if role not in rows:
        rows = replace(rows, columns={**rows.columns, role: [None] * len(rows)})
    is_there = np.array(
        [
            not is_missing(cell) and str(cell).strip() not in recipe.data.no_answer
            for cell in rows[role]
        ],
        dtype=bool,
    )
    return rows.take(np.flatnonzero(is_there)), rows.take(np.flatnonzero(~is_there))


def read_unanswered(
    source: object, recipe: Recipe, task: Task, splits: Splits, *, group_by: str | None
) -> tuple[Rows, list[Finding]]:
    """Read those training rows that have no answer.

    Args:
        source: The source of the training rows.
        recipe: The recipe.
        task: Its task.
        splits: The rows that have one.
        group_by: Column whose groups stay whole: those of rows that are judged are left out.

    Raises:
        DataError: All rows have an answer, or none without one is left.
    """
    audit = audited("train", source, recipe.data.test)
    every, _, _ = read_rows(source, recipe, task, task.input_roles, audit=audit, partly=True)
    rows = answered(every, recipe, task)[1]
    if len(rows) == 0:
        raise DataError(
            "All training rows have a label: labelling functions have nothing to label.",
            received=f"{len(every):,} rows of {', '.join(every.files[:3])}",
            hint="data.weak=null, or rows without labels among data.train, as [labelled.csv, "
            "unlabelled.csv]",
        )
    is_kept, found = _in_no_split(rows, task, splits)
    if group_by is not None and group_by in rows:
        judged = {cell for one in (splits.validation, splits.test) for cell in one[group_by]}
        is_kept &= np.array([cell not in judged for cell in rows[group_by]], dtype=bool)
    if not is_kept.any():
        raise DataError(
            "No training row without a label is left: all are in a split already, or empty.",
            received=f"{len(rows):,} rows of {', '.join(rows.files[:3])}",
            hint="data.train=a file of other rows",
        )
    return rows.take(np.flatnonzero(is_kept)), found


def _in_no_split(rows: Rows, task: Task, splits: Splits) -> tuple[Array, list[Finding]]:
    """Tell which rows have words, and those of no row in a split; find those of judged rows."""
    keys = keys_of(rows, task)
    judged = {*keys_of(splits.validation, task), *keys_of(splits.test, task)} - {None}
    learned = {*keys_of(splits.train, task)} - {None}
    is_judged = np.array([key in judged for key in keys], dtype=bool)
    is_kept: Array = ~is_judged & np.array(
        [key is not None and key not in learned for key in keys], bool
    )
    if not is_judged.any():
        return is_kept, []
    places = tuple(rows.where(int(row)) for row in np.flatnonzero(is_judged)[:MOST_PLACES])
    n = int(is_judged.sum())
    message = f"{n} unlabelled row{'s' * (n > 1)} with the words of a validation or test row."
    fix = "nothing: they are left out; of new texts, there would be none"
    return is_kept, [Finding("unlabelled-in-test", "warning", message, n, places, fix)]
