"""Rows in memory beside a recipe: which splits they are, and what stands in the recipe for them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from luthier.errors import RecipeError, suggestion

SPLITS = ("train", "validation", "test", "unlabelled")
NO_ROWS = (str, Path, bytes, int, float, type(None))  # single values of a recipe
T = TypeVar("T")


def rows_apart(
    recipe: T | Mapping[str, Any], given: Mapping[str, Any] | None = None
) -> tuple[T | Mapping[str, Any], dict[str, Any]]:
    """Take the rows out of a recipe that is a mapping; `memory:SPLIT` stands for them there.

    Args:
        recipe: A recipe; of other types than a mapping it holds no rows.
        given: Split to rows that are given beside it, which go before those in it.

    Returns:
        The recipe, and split to rows.

    Raises:
        RecipeError: What is given maps no splits to rows.

    >>> rows_apart({"data": {"train": [{"text": "Snow"}]}})
    ({'data': {'train': 'memory:train'}}, {'train': [{'text': 'Snow'}]})
    """
    rows = _checked(given)
    data = recipe.get("data") if isinstance(recipe, Mapping) else None
    if not isinstance(recipe, Mapping) or not isinstance(data, Mapping):
        return recipe, rows
    own = {split: data[split] for split in SPLITS if split in data and _are_rows(data[split])}
    places = {split: f"memory:{split}" for split in own}
    return {**recipe, "data": {**data, **places}}, own | rows


def refuse_rows(recipe: Mapping[str, Any]) -> None:
    """Refuse rows in memory where they cannot be taken.

    Raises:
        RecipeError: The recipe holds some.
    """
    _, rows = rows_apart(recipe)
    for split, found in rows.items():
        raise RecipeError(
            f"data.{split} holds rows in memory, which luthier.run and luthier.inspect take alone.",
            received=type(found).__name__,
            hint=f"write them to a file, {split}.csv or {split}.jsonl, and name that",
        )


def _are_rows(value: object) -> bool:
    """Say whether a value is rows in memory: no source is, nor anything else that YAML can say."""
    if isinstance(value, (list, tuple)):
        return any(isinstance(one, Mapping) for one in value)
    return not isinstance(value, NO_ROWS)


def _checked(given: object) -> dict[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise RecipeError(
            "Rows in memory are given by split.",
            received=f"data, a {type(given).__name__}",
            hint='data={"train": rows}',
        )
    for split in given:
        if split not in SPLITS:
            raise RecipeError(
                "Rows in memory are given by split, and there is no such split.",
                received=f"data[{split!r}]",
                hint=f'data={{"train": rows}}; {suggestion(str(split), SPLITS)}',
            )
    return dict(given)
