"""What can be changed once a model is trained: how files are read, and how answers are given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from inspect import Parameter, signature
from typing import Any

from luthier.codec import Codec
from luthier.errors import DataError, RecipeError
from luthier.recipe.load import read_recipe
from luthier.recipe.tree import Recipe

READING = (  # fields of a recipe that say how files are read
    *("data.columns.", "data.format", "data.delimiter", "data.quoting", "data.header"),
    *("data.encoding", "data.ignore_findings"),
)


def with_reading(recipe: Recipe, overrides: Sequence[str]) -> Recipe:
    """Change how a recipe reads files.

    Raises:
        RecipeError: An override is none, or is about something else.
    """
    for override in overrides:
        field = override.partition("=")[0]
        if "=" not in override or not field.startswith(READING):
            raise RecipeError(
                "Only how files are read can be changed once a model is trained.",
                received=override,
                hint=f"fields that begin with {', '.join(READING)}: data.columns.text=COLUMN",
            )
    return read_recipe(recipe, overrides) if overrides else recipe


def known_options(codec: Codec) -> list[str]:
    """Name the options of a task's answers."""
    return [
        name
        for name, parameter in signature(codec.answer).parameters.items()
        if parameter.kind is Parameter.KEYWORD_ONLY
    ]


def refuse_unknown_options(options: Mapping[str, Any], codec: Codec) -> None:
    """Refuse an option that the task's answers do not have."""
    known = known_options(codec)
    for name in options:
        if name not in known:
            raise DataError(
                f"Answers of {codec.task.name} know no option '{name}'.",
                received=f"{name}={options[name]}",
                hint=f"one of: {', '.join(known)}" if known else "leave it out",
            )
