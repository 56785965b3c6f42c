"""Outputs for every row by models that did not learn from it, nor from its duplicates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np

from luthier.build_problem import make_codec
from luthier.codec import Codec
from luthier.data.labels import label_name, split_labels
from luthier.data.sampling import deal, join_alike, number_groups
from luthier.errors import DataError
from luthier.models_of_rows import FrozenModel, RecipeModel
from luthier.protocols import Task
from luthier.ragged import Array
from luthier.recipe.tree import Recipe
from luthier.records import Outputs, Rows, StepInfo, Target
from luthier.seeding import stream
from luthier.sources.labelled import column_name
from luthier.sources.unlabelled import keys_of
from luthier.training.listeners import Listener

STRENGTH = 1.0  # inverse regularisation of the head; one that fits wrong labels overlooks them


def out_of_fold(
    recipe: Recipe,
    task: Task,
    rows: Rows,
    target: Target,
    *,
    n_folds: int,
    by: str,
    listener: Listener,
) -> tuple[Codec, list[tuple[Array, Outputs]]]:
    """Train a model for each fold on all others, and let it answer the fold.

    Args:
        recipe: The recipe.
        task: Its task.
        rows: All rows with their labels.
        target: What is predicted.
        n_folds: Number of folds.
        by: `frozen`, a head on the states of the pre-trained model, or `recipe`, its own method.
        listener: Is told every step.

    Returns:
        The task bound to its target, and for each fold the rows in it and outputs for them.
    """
    folds = folds_of(recipe, task, rows, n_folds)
    codec = make_codec(recipe, task, target)
    model: FrozenModel | RecipeModel = RecipeModel(recipe, codec, listener)
    if by == "frozen":
        model = FrozenModel(recipe, codec, listener, strength=STRENGTH)
    found = []
    for fold in range(n_folds):
        judged = np.flatnonzero(folds == fold)
        outputs_of = model.fit(rows.take(np.flatnonzero(folds != fold)))
        found.append((judged, outputs_of(rows.take(judged))))
        listener(StepInfo("folds", fold + 1, n_folds, rows=len(judged)))
    return codec, found


def folds_of(recipe: Recipe, task: Task, rows: Rows, n_folds: int) -> Array:
    """Deal rows to folds; equal texts, and rows of one group, are in one fold, (rows,)."""
    column = column_name(recipe.data.split.group_by, recipe.data.columns)
    groups = None
    if column is not None and column in rows:
        groups = number_groups([None if one is None else label_name(one) for one in rows[column]])
    groups, _ = join_alike(keys_of(rows, task), groups)
    random = stream(recipe.data.split.seed, "label noise")
    return deal(len(rows), n_folds, labels=_labels(rows, task), groups=groups, random=random)


def _labels(rows: Rows, task: Task) -> Sequence[Hashable] | None:
    if task.kind == "single-label":
        return [label_name(cell) for cell in rows["label"]]
    return None


def count_rows_of(rows: Rows, task: Task) -> Counter[str]:
    """Count the rows of each label; of tags, the words."""
    role = str(task.answer_role)
    if task.kind == "single-label":
        return Counter(label_name(cell) for cell in rows[role])
    if task.kind == "multi-label":
        return Counter(name for cell in rows[role] for name in split_labels(cell))
    return Counter(tag for cell in rows[role] for tag in cell)


def refuse_rare(rows: Rows, task: Task, n_folds: int) -> None:
    """Refuse labels that models could not learn, as a fold would have next to none of them.

    Raises:
        DataError: A label has fewer than two rows for each fold.
    """
    counts, least = count_rows_of(rows, task), 2 * n_folds
    rare = sorted((n, name) for name, n in counts.items() if n < least)
    if not rare:
        return
    unit = "words" if task.kind == "tags" else "rows"
    fewest = rare[0][0]
    fix = f"leave {unit} of these labels out, or merge them into others"
    raise DataError(
        f"To judge labels in {n_folds} folds takes {least} {unit} of each label.",
        received=", ".join(f"{name} ({n})" for n, name in rare[:10])
        + (f" and {len(rare) - 10} more" if len(rare) > 10 else ""),
        hint=f"--folds {fewest // 2}, or {fix}" if fewest >= 4 else fix,
    )
