"""The texts of a domain: of files of any format, and of a recipe's rows, without their labels.

Next: `distance.py`, which compares two sets of them; `adapt.py`, which has a model learn them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from luthier.data.readers.propose_form import read_as_proposed
from luthier.data.readers.read import read
from luthier.errors import DataError, nearest
from luthier.load_splits import check_data
from luthier.protocols import Task
from luthier.recipe.checks import make_plugin
from luthier.recipe.load import read_recipe
from luthier.recipe.tree import Plugin, Recipe
from luthier.records import Rows
from luthier.shapes.recognise import recognise
from luthier.text.words import split_words

RECIPES = (".yaml", ".yml")


@dataclass(frozen=True)
class Texts:
    """Texts of one domain, each once.

    Args:
        name: The file or recipe that they come from.
        texts: The texts, in their order.
        n_repeated: How many more there were, equal to one of them.
        recipe: The recipe, where they are those of its training rows.
    """

    name: str
    texts: tuple[str, ...]
    n_repeated: int = 0
    recipe: Recipe | None = None


def texts_of(source: str | Path, column: str | None = None) -> Texts:
    """Read the texts of a file, or of a recipe's training rows.

    Args:
        source: A data file of any format, or a recipe.
        column: The column with the texts; None: those that `luthier init` would learn from.

    Raises:
        DataError: The file cannot be read, or has no such column.
    """
    name = str(source)
    if Path(name).suffix.lower() in RECIPES:
        recipe = read_recipe(name)
        task: Task = make_plugin("tasks", recipe.task)
        rows = check_data(recipe, task, inspecting=False).all_train
        return replace(each_once(name, of_rows(rows, task)), recipe=recipe)
    rows, _, _ = read_as_proposed(name)
    if column is not None:
        return each_once(name, map(_written, rows[_known(rows, column, name)]))
    return each_once(name, _guessed(rows, name))


def each_once(name: str, texts: Iterable[str]) -> Texts:
    """Leave out empty texts, and all but the first of equal ones."""
    whole = [text.strip() for text in texts]
    whole = [text for text in whole if text]
    kept = tuple(dict.fromkeys(whole))
    return Texts(name, kept, len(whole) - len(kept))


def of_rows(rows: Rows, task: Task) -> Iterator[str]:
    """Walk over the texts that a task reads of rows, column by column."""
    for column in task.texts(rows):
        yield from map(_written, column)


def n_words(texts: Sequence[str]) -> int:
    """Count words."""
    return sum(len(split_words(text)) for text in texts)


def _guessed(rows: Rows, name: str) -> Iterator[str]:
    """Find the texts as `luthier init` does; of a file without answers, the likeliest column."""
    try:
        guess = recognise(rows)
    except DataError:
        try:
            guess = recognise(rows, task="masked-lm")
        except DataError:
            raise DataError(
                "No column of this file looks like texts.",
                received=f"{name} with columns {', '.join(rows.columns)}",
                hint="--column NAME",
            ) from None
    task: Task = make_plugin("tasks", Plugin(name=guess.task, options=_options(guess.fields)))
    renamed, _ = read(rows, columns=guess.columns)
    normal, _ = task.normalize(renamed)
    yield from of_rows(normal, task)


def _options(fields: object) -> dict[str, object]:
    """Pick the options of the task among guessed fields of a recipe."""
    start, found = "task.options.", dict(fields) if isinstance(fields, dict) else {}
    return {name.removeprefix(start): one for name, one in found.items() if name.startswith(start)}


def _known(rows: Rows, column: str, name: str) -> str:
    if column in rows:
        return column
    close = nearest(column, list(rows.columns))
    raise DataError(
        f"{name} has no column called '{column}'.",
        received=f"columns {', '.join(rows.columns)}",
        hint=f"--column {close or next(iter(rows.columns))}",
    )


def _written(cell: object) -> str:
    """Write a cell as text; the words of a list with blanks between."""
    if cell is None:
        return ""
    return " ".join(map(str, cell)) if isinstance(cell, (list, tuple)) else str(cell)
