"""Writes the first recipe for a data file or folder, as `luthier init` does.

    source ─► splits ─► rows ─► guess ─► fields ─► recipe

Next: `shapes/recognise.py`, which guesses what the rows are for.
"""

from __future__ import annotations

import os.path
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from luthier.data.labels import is_missing, label_name, placeholders
from luthier.data.readers.find_splits import find_splits
from luthier.data.readers.nested import with_fields
from luthier.data.readers.propose_form import read_as_proposed
from luthier.data.readers.read import FIELDS, read
from luthier.data.readers.split_names import name_splits
from luthier.errors import LuthierError
from luthier.formats.reviews import without_rejected
from luthier.protocols import Task
from luthier.reading import require_roles
from luthier.recipe.checks import make_plugin
from luthier.recipe.load import apply_overrides, read_recipe
from luthier.recipe.starter import starter_tree, write_starter
from luthier.recipe.tree import Recipe, name_of_column
from luthier.records import Rows
from luthier.registry import find, names
from luthier.shapes.groups import group_column
from luthier.shapes.recognise import recognise
from luthier.shapes.sheet import Guess, Sheet
from luthier.sources.labelled import with_answer

TRIED = 1000  # rows that are read as a run would read them
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class FirstRecipe:
    """A recipe for data that nobody has described.

    Args:
        tree: The fields, with paths relative to the recipe's folder.
        task: The name of the task.
        notes: What was found and detected in the files, in words.
        reasons: Why the task and the columns were chosen.
        unsure: What the user should check.
    """

    tree: Mapping[str, Any]
    task: str
    notes: Sequence[str]
    reasons: Sequence[str]
    unsure: Sequence[str]

    def text(self, name: str) -> str:
        """Write the recipe with its comments; `name` is its path."""
        return write_starter(self.tree, reasons=self.reasons, unsure=self.unsure, name=name)


def first_recipe(
    source: str, overrides: Sequence[str] = (), *, task: str | None = None, folder: Path = Path()
) -> FirstRecipe:
    """Guess what a data file or folder is for, and make a recipe for it.

    Args:
        source: The path of a file or folder, or another source of rows.
        overrides: `section.field=value`, which go into the recipe.
        task: The name of the task; None guesses it.
        folder: The folder of the recipe, to which its paths are relative.

    Raises:
        DataError: The rows cannot be read, or have no shape that is known.
        RecipeError: There is no such task, or an override is wrong.
    """
    asked = apply_overrides({}, overrides)
    data = _section(asked, "data")
    columns = {role: name_of_column(one) for role, one in _section(data, "columns").items()}
    how = {field: data[field] for field in FIELDS if field in data}
    given = {split: data[split] for split in SPLITS if split in data}
    found = find_splits(source)
    sources: dict[str, Any] = {split: getattr(found, split) for split in SPLITS} | given
    rows, notes, proposed = read_as_proposed(sources["train"], **how)
    guess = recognise(rows, task=task or _section(asked, "task").get("name"), given=columns)
    if sources["train"] != source:
        notes.append(f"{_names(sources['train'])}: the training rows")
    notes += found.notes
    for split in ("validation", "test"):
        if sources[split] is not None:
            others, told = read(sources[split], **{**how, **proposed})
            why = "" if split in given else _unusable(others, rows, guess)
            notes += told if split in given else [*told, _tell(split, sources[split], why)]
            sources[split] = None if why else sources[split]
    guess = _grouped(guess, rows, sources)
    tree = starter_tree(guess.task, guess.columns, sources)
    form = {f"data.{field}": value for field, value in proposed.items()}
    for path, value in {**form, **guess.fields}.items():
        _set(tree, path, value)
    tree = apply_overrides(tree, overrides)
    recipe = read_recipe(tree)  # raises if a field is wrong
    rows, rejected = without_rejected(rows, guess.columns.values())
    notes += [found.message for found in rejected]
    doubts = [*_said_splits(rows, guess, sources), *_placeholders(recipe, rows)]
    unsure = [*guess.unsure, *doubts, *_refusal(recipe, rows)]
    return FirstRecipe(_tidy(tree, folder), guess.task, notes, guess.reasons, unsure)


