"""Texts that are longer than the model reads: truncated, or read in windows."""

from __future__ import annotations

from luthier.errors import RecipeError
from luthier.protocols import Task
from luthier.recipe.tree import Recipe


def window_stride(recipe: Recipe, task: Task, max_tokens: int) -> int | None:
    """Return the tokens that windows share; None where long texts are truncated.

    Raises:
        RecipeError: The recipe sets windows, and the task cannot merge them.
    """
    asked = recipe.data.long_texts
    if asked == "windows" and task.windows is None:
        raise RecipeError(
            f"{task.name} reads whole texts, not windows of them.",
            received="data.long_texts=windows",
            hint="data.long_texts=cut, and a model that reads more tokens",
        )
    if asked == "cut" or (asked is None and not task.windows):
        return None
    return max_tokens // 4 if recipe.data.stride is None else recipe.data.stride
