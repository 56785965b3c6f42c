"""Labelled rows of a source: those without an answer are dropped, several annotators joined.

Next: `further.py`, which reads rows beside those of the splits.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from luthier.data.doctor.split_view import MOST_PLACES
from luthier.data.labels import is_missing
from luthier.errors import DataError
from luthier.protocols import Task
from luthier.reading import read_rows
from luthier.recipe.tree import Recipe
from luthier.records import Rows
from luthier.results import Finding
from luthier.sources.unlabelled import answered

MAY_BE_EMPTY = ("multi-label", "answer", "tags")  # kinds of which an empty cell is an answer


def read_labelled(
    source: object,
    recipe: Recipe,
    task: Task,
    *,
    audit: bool | None = None,
    needed: bool = False,
    partly: bool = False,
) -> tuple[Rows, list[str], list[Finding]]:
    """Read rows with their gold answers; rows without one are dropped and reported.

    Args:
        source: The source of the rows.
        recipe: The recipe.
        task: The task.
        audit: Which rows of a desk's file of labels are kept, as for `read_rows`.
        needed: Whether the rows must have several annotators where the recipe names a column of
            them. Elsewhere, rows that were joined already are as good.
        partly: Whether rows without an answer are none of its business: functions label them.
    """
    roles = task.input_roles if partly else [column.role for column in task.columns]
    rows, notes, found = read_rows(source, recipe, task, roles, audit=audit, partly=partly)
    dropped: list[Finding] = []
    if partly:
        rows, _ = answered(rows, recipe, task)
    else:
        rows, dropped = with_answer(rows, task, none=recipe.data.no_answer)
    asked, role = column_name(recipe.data.annotator, recipe.data.columns), task.answer_role
    joined: list[Finding] = []
    if asked is not None and role is not None and len(rows):
        from luthier.annotators.agreement import merged_by_annotators  # statistics load slowly

        inputs = task.input_roles
        rows, joined = merged_by_annotators(rows, task.kind, asked, inputs, role, needed=needed)
    return rows, notes, [*found, *dropped, *joined]


def with_answer(
    rows: Rows, task: Task, *, none: Collection[str] = ()
) -> tuple[Rows, list[Finding]]:
    """Drop rows without a gold answer, which can be neither learned from nor scored.

    Args:
        rows: The rows.
        task: The task.
        none: Answers that stand for none.
    """
    role = task.answer_role or task.possible_answer_role
    if role is None or role not in rows:
        return rows, []
    missing = [
        (value is None if task.kind in MAY_BE_EMPTY else is_missing(value))
        or (isinstance(value, str) and value.strip() in none)
        for value in rows[role]
    ]
    without = np.flatnonzero(missing)
    if len(without) == 0:
        return rows, []
    n_rows = f"{len(without)} row" + ("" if len(without) == 1 else "s")
    message = f"{n_rows} without {role} dropped."
    places = tuple(f"{rows.where(int(index))}:{role}" for index in without[:MOST_PLACES])
    fix = f"fill in the cells, or data.columns.{role}=the column with the answers"
    found = Finding("without-answer", "warning", message, len(without), places, fix)
    if len(without) == len(rows) and task.answer_role is None:
        raise DataError(
            f"No row of {', '.join(rows.files)} has an answer to learn.",
            received=f"{n_rows}, such as {places[0]}",
            hint="end each conversation with a message by the assistant; to learn plain texts, "
            "data.columns.text=COLUMN",
        )
    return rows.take(np.flatnonzero(~np.array(missing))), [found]


def column_name(asked: str | None, columns: Mapping[str, str | list[str]]) -> str | None:
    """Translate a file's column name to its name in `Rows`: its role, if it has one."""
    return next((role for role, name in columns.items() if name == asked), asked)
