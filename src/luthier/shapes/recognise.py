"""Recognises what a file is for, among the shapes that people keep their data in.

Each file beside this one recognises shapes of one kind. A shape is a function from a `Sheet` to a
`Guess`, or to None; the first that knows the rows decides, so those that are told by unmistakable
names come first. To add a shape, write the function, add it to the `SHAPES` of its file, and add a
small file of it to `tests/first_command/shapes.py`, which goes from `init` to `evaluate`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import chain
from typing import Any

from luthier.data.readers.nested import unfolded, with_fields
from luthier.errors import DataError, column_fix, nearest
from luthier.records import Rows
from luthier.registry import find
from luthier.shapes import (
    choices,
    conversations,
    labelled_texts,
    media_files,
    plain_text,
    questions,
    rewritten_texts,
    tagged_words,
    text_pairs,
)
from luthier.shapes.labelled_texts import undecided
from luthier.shapes.sheet import Guess, Shape, Sheet

MOST_COLUMNS = 5000  # among which the ones to learn from are guessed
SHAPES: tuple[Shape, ...] = (
    *tagged_words.SHAPES,
    *questions.SHAPES,
    *choices.SHAPES,
    *questions.LATER,
    *conversations.SHAPES,
    *rewritten_texts.SHAPES,
    *plain_text.SHAPES,
    *media_files.SHAPES,
    *labelled_texts.SHAPES,
    *conversations.LATER,
    *text_pairs.SHAPES,
)


def recognise(
    rows: Rows, *, task: str | None = None, given: Mapping[str, Any] | None = None
) -> Guess:
    """Guess what rows are meant for: the task, the column of each role, and the reasons in words.

    Args:
        rows: The rows, whose columns have the file's names.
        task: The name of the task, if it is known.
        given: Columns that are known, by role.

    Raises:
        DataError: No column looks like texts, or none like something to learn; a given column
            is not there; or there are too many.
        RecipeError: There is no task of that name.

    >>> rows = Rows.of({"review": ["It was good."] * 3 + ["It was bad."], "stars": list("5551")})
    >>> guess = recognise(rows)
    >>> guess.task, guess.columns
    ('text-classification', {'text': 'review', 'label': 'stars'})
    """
    given = given or {}
    _refuse_many_columns(rows)
    named = chain.from_iterable([one] if isinstance(one, str) else one for one in given.values())
    sheet = Sheet(replace(rows, columns=with_fields(rows.columns, named)), given)
    _refuse_unknown_columns(sheet)
    if task is not None:
        find("tasks", task)
    sheets = [sheet]
    if (fields := unfolded(sheet.rows.columns)).keys() != sheet.rows.columns.keys():
        sheets.append(Sheet(replace(rows, columns=fields), given))
    for each in sheets:
        for shape in SHAPES:
            guess = shape(each)
            if guess and task in (None, guess.task) and set(given) <= set(guess.columns):
                return guess
    if task is not None:
        return for_task(sheets[-1], task)
    raise undecided(sheets[-1])


def for_task(sheet: Sheet, task: str) -> Guess:
    """Find the columns of a task that the user has named.

    Raises:
        DataError: A column is not found.
    """
    columns: dict[str, Any] = {}
    for wanted in find("tasks", task).columns:
        if wanted.role in sheet.given:
            columns[wanted.role] = sheet.given[wanted.role]
        elif wanted.kind in ("text", "label", "labels", "value"):
            best = sheet.best(wanted, [str(one) for one in columns.values()])
            columns[wanted.role] = best.name if best else None
        else:
            columns[wanted.role] = sheet.find(wanted.role, wanted.role, *wanted.guesses)
    lacking = [role for role, column in columns.items() if column is None]
    if lacking:
        raise DataError(
            f"No column looks like the {' and the '.join(lacking)} of {task}.",
            received=f"columns {', '.join(sheet.columns)}",
            hint=" ".join(f"data.columns.{role}=COLUMN" for role in lacking),
        )
    return Guess(task, columns, [f"{column}: the {role}" for role, column in columns.items()])


def _refuse_many_columns(rows: Rows) -> None:
    names = list(rows.columns)
    if len(names) > MOST_COLUMNS:
        raise DataError(
            f"Columns are guessed among at most {MOST_COLUMNS:,}.",
            received=f"{len(names):,} columns: {', '.join(names[:5])}, …",
            hint="write a recipe with data.columns.ROLE=COLUMN for each role of the task, or keep "
            "only the columns that are needed",
        )


def _refuse_unknown_columns(sheet: Sheet) -> None:
    for role, given in sheet.given.items():
        for name in [given] if isinstance(given, str) else given:
            if name not in sheet.rows:
                close = nearest(str(name), sheet.columns)
                raise DataError(
                    f"{', '.join(sheet.rows.files[:3])} has no column called '{name}'.",
                    received=f"columns {', '.join(sheet.columns)}",
                    hint=column_fix(role, [close] if close else sheet.columns),
                )
