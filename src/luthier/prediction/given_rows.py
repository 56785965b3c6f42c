"""Makes rows of the arguments of a call: texts, lists of texts, mappings of the task's columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from luthier.data.readers.frames import cells_in_memory
from luthier.errors import DataError
from luthier.protocols import Task
from luthier.recipe.checks import LISTED
from luthier.records import Rows
from luthier.registry import find, names
from luthier.surrogates import without_surrogates


def rows_of(given: Sequence[Any], named: Mapping[str, Any], task: Task) -> tuple[bool, Rows]:
    """Make rows of the arguments of a call; the first value is whether it was a single row.

    Raises:
        DataError: What was given does not fit the task's columns.
    """
    if len(given) > len(task.input_roles):
        raise wrong_texts(task, f"{len(given)} arguments")
    columns: dict[str, Any] = dict(zip(task.input_roles, given, strict=False))
    files = {one.role for one in task.columns if names_files(one.kind)}
    columns = {
        role: value if role in files and is_signal(value) else _listed(value)
        for role, value in {**columns, **named}.items()
    }
    absent = [role for role, value in columns.items() if value is None]
    if absent:
        raise wrong_texts(task, f"None as {' and '.join(absent)}")
    first = next(iter(columns.values()), None)
    if len(columns) == 1 and isinstance(first, (list, Mapping)):
        single = isinstance(first, Mapping)
        records = [first] if isinstance(first, Mapping) else first
        if any(isinstance(one, Mapping) for one in records):
            if not all(isinstance(one, Mapping) and set(one) == set(records[0]) for one in records):
                raise wrong_texts(task, "texts of different columns")
            columns = {role: [one[role] for one in records] for role in records[0]}
            return single, checked_rows(columns, task)
    columns = {role: _as_cell(role, columns, task) for role in columns}
    lengths = {len(value) for value in columns.values() if isinstance(value, list)}
    if len(lengths) > 1:
        raise wrong_texts(task, "columns of different lengths")
    n_rows = next(iter(lengths), 1)
    made = {
        role: value if isinstance(value, list) else [value] * n_rows
        for role, value in columns.items()
    }
    return not lengths, checked_rows(made, task)


def names_files(kind: str) -> bool:
    """Return whether cells of a kind of input are images, sounds or the like."""
    return kind in names("inputs") and bool(getattr(find("inputs", kind), "endings", ()))


def is_signal(value: Any) -> bool:
    """Return whether a value is an array of numbers: the one image or sound of a row."""
    return isinstance(value, np.ndarray) and value.dtype.kind in "iufb"


def _listed(value: Any) -> Any:
    """Make a list of whatever holds one cell after another; leave a cell itself as it is."""
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
        return value
    if getattr(value, "ndim", None) == 0:
        return value.item()  # type: ignore[attr-defined]
    return cells_in_memory(value)


def _as_cell(role: str, columns: Mapping[str, Any], task: Task) -> Any:
    """Take a list of texts beside single texts for one cell, where the cells are lists."""
    value = columns[role]
    is_listed = any(one.role == role and one.kind in LISTED for one in task.columns)
    others = [one for name, one in columns.items() if name != role]
    is_alone = bool(others) and not any(isinstance(one, list) for one in others)
    if is_listed and is_alone and isinstance(value, list):
        return tuple(value) if all(isinstance(one, str) for one in value) else value
    return value


def checked_rows(columns: Mapping[str, Sequence[Any]], task: Task) -> Rows:
    """Make rows, if the task can read them."""
    if not columns or set(columns) - set(task.input_roles) - set(task.alternative_columns):
        raise wrong_texts(task, ", ".join(map(str, columns)) or "nothing")
    refuse_other_cells(columns, task)
    rows = Rows.of(
        {role: without_surrogates(list(cells)) for role, cells in columns.items()}, name="texts"
    )
    adapted, _ = task.normalize(rows)
    missing = [role for role in task.input_roles if role not in adapted]
    if missing:
        raise wrong_texts(task, ", ".join(columns))
    return rows


def refuse_other_cells(columns: Mapping[str, Sequence[Any]], task: Task) -> None:
    """Refuse what is no text in columns of texts; a missing cell is an empty text."""
    for column in task.columns:
        if column.role not in columns or not find("inputs", column.kind).is_text:
            continue
        for index, cell in enumerate(columns[column.role]):
            if cell is not None and not isinstance(cell, str):
                kind = type(cell).__name__
                raise DataError(
                    f"The task {task.name} reads texts as {column.role}.",
                    received=f"{kind} in row {index + 1}: {repr(cell)[:60]}",
                    hint="a str, a list of them, or a pandas Series of them; "
                    "a file: predict_file(file, out)",
                )


def wrong_texts(task: Task, received: str) -> DataError:
    """Make the error that says what the task reads."""
    roles = " and ".join(task.input_roles)
    example = ", ".join(f'"{role}": "…"' for role in task.input_roles)
    return DataError(
        f"The task {task.name} reads {roles}.", received=received, hint=f"give {{{example}}}"
    )
