"""Finds fields of a recipe that are valid one by one, but not together.

Before this: `checks.py`.
"""

from __future__ import annotations

from collections.abc import Iterator

from luthier.recipe.problems import Problem
from luthier.recipe.tree import Recipe
from luthier.recipe.weak import problems_of_weak
from luthier.registry import find, names


def problems_of_fields(recipe: Recipe) -> list[Problem]:
    """Find what contradicts each other in a recipe, asks for nothing, or has no effect."""
    return [*_check_sense(recipe), *_check_adaptation(recipe), *_check_weak(recipe)]


def _check_sense(recipe: Recipe) -> Iterator[Problem]:
    """Find fields that are valid one by one, but not together."""
    data, training, split = recipe.data, recipe.training, recipe.data.split
    for name in ("validation", "test"):
        size = getattr(split, name)
        if getattr(data, name) is None and (size < 0 or (size >= 1 and size != int(size))):
            yield Problem(
                f"data.split.{name}", f"should be a share below 1 or a number of rows, not {size}"
            )
    made = [getattr(split, name) for name in ("validation", "test") if getattr(data, name) is None]
    if sum(size for size in made if 0 < size < 1) >= 1:
        yield Problem("data.split", "leaves no rows to train on", fix="data.split.test=0.2")
    if data.test is None and split.test == 0 and split.n_folds is None:
        yield Problem(
            "data.split.test",
            "without test rows, nothing can be evaluated",
            fix="data.split.test=0.2",
        )
    if split.n_folds is not None and split.fold is not None and split.fold >= split.n_folds:
        yield Problem(
            "data.split.fold", f"should be below n_folds, {split.n_folds}, not {split.fold}"
        )
    for name, rows in data.limit.items():
        if rows < 1:
            yield Problem(f"data.limit.{name}", f"should be 1 or more, not {rows}")
    if training.eval_strategy == "steps" and training.eval_steps is None:
        yield Problem(
            "training.eval_steps",
            "is required by eval_strategy: steps",
            fix="training.eval_steps=100",
        )
    if training.early_stopping_patience is not None and training.eval_strategy == "no":
        yield Problem(
            "training.early_stopping_patience",
            "has no effect if nothing is evaluated",
            fix="training.eval_strategy=epoch",
        )
    if training.bf16 is True and training.fp16:
        yield Problem(
            "training.fp16", "bf16 and fp16 exclude each other", fix="training.fp16=false"
        )


def _check_adaptation(recipe: Recipe) -> Iterator[Problem]:
    """Find fields of the adaptation that ask for nothing, or for what no file gives."""
    asked = recipe.adaptation
    if asked is None:
        return
    if not (asked.texts or asked.include_train or asked.include_test):
        yield Problem(
            "adaptation", "names no texts to learn", fix="adaptation.texts=[FILE], or leave it out"
        )
    if asked.select is not None and not asked.texts:
        yield Problem(
            "adaptation.select",
            "chooses among the texts of files, and none is named",
            fix="adaptation.texts=[FILE] or adaptation.select=null",
        )


def _check_weak(recipe: Recipe) -> Iterator[Problem]:
    """Find labelling functions that cannot vote on the rows of the task."""
    if recipe.data.weak is not None and recipe.task.name in names("tasks"):
        yield from problems_of_weak(recipe.data.weak, find("tasks", recipe.task.name))
