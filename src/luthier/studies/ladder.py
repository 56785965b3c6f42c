"""The ladder: methods × labels × seeds on one fixed test set. Which is best with what you have?

The few-shot protocol, the same for all methods:

- The test set is fixed; it follows from the recipe's own seed, or is its file.
- Of each label, the same number of training rows is drawn; the draw follows from the seed alone, so
  all methods see the same rows, and larger draws hold the smaller ones.
- There are no validation rows: with 8 labels a class nobody has 100 to choose an epoch by (Perez et
  al. 2021, https://arxiv.org/abs/2105.11447). Each method trains to its end with fixed settings.
- Small sets are trained for at least `min_steps` steps: three passes over 16 rows teach nothing
  (Mosbach et al. 2021, https://arxiv.org/abs/2006.04884). More passes are given, never fewer.
- The recipe's training section holds for its own method; others bring their defaults where they
  have them (a learning rate that suits full fine-tuning does not suit LoRA), and never inherit
  those of the recipe's method.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from luthier.data.labels import label_name
from luthier.data.shots import few_shots
from luthier.errors import DataError, RecipeError
from luthier.load_splits import check_data, refuse_errors
from luthier.protocols import Task
from luthier.recipe.checks import fits, make_plugin
from luthier.recipe.load import read_recipe
from luthier.recipe.tree import Recipe, Training
from luthier.records import Splits
from luthier.registry import find
from luthier.studies.grid import Cell
from luthier.studies.lengths import lengthened
from luthier.studies.verdict import FULL

BASELINES = ("majority", "tfidf-linear")
METHODS = ("full", "lora", "linear-probe", "contrastive")  # compared where none are named


def parse_shots(words: str) -> list[str]:
    """Read how many labels, fewest first: `4,8,16,full`.

    Raises:
        RecipeError: A word is neither a number nor `full`.

    >>> parse_shots("full, 8,4")
    ['4', '8', 'full']
    """
    found = [word.strip() for word in words.split(",") if word.strip()]
    wrong = [word for word in found if word != FULL and not _counts(word)]
    if wrong or not found:
        raise RecipeError(
            "Shots are numbers of labels, or full.",
            received=f"--shots {words}",
            hint="--shots 4,8,16,64,full",
        )
    numbers = sorted({int(word) for word in found if word != FULL})
    return [*map(str, numbers), *([FULL] if FULL in found else [])]


def _counts(word: str) -> bool:
    return word.isdecimal() and int(word) > 0


def ladder(
    recipe: Recipe,
    *,
    methods: Sequence[str] | None,
    shots: Sequence[str],
    seeds: Sequence[int],
    min_steps: int,
) -> tuple[list[Cell], list[str]]:
    """Lay the cells of a ladder out, after looking at the data once.

    Args:
        recipe: What all cells share.
        methods: Names in the catalogue; None: those of `METHODS` that can learn the task.
        shots: Labels a class (rows in all, for tasks without classes), or `full`.
        seeds: Of draws and training.
        min_steps: Optimizer steps that every training has at least.

    Returns:
        The cells, fewest labels first and all methods of a draw together; and notes on the
        protocol.

    Raises:
        RecipeError: A method is unknown or cannot learn the task.
        DataError: The data cannot be trained on, or a label has too few rows.
    """
    task: Task = make_plugin("tasks", recipe.task)
    if methods is None:
        methods = [name for name in METHODS if fits(find("methods", name), task)]
    refuse_methods(methods, task)
    fixed = fixed_test(recipe)
    checked = check_data(read_recipe(fixed, ["training.seed=0"]), task)
    refuse_errors(checked.findings, recipe.data.ignore_findings)
    n_classes = count_classes(checked.splits, task)
    cells = [
        Cell(
            method,
            level,
            seed,
            cell_recipe(
                recipe,
                fixed,
                method,
                level,
                seed,
                n_rows=rows_at(level, checked.splits, task, n_classes),
                per_class=n_classes is not None,
                min_steps=min_steps,
                baselines=baselines_of(task) if method == methods[0] else [],
            ),
        )
        for level in shots
        for seed in seeds
        for method in methods
    ]
    least = min_steps if recipe.training.max_steps <= 0 else 0
    return cells, notes_on(checked.splits, seeds, least, n_classes)


def refuse_methods(methods: Sequence[str], task: Task) -> None:
    """Raise where a method is unknown, named twice, or cannot learn the task."""
    for name in methods:
        if not fits(find("methods", name), task):
            raise RecipeError(
                f"'{name}' cannot learn {task.name}.",
                received=f"--methods {','.join(methods)}",
                hint="luthier list methods shows what there is",
            )
    if len(set(methods)) < len(methods) or not methods:
        raise RecipeError(
            "Each method is named once.",
            received=f"--methods {','.join(methods)}",
            hint="--methods full,lora,contrastive",
        )


def fixed_test(recipe: Recipe) -> dict[str, Any]:
    """Give the recipe as a tree with splits of a fixed seed and without validation rows."""
    tree = recipe.model_dump(mode="json")
    split = tree["data"]["split"]
    if split["seed"] is None:
        split["seed"] = recipe.training.seed
    tree["data"]["validation"] = None
    split["validation"] = 0
    tree["data"]["limit"].pop("validation", None)
    tree["training"] |= {"eval_strategy": "no", "early_stopping_patience": None}
    return tree


def count_classes(splits: Splits, task: Task) -> int | None:
    """Count the labels, or None where the task has none to count rows of."""
    if task.kind != "single-label" or task.answer_role is None:
        return None
    return len({label_name(value) for value in splits.train[task.answer_role]})


def rows_at(level: str, splits: Splits, task: Task, n_classes: int | None) -> int:
    """Say how many training rows a cell has.

    Raises:
        DataError: A label has too few, or there are fewer rows in all.
    """
    if level == FULL:
        return len(splits.train)
    if n_classes is None:
        if int(level) > len(splits.train):
            raise DataError(
                "There are fewer training rows than are asked for.",
                received=f"--shots {level}; {len(splits.train)} training rows",
                hint=f"--shots {len(splits.train)}, or full",
            )
        return int(level)
    return len(few_shots(splits.train, str(task.answer_role), int(level), seed=0))


def cell_recipe(
    recipe: Recipe,
    fixed: dict[str, Any],
    method: str,
    level: str,
    seed: int,
    *,
    n_rows: int,
    per_class: bool,
    min_steps: int,
    baselines: list[str],
) -> Recipe:
    """Make the recipe of one cell."""
    data, training = dict(fixed["data"]), {**fixed["training"], "seed": seed}
    if level != FULL and per_class:
        data["shots"] = int(level)
    elif level != FULL:
        data["limit"] = {**data["limit"], "train": int(level)}
    tree = {**fixed, "data": data, "baselines": baselines}
    if method != recipe.method.name:
        tree["method"] = {"name": method}
        training = of_other_method(training, recipe.method.name, method)
    made = read_recipe({**tree, "training": training})
    return lengthened(made, n_rows=n_rows, min_steps=min_steps)


def of_other_method(training: dict[str, Any], own: str, other: str) -> dict[str, Any]:
    """Give the training section for another method than the one it was written for.

    A recipe is checked with its method's defaults filled in. Those are no wish of the user and go;
    what the user wrote stays, except where the other method has a default of its own.
    """
    usual = Training.model_fields
    filled = find("methods", own).defaults
    asked = {
        name: usual[name].default if name in filled and value == filled[name] else value
        for name, value in training.items()
    }
    return asked | dict(find("methods", other).defaults)


def baselines_of(task: Task) -> list[str]:
    """Choose baselines that cost next to nothing and fit the task."""
    return [name for name in BASELINES if fits(find("baselines", name), task)]


def notes_on(
    splits: Splits, seeds: Sequence[int], min_steps: int, n_classes: int | None
) -> list[str]:
    """Tell the protocol."""
    what = f"each of {n_classes} labels" if n_classes else "the training rows"
    return [
        f"Test set, the same for all: {len(splits.test)} rows ({splits.made['test']}).",
        f"Training rows: the same number of {what}, drawn by the seed, the same for all methods; "
        "larger draws hold the smaller ones.",
        f"Seeds: {', '.join(map(str, seeds))}.",
        "No validation rows: settings are fixed, and nothing is chosen by scores.",
        *([f"At least {min_steps} optimizer steps."] if min_steps else []),
    ]
