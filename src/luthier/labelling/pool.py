"""The rows that may be labelled: read, named, and held against the rows that have answers."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from luthier.data.doctor.split_view import key_of
from luthier.data.fingerprint import cell_digest
from luthier.data.labels import is_missing, label_name
from luthier.data.readers.read import read, short
from luthier.errors import DataError
from luthier.load_splits import check_data
from luthier.protocols import Task
from luthier.reading import normalized, read_inputs, without_answers
from luthier.recipe.tree import Recipe
from luthier.records import Rows, Splits

MOST_OVERLAP = 0.05  # share of a pool that may also be in the recipe's rows
DIGITS = 16  # of a row's name, where it has no id of its own


@dataclass(frozen=True)
class Pool:
    """Rows to label.

    Args:
        rows: Rows as the task reads them, each once, none of them among the recipe's.
        ids: A name for each row, which outlives a new order of the file.
        notes: What was left out, in words.
    """

    rows: Rows
    ids: tuple[str, ...]
    notes: tuple[str, ...]

    def texts(self, index: int, task: Task) -> dict[str, str]:
        """Return the texts of a row by their roles."""
        return {role: str(self.rows[role][index] or "") for role in task.input_roles}


def read_known(recipe: Recipe, task: Task, out: str, given: Mapping[str, Any]) -> Splits | None:
    """Read the rows that have answers already; None where there are no others than the desk's."""
    source = given.get("train", recipe.data.train)
    listed = source if isinstance(source, list) else [source]
    others = [one for one in listed if not (isinstance(one, str) and os.path.abspath(one) == out)]
    if not others:
        return None
    kept = recipe.data.model_copy(update={"train": others}) if "train" not in given else recipe.data
    if kept.test is not None and os.path.abspath(str(kept.test)) == out:
        kept = kept.model_copy(update={"test": None})
    return check_data(
        recipe.model_copy(update={"data": kept}), task, given, inspecting=False
    ).splits


def read_pool(
    source: object,
    recipe: Recipe,
    task: Task,
    known: Splits | None,
    *,
    columns: Mapping[str, str] | None = None,
) -> Pool:
    """Read the rows that may be labelled.

    Args:
        source: A file, or rows in memory.
        recipe: Its data section says what the columns are called.
        task: The task.
        known: The rows that have answers already.
        columns: Role to the name of its column, where that differs from the recipe's.

    Raises:
        DataError: There are no rows, a column is missing, or the recipe has the same rows.
    """
    found = _read(source, _as_pool(recipe, source, columns or {}), task, columns or {})
    rows, _ = normalized(without_answers(found, task), recipe, task)
    ids = _ids(found, rows, task)
    keys = [
        key_of([str(rows[role][at] or "") for role in task.input_roles]) for at in range(len(rows))
    ]
    taken = set() if known is None else _keys(known, task)
    _refuse_overlap(sum(key in taken for key in keys), len(rows), short(rows.files[0]))
    kept, seen = [], set(taken)
    for index, key in enumerate(keys):
        if key and key not in seen:
            kept.append(index)
            seen.add(key)
    name = short(rows.files[0])
    if not kept:
        raise DataError(
            "There is nothing to label.",
            received=f"{len(rows):,} rows of {name}, without a text that is not known already",
            hint="--pool FILE with rows that have no answers yet",
        )
    n_empty, n_known = sum(not key for key in keys), sum(key in taken for key in keys)
    n_copies = len(rows) - len(kept) - n_empty - n_known
    told = [(n_known, "among the recipe's rows"), (n_copies, "copies"), (n_empty, "without a text")]
    notes = [f"{n:,} of {len(rows):,} rows of {name} left out: {why}" for n, why in told if n]
    return Pool(rows.take(kept), tuple(ids[index] for index in kept), tuple(notes))


def _read(source: object, recipe: Recipe, task: Task, columns: Mapping[str, str]) -> Rows:
    try:
        if columns:  # those that are asked for by name have to be there
            source = read(source, columns=columns, **recipe.data.form)[0]
        return read_inputs(source, recipe, task)
    except DataError as problem:
        fix = (problem.hint or "").replace("data.columns.", "--columns ")
        raise DataError(problem.problem, received=problem.received, hint=fix or None) from None


def _as_pool(recipe: Recipe, source: object, columns: Mapping[str, str]) -> Recipe:
    """Read files of another kind than the training file's as what they are."""
    first = recipe.data.train if isinstance(recipe.data.train, str) else recipe.data.train[0]
    asked: dict[str, Any] = {"columns": {**recipe.data.columns, **columns}}
    if os.path.splitext(first)[1] != os.path.splitext(str(source))[1]:
        asked |= dict.fromkeys(("format", "delimiter", "quoting", "header", "encoding"))
    return recipe.model_copy(update={"data": recipe.data.model_copy(update=asked)})


def _ids(found: Rows, rows: Rows, task: Task) -> list[str]:
    """Name the rows by a column `id` that tells them apart, else by a digest of their texts."""
    if "id" in found and len(found) == len(rows):
        named = ["" if is_missing(cell) else label_name(cell) for cell in found["id"]]
        if all(named) and len(set(named)) == len(named):
            return named
    return [
        cell_digest([str(rows[role][at]) for role in task.input_roles]).hex()[:DIGITS]
        for at in range(len(rows))
    ]


def _keys(known: Splits, task: Task) -> set[str]:
    return {
        key_of([str(rows[role][at] or "") for role in task.input_roles])
        for _, rows in known.items()
        for at in range(len(rows))
    }


def _refuse_overlap(n: int, n_rows: int, name: str) -> None:
    if n_rows and n > MOST_OVERLAP * n_rows:
        raise DataError(
            "The pool holds rows that the recipe trains or tests on.",
            received=f"{n:,} of {n_rows:,} rows of {name}",
            hint="--pool FILE with rows that are in none of the recipe's splits",
        )
