"""Binds a recipe's task to a target and a processor: one codec for every reader of rows."""

from __future__ import annotations

from typing import Any

from luthier.codec import Codec
from luthier.columns import MOST_SECONDS, Limits
from luthier.hf_types import Config, Tokenizer
from luthier.protocols import Task
from luthier.recipe.tree import Recipe
from luthier.records import Target
from luthier.registry import find, names
from luthier.task_types.long_texts import window_stride
from luthier.text.tokenize import token_limit


def codec_of(
    recipe: Recipe, task: Task, target: Target, processor: Tokenizer, config: Config
) -> Codec:
    """Bind a task as a recipe says.

    Args:
        recipe: Its data section limits the tokens, its training section has the seed.
        task: The task, with its options.
        target: What is predicted.
        processor: Encodes the inputs.
        config: Configuration of the model, which limits how many tokens it reads.

    Raises:
        RecipeError: The recipe sets windows, and the task cannot merge them.
    """
    asked = recipe.data.max_tokens
    tokenizer = tokenizer_of(processor)
    max_tokens = token_limit(tokenizer, config, asked=asked) if tokenizer else asked or 0
    limits = Limits(
        max_tokens,
        window_stride(recipe, task, max_tokens),
        max_seconds=recipe.data.max_seconds or MOST_SECONDS,
        media=recipe.data.media,
    )
    return task.codec(target, processor, limits, seed=recipe.training.seed)


def tokenizer_of(processor: Any) -> Tokenizer | None:
    """Return a processor if it is a tokenizer; None if it prepares something else than texts."""
    own: Tokenizer | None = getattr(processor, "tokenizer", processor)
    return own if hasattr(own, "model_max_length") else None


def load_processor(task: Task, model: str, **options: Any) -> Any:
    """Load what a task's inputs are encoded with.

    Args:
        task: Its columns say which kinds of input there are.
        model: Name or folder of the model.
        options: `new_tokens`, `revision` and `ignore_unsafe_files`, as in the recipe.

    Returns:
        The processor of the one kind of input, or a mapping from kind to processor.
    """
    own = getattr(task, "load_processor", None)
    if own is not None:
        return own(model, **options)
    kinds = [column.kind for column in task.columns if column.kind in names("inputs")]
    if set(kinds) <= {"text", "choices"}:  # both are read by the model's one tokenizer
        return find("inputs", "text")().load_processor(model, **options)
    made = {kind: find("inputs", kind)().load_processor(model, **options) for kind in kinds}
    return made if len(made) > 1 else next(iter(made.values()))
