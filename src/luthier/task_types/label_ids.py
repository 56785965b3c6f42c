"""From the label column to label ids, and what labels weigh in the loss."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from luthier.data.labels import label_name
from luthier.declarations import JSON
from luthier.errors import DataError, RecipeError, nearest
from luthier.ragged import Array
from luthier.records import Rows

ClassWeights = Literal["balanced"] | dict[str, float] | None
LabelNames = Annotated[tuple[str, ...], Field(min_length=2)] | None
ABOUT_NAMES = "Names of the labels that the rows number from 0, in order; null: rows have names."


def sort_labels(names: Iterable[str]) -> tuple[str, ...]:
    """Order labels: as numbers where all are numbers, else by name.

    >>> sort_labels(["10", "9"]), sort_labels(["b", "a"])
    (('9', '10'), ('a', 'b'))
    """
    unique = set(names)
    try:
        return tuple(sorted(unique, key=float))
    except ValueError:
        return tuple(sorted(unique))


def ids_of(
    cells: Sequence[Sequence[str]], names: Sequence[str], rows: Rows, *, word: str = "label"
) -> list[list[int]]:
    """Turn the label names of every row into ids.

    Args:
        cells: Label names of every row.
        names: The labels of the training rows, in index order.
        rows: The rows, for their places.
        word: What a label is called in an error: "label" or "tag".

    Raises:
        DataError: A row has a label that the training rows do not have; it says where.
    """
    ids = {label_name(name): index for index, name in enumerate(names)}  # older runs kept `True`
    ids |= {name: index for index, name in enumerate(names)}
    for index, cell in enumerate(cells):
        for name in cell:
            if name not in ids:
                close, where = nearest(name, names), rows.where(index)
                raise DataError(
                    f"The {word} '{name}' at {where} is not among the training {word}s.",
                    received=f"'{name}'; known are {', '.join(names[:10])}",
                    hint=f"did you mean '{close}'?" if close else "mend the row, or drop it",
                )
    return [[ids[name] for name in cell] for cell in cells]


def weigh(asked: ClassWeights, names: Sequence[str], balanced: Array) -> tuple[float, ...] | None:
    """Work out one weight for each label.

    Args:
        asked: `balanced`, a weight for each label by name (1 where not named), or None.
        names: The labels.
        balanced: The weights that `balanced` stands for, (labels,).

    Raises:
        RecipeError: A weight is given to a label that does not exist, or is not positive.
    """
    if asked is None:
        return None
    if asked == "balanced":
        return tuple(float(weight) for weight in balanced)
    given: Mapping[str, float] = asked
    for name, weight in given.items():
        if name not in names or weight <= 0:
            problem = "is not positive" if name in names else "is for a label that does not exist"
            raise RecipeError(
                f"A class weight {problem}.",
                received=f"task.options.class_weights.{name}={weight}",
                hint=f"labels are {', '.join(names[:10])}; weights are above 0",
            )
    return tuple(float(given.get(name, 1.0)) for name in names)


def balanced_weights(ids: Array, n_labels: int) -> Array:
    """Weigh every label by rows / (labels × rows of the label), (labels,)."""
    counts = np.bincount(ids, minlength=n_labels)
    return len(ids) / (n_labels * np.maximum(counts, 1))


def best_first(
    names: Sequence[str], probabilities: Array, *, top_k: int | None = None
) -> list[dict[str, JSON]]:
    """List `{"label", "score"}` of the most probable labels; ties keep the labels' order.

    Args:
        names: The labels.
        probabilities: Probability of every label, (labels,).
        top_k: Number of labels to list; None lists all.
    """
    order = np.argsort(-probabilities, kind="stable")[:top_k]
    return [{"label": str(names[one]), "score": float(probabilities[one])} for one in order]
