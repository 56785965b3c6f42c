"""Makes rows of the arguments of a call: texts, lists of texts, mappings of the task's columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from luthier.errors import DataError
from luthier.protocols import Task
from luthier.records import Rows
from luthier.surrogates import without_surrogates


def rows_of(given: Sequence[Any], named: Mapping[str, Any], task: Task) -> tuple[bool, Rows]:
    """Make rows of the arguments of a call; the first value is whether it was a single row.

    Raises:
        DataError: What was given does not fit the task's columns.
    """
    columns = {**dict(zip(task.input_roles, given, strict=False)), **named}
    if len(given) > len(task.input_roles):
        raise wrong_texts(task, f"{len(given)} arguments")
    first: Any = next(iter(columns.values()), None)
    if len(columns) == 1 and not isinstance(first, str):
        single = isinstance(first, Mapping)
        listed = [first] if single else list(first or ())
        if listed and any(isinstance(one, Mapping) for one in listed):
            if not all(isinstance(one, Mapping) and set(one) == set(listed[0]) for one in listed):
                raise wrong_texts(task, "texts of different columns")
            columns = {role: [one[role] for one in listed] for role in listed[0]}
            return single, checked_rows(columns, task)
    single = all(isinstance(value, str) for value in columns.values())
    if single:
        columns = {role: [value] for role, value in columns.items()}
    lengths = {len(value) for value in columns.values() if not isinstance(value, str)}
    if len(lengths) > 1:
        raise wrong_texts(task, "columns of different lengths")
    n_rows = next(iter(lengths), 1)
    made = {
        role: [value] * n_rows if isinstance(value, str) else list(value)
        for role, value in columns.items()
    }
    return single, checked_rows(made, task)


def checked_rows(columns: Mapping[str, Sequence[Any]], task: Task) -> Rows:
    """Make rows, if the task can read them."""
    if not columns or set(columns) - set(task.input_roles) - set(task.alternative_columns):
        raise wrong_texts(task, ", ".join(columns) or "nothing")
    rows = Rows.of(
        {role: without_surrogates(list(cells)) for role, cells in columns.items()}, name="texts"
    )
    adapted, _ = task.normalize(rows)
    missing = [role for role in task.input_roles if role not in adapted]
    if missing:
        raise wrong_texts(task, ", ".join(columns))
    return rows


def wrong_texts(task: Task, received: str) -> DataError:
    """Make the error that says what the task reads."""
    roles = " and ".join(task.input_roles)
    example = ", ".join(f'"{role}": "…"' for role in task.input_roles)
    return DataError(
        f"The task {task.name} reads {roles}.", received=received, hint=f"give {{{example}}}"
    )


def without_answers(rows: Rows, task: Task) -> Rows:
    """Drop the gold answers, so that nothing can read them."""
    answers = task.answer_columns
    kept = {name: values for name, values in rows.columns.items() if name not in answers}
    return Rows(kept, rows.files, rows.file_of, rows.lines)
