"""Rows whose label says that no label fits: set aside, never learned, judged beside the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from luthier.data.labels import is_missing, label_name
from luthier.errors import DataError, suggestion
from luthier.protocols import Task
from luthier.recipe.tree import Recipe
from luthier.records import Rows, Splits
from luthier.rejection import AUTO


def set_aside(
    splits: Splits, recipe: Recipe, task: Task
) -> tuple[Splits, Mapping[str, Rows], list[str]]:
    """Take rows that fit no label out of the splits.

    Returns:
        The splits without them, split to the rows that were taken from validation and test, and
        notes.

    Raises:
        DataError: The validation or the test rows have none.
    """
    label = recipe.evaluation.reject
    if label is None or label == AUTO or task.answer_role is None:
        return splits, {}, []
    kept: dict[str, Rows] = {}
    outside: dict[str, Rows] = {}
    known: set[str] = set()
    for split, rows in splits.items():
        cells = [None if is_missing(one) else label_name(one) for one in rows[task.answer_role]]
        known |= {one for one in cells if one is not None}
        is_outside = np.array([one == label for one in cells], dtype=bool)
        kept[split] = rows.take(np.flatnonzero(~is_outside))
        outside[split] = rows.take(np.flatnonzero(is_outside))
    for split in ("validation", "test"):
        if not len(outside[split]):
            raise DataError(
                f"No {split} row has the label '{label}', which is to say that no label fits.",
                received=f"{len(known)} labels, such as {', '.join(sorted(known)[:3])}",
                hint="evaluation.reject=auto, or " + suggestion(label, sorted(known - {label})),
            )
    n_left = len(outside.pop("train"))
    counts = " and ".join(f"{len(rows)} of {split}" for split, rows in outside.items())
    notes = [f"rows labelled {label} fit no label: {counts} are judged apart"]
    notes += [f"{n_left} training rows labelled {label} are not learned"] if n_left else []
    made = replace(splits, train=kept["train"], validation=kept["validation"], test=kept["test"])
    return made, outside, notes
