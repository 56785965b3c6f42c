"""`text-regression`: one text, one number (rating, readability, price)."""

from __future__ import annotations

from typing import ClassVar

from luthier.columns import Column
from luthier.records import Rows
from luthier.task_types.number import Number
from luthier.task_types.text_level import LEARNED, TEXT


class TextRegression(Number):
    """One text, one number: rating, readability, price."""

    name: ClassVar[str] = "text-regression"
    columns: ClassVar[tuple[Column, ...]] = (
        TEXT,
        Column("label", "value", ("label", "rating", "score", "stars", "value", "target")),
    )
    baselines: ClassVar[tuple[str, ...]] = ("mean-value", *LEARNED)

    @staticmethod
    def toy_rows() -> Rows:
        """Make 84 dishes whose rating follows from the words of praise."""
        praise = {"awful": 1.0, "poor": 2.0, "plain": 3.0, "good": 4.0, "superb": 5.0}
        dishes = ("soup", "stew", "salad", "cake", "curry", "bread")
        texts, labels = [], []
        for n in range(84):
            word = list(praise)[n % 5]
            texts.append(f"The {dishes[n // 5 % 6]} number {n} was {word}.")
            labels.append(praise[word] + (n % 3 - 1) / 10)
        return Rows.of({"text": texts, "label": labels}, name="toy")
