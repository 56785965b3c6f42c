"""Small sets need more passes: a recipe lengthened to a least number of steps, never shortened.

Passes are raised rather than steps set, since a number of steps would also cut a longer training.
A method whose options say how long it trains is lengthened there.
"""

from __future__ import annotations

import math
from typing import Any

from luthier.errors import RecipeError
from luthier.recipe.checks import make_plugin
from luthier.recipe.load import read_recipe
from luthier.recipe.tree import Recipe, Training

PASSES, BATCH, EPISODES = "num_train_epochs", "per_device_train_batch_size", "episodes"


def lengthened(recipe: Recipe, *, n_rows: int, min_steps: int) -> Recipe:
    """Give a recipe whose training has at least so many optimizer steps.

    Args:
        recipe: Whose `training.max_steps`, if set, is the user's word and stays.
        n_rows: Training rows.
        min_steps: Optimizer steps.

    Raises:
        RecipeError: Batches are by tokens, so passes cannot be told before rows are tokenized.
    """
    if recipe.training.max_steps > 0:
        return recipe
    options = make_plugin("methods", recipe.method).options
    training = recipe.training
    own: dict[str, Any] = {}
    passes = training.num_train_epochs
    if hasattr(options, EPISODES):
        needed = min_steps * training.gradient_accumulation_steps * options.meta_batch
        if options.episodes is not None:
            own = {EPISODES: max(options.episodes, needed)}
        else:  # of fewer classes than asked for, episodes are smaller, and more fit a pass
            largest = options.ways * (options.shots + options.queries)
            passes = max(passes, float(math.ceil(needed * largest / n_rows)))
    elif hasattr(options, PASSES):
        size = getattr(options, BATCH, training.per_device_train_batch_size)
        least = passes_for(min_steps, n_rows, size, training.gradient_accumulation_steps)
        own = {PASSES: max(getattr(options, PASSES), least)}
    else:
        refuse_tokens(training, min_steps)
        size = training.per_device_train_batch_size
        least = passes_for(min_steps, n_rows, size, training.gradient_accumulation_steps)
        passes = max(passes, least)
    tree = recipe.model_dump(mode="json")
    tree["training"][PASSES] = passes
    tree["method"]["options"] = {**tree["method"]["options"], **own}
    return read_recipe(tree)


def refuse_tokens(training: Training, min_steps: int) -> None:
    """Raise where a least number of steps is asked for, and batches are by tokens."""
    if training.tokens_per_batch is not None and min_steps > 0:
        raise RecipeError(
            "How many passes make so many steps is known for batches by rows alone.",
            received=f"training.tokens_per_batch={training.tokens_per_batch}, "
            f"at least {min_steps} steps",
            hint="training.tokens_per_batch=null, training.max_steps=NUMBER or --min-steps 0",
        )


def passes_for(n_steps: int, n_rows: int, size: int, n_accumulated: int) -> float:
    """Say how many whole passes over the rows make so many steps.

    >>> passes_for(100, n_rows=48, size=16, n_accumulated=1)
    34.0
    """
    per_pass = math.ceil(math.ceil(n_rows / size) / n_accumulated)
    return float(math.ceil(n_steps / per_pass))
