"""One recipe with many seeds: how far its score is luck, and whether another recipe is better.

Splits stay as they are, and are the same for both: they follow from the first recipe's own seed.
What varies is the training: the fresh head, the order of the rows, dropout; and, with `data.shots`
or `data.limit.train`, the draw.
"""

from __future__ import annotations

from collections.abc import Sequence

from luthier.errors import RecipeError
from luthier.recipe.load import read_recipe
from luthier.recipe.tree import Recipe
from luthier.studies.grid import Cell


def with_seed(recipe: Recipe, seed: int, *, split_seed: int) -> Recipe:
    """Give a recipe another seed, splits that do not follow from it, and no baselines."""
    tree = recipe.model_dump(mode="json")
    if tree["data"]["split"]["seed"] is None:
        tree["data"]["split"]["seed"] = split_seed
    tree["training"]["seed"] = seed
    tree["baselines"] = []
    return read_recipe(tree)


def split_seed_of(recipes: Sequence[Recipe]) -> int:
    """Choose one seed of splits for all: the first that is written down, else the first recipe's.

    Recipes that differ in their seeds alone would otherwise be judged on different test rows.
    """
    written = [one.data.split.seed for one in recipes if one.data.split.seed is not None]
    return written[0] if written else recipes[0].training.seed


def seeds(arms: dict[str, Recipe], *, seeds: Sequence[int]) -> tuple[list[Cell], list[str]]:
    """Lay the cells out: every recipe with every seed, those of one seed together.

    Args:
        arms: Name to recipe; one, or two to compare.
        seeds: Of the trainings.

    Returns:
        The cells, and notes on the protocol.

    Raises:
        RecipeError: The recipes do not learn the same task.
    """
    tasks = {recipe.task.name for recipe in arms.values()}
    if len(tasks) > 1:
        raise RecipeError(
            "Recipes are compared on one task.",
            received=" and ".join(sorted(tasks)),
            hint="two recipes of the same task, on the same test rows",
        )
    split_seed = split_seed_of(list(arms.values()))
    cells = [
        Cell(name, "", seed, with_seed(recipe, seed, split_seed=split_seed))
        for seed in seeds
        for name, recipe in arms.items()
    ]
    drawn = any(one.data.shots or "train" in one.data.limit for one in arms.values())
    varied = "the draw of the training rows, " if drawn else ""
    return cells, [
        f"Seeds: {', '.join(map(str, seeds))}. Test rows are the same for all.",
        f"What varies: {varied}the fresh head, the order of the rows, dropout.",
    ]
