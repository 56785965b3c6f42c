"""How far the annotators of a file agree: what `luthier agree` shows, without any training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from luthier.annotators.agreement import Agreement, agreement_of
from luthier.arguments import Overrides, checked
from luthier.columns import SOFT, SOFT_ROLE
from luthier.data.journal import is_journal, rows_of_journal
from luthier.data.readers.nested import with_fields
from luthier.data.readers.propose_form import read_as_proposed
from luthier.data.write_rows import refuse_unwritable, write_rows
from luthier.errors import DataError, suggestion
from luthier.protocols import Task
from luthier.recipe.checks import make_plugin
from luthier.recipe.load import apply_overrides, read_recipe
from luthier.recipe.starter import starter_tree
from luthier.records import Rows
from luthier.shapes.recognise import recognise
from luthier.sources.labelled import read_labelled
from luthier.text.tags import spans_of_tags


@checked
def agree(
    source: Any,
    annotator: str,
    *,
    label: str | None = None,
    text: str | None = None,
    id_column: str | None = None,
    task: str | None = None,
    out: str | Path | None = None,
    overrides: Overrides = (),
) -> Agreement:
    """Compare the annotators of a file, and join their answers to one row for each text.

    Args:
        source: A data file or rows in memory, with a row for each answer.
        annotator: The column that names who answered.
        label: The column of the answers; None: guessed.
        text: The column of the texts; None: guessed, or not needed where ids are given.
        id_column: The column that names texts; None: equal texts are one.
        task: The name of the task; None: guessed. It tells whether answers are labels, numbers or
            entities.
        out: A file for the joined rows, .csv or .jsonl; None writes none.
        overrides: How the file is read, such as `data.delimiter=;`.

    Returns:
        The agreement of all, of two and two, how right each annotator is, and the joined rows.

    Raises:
        DataError: A column is not there, one annotator is alone, or no text has two answers.

    Example:
        found = luthier.agree("labels.csv", "annotator", out="merged.csv")
        print(found.verdict, found.annotators[0].score)
    """
    if out is not None:
        refuse_unwritable(Path(out))
    form = dict(apply_overrides({}, overrides).get("data", {}))
    form.pop("columns", None)
    notes: list[str] = []
    proposed: dict[str, Any] = {}
    if is_journal(source):
        rows = rows_of_journal(source)
    else:
        rows, notes, proposed = read_as_proposed(_source(source), **form)
    named = {"annotator": annotator, "label": label, "text": text, "id": id_column}
    rows = replace(rows, columns=with_fields(rows.columns, filter(None, named.values())))
    for option, name in named.items():
        if name is not None and name not in rows:
            raise DataError(
                f"There is no column called '{name}'.",
                received=f"{option} {name}; columns {', '.join(rows.columns)}",
                hint=suggestion(name, list(rows.columns)),
            )
    if id_column is not None and text is None and task is None and label is not None:
        found = agreement_of(rows, "single-label", annotator, (), label, id_column=id_column)
    else:
        made, prepared = _as_task(rows, annotator, label, text, id_column, task, overrides)
        found = agreement_of(
            prepared,
            made.kind,
            annotator,
            made.input_roles,
            str(made.answer_role),
            id_column=id_column,
        )
    notes = [*notes, *(f"data.{name}={value}" for name, value in proposed.items()), *found.notes]
    if out is not None:
        notes += write_rows(readable(found.merged), Path(out))
    return replace(found, notes=tuple(notes))


def readable(rows: Rows) -> dict[str, Sequence[Any]]:
    """Name the columns of joined rows so that a recipe can name them."""
    columns = {SOFT_ROLE if name == SOFT else name: cells for name, cells in rows.columns.items()}
    if "words" in columns and "tags" in columns:
        words, tags = columns.pop("words"), columns.pop("tags")
        columns["spans"] = [
            [{"start": at[a][0], "end": at[b - 1][1], "label": name} for a, b, name in found]
            for at, found in zip(words, map(spans_of_tags, tags), strict=True)
        ]
    return columns


def _source(source: Any) -> Any:
    return str(source) if isinstance(source, Path) else source


def _as_task(
    rows: Rows,
    annotator: str,
    label: str | None,
    text: str | None,
    id_column: str | None,
    name: str | None,
    overrides: Sequence[str],
) -> tuple[Task, Rows]:
    """Guess the task where it is not named, and normalise the rows as it does."""
    kept = {key: cells for key, cells in rows.columns.items() if key not in (annotator, id_column)}
    task: Any = None if name is None else make_plugin("tasks", read_task(name))
    role = "label" if task is None else str(task.answer_role)
    given = {key: one for key, one in (("text", text), (role, label)) if one is not None}
    guess = recognise(replace(rows, columns=kept), task=name, given=given)
    tree = starter_tree(guess.task, guess.columns, {"train": "memory:train"})
    recipe = read_recipe(apply_overrides(tree, overrides))
    task = make_plugin("tasks", recipe.task)
    if task.answer_role is None:
        raise DataError(
            f"{task.name} has no answers that annotators could give.",
            received=f"columns {', '.join(rows.columns)}",
            hint="--label with the column of the answers",
        )
    prepared, _, _ = read_labelled(rows, recipe, task)
    return task, prepared


def read_task(name: str) -> Any:
    """Make the plug-in of a task of this name."""
    from luthier.recipe.tree import Plugin

    return Plugin(name=name)