def _section(tree: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return a section; an empty one if it is something else, which is reported later."""
    found = tree.get(name)
    return found if isinstance(found, Mapping) else {}


def _grouped(guess: Guess, rows: Rows, sources: Mapping[str, Any]) -> Guess:
    """Keep rows that belong together in one split, where all splits come from one source."""
    group = group_column(Sheet(rows), guess)
    if group is None or not sources["validation"] is sources["test"] is None:
        return guess
    column, reason = group
    fields = {**guess.fields, "data.split.group_by": column}
    return replace(guess, reasons=[*guess.reasons, reason], fields=fields)


def _said_splits(rows: Rows, guess: Guess, sources: Mapping[str, Any]) -> list[str]:
    """Name the columns that say which split a row is of, where the rows are split anew."""
    if not sources["validation"] is sources["test"] is None:
        return []
    free = [name for name in rows.columns if name not in guess.columns.values()]
    return [
        f"{name}: names the split of each row, but rows are split anew; to keep those splits, "
        "write a file for each: data.train=FILE data.validation=FILE data.test=FILE"
        for name in free
        if name_splits(rows[name])
    ]


def _placeholders(recipe: Recipe, rows: Rows) -> list[str]:
    """Name the labels that may stand for none."""
    task: Task = make_plugin("tasks", recipe.task)
    column = recipe.data.columns.get(task.answer_role or "")
    if task.kind != "single-label" or not isinstance(column, str):
        return []
    counts = placeholders(with_fields(rows.columns, [column])[column])
    return [
        f"{column}: {count:,} row{'s' * (count > 1)} with '{name}', taken as a label; if it stands "
        f"for none, data.no_answer={name} leaves them out"
        for name, count in counts.items()
        if name not in recipe.data.no_answer
    ]


def _refusal(recipe: Recipe, rows: Rows) -> list[str]:
    """Try whether the task can read the rows and their answers; say so if it cannot."""
    task: Task = make_plugin("tasks", recipe.task)
    some = rows.take(np.linspace(0, len(rows) - 1, min(TRIED, len(rows))).astype(int))
    try:
        read_rows, _ = task.normalize(read(some, columns=recipe.data.columns)[0])
        require_roles(read_rows, [column.role for column in task.columns])
        read_rows, _ = with_answer(read_rows, task, none=recipe.data.no_answer)
        task.codec(task.learn_target(read_rows)).gold(read_rows)
    except LuthierError as problem:
        return [f"a run would refuse these rows: {problem.problem} Fix: {problem.hint}"]
    return []


def _unusable(rows: Rows, train: Rows, guess: Guess) -> str:
    """Say why rows cannot be scored: test sets are often published without their answers."""
    inputs = names("inputs")
    for column in find("tasks", guess.task).columns:
        asked = guess.columns.get(column.role) or []
        for name in [asked] if isinstance(asked, str) else asked:
            there, before = (with_fields(one.columns, [name]) for one in (rows, train))
            if name not in there:
                return f"no column '{name}'"
            if column.kind in inputs:
                continue
            values = _distinct(there[name])
            if not values:
                return f"its column '{name}' has no answers"
            if len(values) == 1 < len(rows) and not values & _distinct(before[name]):
                return f"its column '{name}' has no answers, only '{next(iter(values))}'"
    return ""


def _tell(split: str, source: Any, why: str) -> str:
    """Say which files that the user has not named are used, or why not."""
    what = _names(source)
    if why:
        return f"{what} is not used, {split} rows are split off the training rows: {why}"
    return f"{what}: the {split} rows (data.{split}=null splits them off the training rows)"


def _names(source: Any) -> str:
    paths = source if isinstance(source, list) else [source]
    more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    return f"{Path(paths[0]).name}{more}"


def _distinct(values: Sequence[object]) -> set[str]:
    return {label_name(value) for value in values if not is_missing(value)}


def _set(tree: dict[str, Any], path: str, value: object) -> None:
    """Set a field by its dotted path."""
    *sections, field = path.split(".")
    for section in sections:
        held = tree.setdefault(section, {})
        tree[section] = {"name": held} if isinstance(held, str) else held
        tree = tree[section]
    tree[field] = value


def _tidy(tree: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Make paths relative to a folder, and write plug-ins without options as bare names."""
    for split in SPLITS:
        tree["data"][split] = _relative(tree["data"].get(split), folder)
    for plugin in ("model", "task", "method"):
        tree[plugin] = _bare(tree[plugin])
    for plugins in ("baselines", "regularisers", "augmentation"):
        if tree.get(plugins):
            tree[plugins] = [_bare(one) for one in tree[plugins]]
    return tree


def _bare(plugin: Any) -> Any:
    return plugin["name"] if isinstance(plugin, Mapping) and set(plugin) == {"name"} else plugin


def _relative(source: Any, folder: Path) -> Any:
    if isinstance(source, list):
        return [_relative(one, folder) for one in source]
    if not isinstance(source, str) or re.match(r"[A-Za-z][A-Za-z0-9+.-]+:", source):
        return source
    return Path(os.path.relpath(Path(source).expanduser(), folder)).as_posix()
