"""`pair-regression`: two texts, one number (similarity, relatedness, quality)."""

from __future__ import annotations

from typing import ClassVar

from luthier.columns import Column
from luthier.records import Rows
from luthier.task_types.number import Number
from luthier.task_types.text_level import FIRST, LEARNED, SECOND


class PairRegression(Number):
    """Two texts, one number: similarity, relatedness, quality of a translation."""

    name: ClassVar[str] = "pair-regression"
    columns: ClassVar[tuple[Column, ...]] = (
        FIRST,
        SECOND,
        Column("label", "value", ("label", "score", "similarity_score", "similarity", "value")),
    )
    baselines: ClassVar[tuple[str, ...]] = ("mean-value", "word-overlap", *LEARNED)

    @staticmethod
    def toy_rows() -> Rows:
        """Make 84 pairs of opinions on a dish, with the mean of what both would rate it."""
        praise = {"awful": 1.0, "poor": 2.0, "plain": 3.0, "good": 4.0, "superb": 5.0}
        dishes = ("soup", "stew", "salad", "cake", "curry", "bread")
        columns: dict[str, list[str | float]] = {"text": [], "text_pair": [], "label": []}
        for n in range(84):
            one, other = list(praise)[n % 5], list(praise)[n * 3 // 5 % 5]
            columns["text"].append(f"The {dishes[n // 5 % 6]} number {n} was {one}.")
            columns["text_pair"].append(f"It was {other}.")
            columns["label"].append((praise[one] + praise[other]) / 2 + (n % 3 - 1) / 10)
        return Rows.of(columns, name="toy")
