"""Rows of any source in the shape that a task works with.

Next: `load_splits.py`, which splits and checks them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from luthier.data.join_rows import joined
from luthier.data.journal import journals_of, rows_of_journal
from luthier.data.readers.read import read, read_and_check
from luthier.errors import DataError
from luthier.formats.exchange.rows_of_tool import rows_of_tool
from luthier.formats.reviews import without_rejected
from luthier.protocols import Task
from luthier.recipe.tree import Recipe
from luthier.records import Rows
from luthier.results import Finding


def read_rows(
    source: object,
    recipe: Recipe,
    task: Task,
    roles: Sequence[str],
    *,
    audit: bool | None = None,
    partly: bool = False,
) -> tuple[Rows, list[str], list[Finding]]:
    """Read rows in the shape that the task works with.

    Args:
        source: A path or another source that `read` knows, or rows in memory.
        recipe: The recipe, which maps roles to columns.
        task: The task, which normalizes the rows.
        roles: Roles that the normalized rows must have.
        audit: Which rows of a labelling desk's file are read, as `audited` says.
        partly: Whether columns of answers may be absent.

    Returns:
        The rows, notes on what was detected, and findings on what was corrected.
    """
    journals = journals_of(source)
    parts: list[Rows] = []
    notes: list[str] = []
    found: list[Finding] = []
    for path in journals:
        rows, corrected = task.normalize(rows_of_journal(path, audit=audit))
        parts.append(rows)
        found += corrected
    listed = source if isinstance(source, (list, tuple)) else [source]
    of_tools = _of_tools([one for one in listed if str(one) not in journals], recipe)
    for one, told in of_tools.values():
        rows, corrected = task.normalize(one)
        parts.append(rows)
        notes += told
        found += corrected
    special = {*journals, *of_tools}
    others = [one for one in listed if str(one) not in special] if special else source
    if not special or others:
        rows, told, corrected = _read_files(others, recipe, task, partly=partly)
        notes = [*told, *notes]
        parts.insert(0, rows)
        found = [*corrected, *found]
    for rows in parts:
        require_roles(rows, roles)
    return joined(parts), notes, found


def _of_tools(sources: Sequence[object], recipe: Recipe) -> dict[str, tuple[Rows, list[str]]]:
    """Read those files that labelling tools wrote, where the recipe asks who answered."""
    asked = recipe.data.annotator
    if asked is None:
        return {}
    read_ones = ((str(one), rows_of_tool(one, asked)) for one in sources)
    return {name: found for name, found in read_ones if found is not None}


def _read_files(
    source: object, recipe: Recipe, task: Task, *, partly: bool
) -> tuple[Rows, list[str], list[Finding]]:
    """Read rows that no labelling desk wrote, with the columns that the recipe names."""
    data = recipe.data
    answers = {role: data.columns[role] for role in task.answer_columns if role in data.columns}
    sure = {role: name for role, name in data.columns.items() if not partly or role not in answers}
    rows, notes, misread = read_and_check(source, columns=sure, **data.form)
    if partly:
        rows, _ = read(
            rows, columns={role: name for role, name in answers.items() if str(name) in rows}
        )
    rows, rejected = without_rejected(rows, data.columns)
    unread, asked = unnamed_columns(rows, recipe, task), data.columns.values()
    notes += [
        f"the column '{name}' is not read; data.columns.{name}={name} reads it"
        for name in unread
        if not any(isinstance(one, str) and one.startswith(f"{name}.") for one in asked)
    ]
    rows, found = normalized(rows, recipe, task)
    return rows, notes, [*misread, *rejected, *found]


def read_inputs(source: object, recipe: Recipe, task: Task) -> Rows:
    """Read a file with the recipe's columns, or the task's own; answers may be absent.

    Raises:
        DataError: A column that the task reads is missing.
    """
    data, answers = recipe.data, task.answer_columns
    rows, _, misread = read_and_check(source, **data.form)
    refuse_errors(misread, data.ignore_findings)
    columns = {
        role: name
        for role, name in data.columns.items()
        if role not in answers
        and (role not in rows or {*([name] if isinstance(name, str) else name)} <= {*rows.columns})
    }
    rows = task.gather(read(rows, columns=columns)[0])
    require_roles(task.normalize(without_answers(rows, task))[0], task.input_roles)
    return rows


def without_answers(rows: Rows, task: Task) -> Rows:
    """Drop the gold answers, so that nothing can read them."""
    answers = task.answer_columns
    kept = {name: values for name, values in rows.columns.items() if name not in answers}
    return Rows(kept, rows.files, rows.file_of, rows.lines)


def unnamed_columns(rows: Rows, recipe: Recipe, task: Task) -> list[str]:
    """List the columns that the task would read, if only the recipe named them."""
    optional = getattr(task, "optional_columns", ())
    return [name for name in optional if name in rows and name not in recipe.data.columns]


def normalized(rows: Rows, recipe: Recipe, task: Task) -> tuple[Rows, list[Finding]]:
    """Normalise rows, of which columns that the recipe does not name are kept but not read."""
    unread = {name: rows[name] for name in unnamed_columns(rows, recipe, task)}
    if not unread:
        return task.normalize(rows)
    others = {name: cells for name, cells in rows.columns.items() if name not in unread}
    adapted, found = task.normalize(replace(rows, columns=others))
    return replace(adapted, columns={**adapted.columns, **unread}), found


def require_roles(rows: Rows, roles: Sequence[str]) -> None:
    """Raise if a role of the task has no column."""
    missing = [role for role in roles if role not in rows]
    if missing:
        raise DataError(
            f"{', '.join(rows.files)}: no column plays the role of {' and '.join(missing)}.",
            received=f"columns {', '.join(rows.columns)}",
            hint=" ".join(f"data.columns.{role}=COLUMN" for role in missing),
        )


def refuse_errors(findings: Sequence[Finding], ignored: Sequence[str]) -> None:
    """Stop if the doctor found errors that would make the verdict worthless."""
    errors = [f for f in findings if f.severity == "error" and f.code not in ignored]
    if errors:
        raise DataError(
            "The data cannot be used as they are:\n"
            + "\n".join(f"  - {error.message} ({', '.join(error.places)})" for error in errors),
            received=", ".join(error.code for error in errors),
            hint=errors[0].fix or f"data.ignore_findings=[{errors[0].code}]",
        )
