"""The trials of a forecast: which sizes are tried, and how far ahead one may look."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from luthier.data.labels import label_name
from luthier.errors import DataError, RecipeError
from luthier.load_splits import check_data
from luthier.protocols import Task
from luthier.reading import refuse_errors
from luthier.recipe.checks import make_plugin
from luthier.recipe.load import read_recipe
from luthier.recipe.tree import Recipe
from luthier.records import Splits
from luthier.studies.expected import FARTHEST, FEWEST_SIZES, refuse_few
from luthier.studies.few_shot_recipes import count_classes, fixed_test, rows_at, trial_recipe
from luthier.studies.plan import Plan
from luthier.studies.trial import Trial
from luthier.studies.verdict import FULL

SHARES = (1 / 8, 1 / 4, 3 / 8, 1 / 2, 3 / 4, 1)  # of all labels, tried where no sizes are named
LEAST_ROWS = 40


def plan_forecast(
    recipe: Recipe,
    folder: Path,
    *,
    sizes: Sequence[int] | None,
    n_seeds: int,
    min_steps: int,
) -> tuple[Plan, dict[str, int]]:
    """Lay the trials out, after looking at the data once.

    Args:
        recipe: What all trials share.
        folder: Of the study; a ladder in it may have levels that serve.
        sizes: As `forecast` takes them.
        n_seeds: Draws and trainings of every size.
        min_steps: The least number of optimizer steps of every training.

    Returns:
        The plan, and the number of labels at each of its levels, ascending.

    Raises:
        RecipeError: Sizes have no meaning, or one draw is asked for.
        DataError: The data cannot be trained on, or has too few rows.
    """
    refuse_draws(recipe, n_seeds)
    task: Task = make_plugin("tasks", recipe.task)
    fixed, method = fixed_test(recipe), recipe.method.name
    found = check_data(read_recipe(fixed, ["training.seed=0"]), task)
    refuse_errors(found.findings, recipe.data.ignore_findings)
    n_classes = count_classes(found.splits, task)
    rows = {} if sizes is not None else rows_of_ladder(folder, method, found.splits, task)
    is_of_ladder = len(rows) >= FEWEST_SIZES
    if not is_of_ladder:
        n_rows = len(found.splits.train)
        rows = {
            FULL if size == n_rows else f"{size}rows" if n_classes is not None else str(size): size
            for size in sizes_of(sizes, n_rows)
        }
    trials = [
        Trial(
            method,
            level,
            seed,
            trial_recipe(
                recipe,
                fixed,
                method,
                level.removesuffix("rows"),
                seed,
                n_rows=size,
                per_class=is_of_ladder and n_classes is not None,
                min_steps=min_steps,
                baselines=[],
            ),
        )
        for level, size in rows.items()
        for seed in range(n_seeds)
    ]
    how = (
        "the same number of each label" if is_of_ladder and n_classes else "labels in their shares"
    )
    notes = [
        f"Test set, the same for all: {len(found.splits.test)} rows ({found.splits.made['test']}).",
        f"Draws of training rows hold {how}, and a larger one of a seed holds the smaller ones.",
        "No validation rows: settings are fixed, and nothing is chosen by scores.",
    ]
    return Plan("forecast", trials, notes=notes, unit="rows"), rows


def refuse_draws(recipe: Recipe, n_seeds: int) -> None:
    """Raise where there is one draw alone, or where the recipe draws rows itself."""
    if n_seeds < 2:
        raise RecipeError(
            "A curve needs two draws of its rows at least, to see how far they differ.",
            received=f"{n_seeds} seed",
            hint="--seeds 5",
        )
    if recipe.data.shots is not None:
        raise RecipeError(
            "The forecast draws training rows itself, and so does the recipe.",
            received=f"data.shots={recipe.data.shots}",
            hint="data.shots=null",
        )


def rows_of_ladder(folder: Path, method: str, splits: Splits, task: Task) -> dict[str, int]:
    """Count the rows of a ladder's levels of a method; none where there is no ladder.

    All rows are no draw of the same number of each label, and left out where labels are uneven.
    """
    try:
        lines = json.loads((folder / "study.json").read_text(encoding="utf-8"))["lines"]
        levels = dict.fromkeys(one["level"] for one in lines if one["arm"] == method)
    except (OSError, ValueError, LookupError, TypeError):
        return {}
    n_classes = count_classes(splits, task)
    if n_classes is not None and not are_even(splits.train[str(task.answer_role)]):
        levels.pop(FULL, None)
    return {level: rows_at(level, splits, task, n_classes) for level in levels}


def are_even(labels: Sequence[Any]) -> bool:
    """Say whether the rarest label has half of an even share at least."""
    counts = Counter(map(label_name, labels))
    return min(counts.values()) >= len(labels) / len(counts) / 2


def sizes_of(sizes: Sequence[int] | None, n_rows: int) -> list[int]:
    """Choose the sizes of a curve, or check those that are asked for.

    Raises:
        RecipeError: A size is too small, or larger than what there is.
        DataError: There are too few rows, or sizes.

    >>> sizes_of(None, 400)
    [50, 100, 150, 200, 300, 400]
    """
    if sizes is None:
        if n_rows < LEAST_ROWS:
            raise DataError(
                f"A learning curve needs {LEAST_ROWS} training rows at least.",
                received=f"{n_rows}",
                hint="label more rows first",
            )
        return [round(n_rows * share) for share in SHARES]
    wrong = [size for size in sizes if not 2 <= size <= n_rows]
    if wrong:
        raise RecipeError(
            f"Sizes are numbers of labels from 2 to {n_rows}, which is all.",
            received=f"--sizes {','.join(map(str, wrong))}",
            hint=f"--sizes {','.join(map(str, sizes_of(None, max(n_rows, LEAST_ROWS))))}",
        )
    chosen = sorted({*sizes})
    refuse_few(chosen)
    return chosen


def targets_of(to: Sequence[int] | None, n_rows: int) -> list[int]:
    """Choose how far to look, or check how far is asked for.

    Raises:
        RecipeError: So many labels are there already, or the curve does not reach so far.

    >>> targets_of(None, 396)
    [590, 790, 1600]
    """
    if to is None:
        wanted = [factor * n_rows for factor in (1.5, 2, 4)]
        return [round(round(one, 1 - math.floor(math.log10(one)))) for one in wanted]
    chosen = sorted({*to})
    if not chosen or chosen[0] <= n_rows:
        raise RecipeError(
            f"A forecast is for more labels than there are, {n_rows}.",
            received=f"--to {','.join(map(str, chosen)) or 'nothing'}",
            hint=f"--to {2 * n_rows}",
        )
    if chosen[-1] > FARTHEST * n_rows:
        raise RecipeError(
            f"A curve of {n_rows} labels says nothing of more than {FARTHEST} times as many.",
            received=f"--to {chosen[-1]}",
            hint=f"--to {FARTHEST * n_rows} at most",
        )
    return chosen
