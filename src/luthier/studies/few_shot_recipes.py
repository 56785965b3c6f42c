"""The recipes of a ladder: a method, a number of labels and a seed, on a fixed test set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from luthier.data.labels import label_name
from luthier.data.shots import few_shots
from luthier.errors import DataError
from luthier.protocols import Task
from luthier.recipe.load import read_recipe
from luthier.recipe.tree import Recipe, Training
from luthier.records import Splits
from luthier.registry import find
from luthier.studies.lengths import lengthened
from luthier.studies.verdict import FULL


def fixed_test(recipe: Recipe) -> dict[str, Any]:
    """Give the recipe as a tree with splits of a fixed seed and without validation rows."""
    tree = recipe.model_dump(mode="json")
    split = tree["data"]["split"]
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
    """Say how many training rows a trial has.

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


def trial_recipe(
    recipe: Recipe,
    fixed: dict[str, Any],
    method: str,
    level: str,
    seed: int,
    *,
    n_rows: int,
    per_class: bool,
    min_steps: int,
    baselines: Sequence[str | dict[str, Any]],
) -> Recipe:
    """Make the recipe of one trial."""
    data, training = dict(fixed["data"]), {**fixed["training"], "seed": seed}
    if level != FULL and per_class:
        data["shots"] = int(level)
    elif level != FULL:
        data["limit"] = {**data["limit"], "train": int(level)}
    tree = {**fixed, "data": data, "baselines": list(baselines)}
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
