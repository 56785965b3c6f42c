"""The baselines of a recipe: those that it names, or the usual ones of its task."""

from __future__ import annotations

from luthier.recipe.tree import Plugin, Recipe
from luthier.registry import find


def baselines_of(recipe: Recipe) -> list[Plugin]:
    """Return the baselines that the recipe names, or the task's own."""
    if recipe.baselines is not None:
        return recipe.baselines
    own = find("tasks", recipe.task.name).baselines
    is_there = {"not-adapted": recipe.adaptation, "weak-vote": recipe.data.weak}
    names = [*own, *(name for name, section in is_there.items() if section is not None)]
    return [Plugin(name=name) for name in names]


def trained_baselines(recipe: Recipe) -> list[str]:
    """Name the baselines of a recipe that are trained for as long as the model."""
    named = baselines_of(recipe)
    return [one.name for one in named if getattr(find("baselines", one.name), "trains", False)]


def without_trained(recipe: Recipe) -> Recipe:
    """Leave the baselines out that are trained for as long as the model."""
    trained = trained_baselines(recipe)
    kept = [one for one in baselines_of(recipe) if one.name not in trained]
    return recipe.model_copy(update={"baselines": kept})
