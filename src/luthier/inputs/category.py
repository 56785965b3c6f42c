"""`category`: cells that are one of a few values, known from the training rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from luthier.columns import Encoding, Limits, Shown
from luthier.data.labels import is_missing, label_name
from luthier.items import ItemField

MOST = 10_000  # values that have a vector of their own, the most frequent ones


class Category:
    """A value as its index, (rows,); 0 is a value that no training row has."""

    name: ClassVar[str] = "category"
    is_text: ClassVar[bool] = False

    def load_processor(self, model: str, **options: Any) -> None:
        """Load nothing: values are learned from the training rows."""

    def learn(self, cells: Sequence[Any]) -> dict[str, list[str]]:
        """Learn the values of the training rows, in a fixed order."""
        counts = Counter(label_name(cell) for cell in cells if not is_missing(cell))
        kept = sorted(counts, key=lambda one: (-counts[one], one))[:MOST]
        return {"names": sorted(kept)}

    def encode(self, columns: Sequence[Sequence[Any]], processor: Any, limits: Limits) -> Encoding:
        """Number the values of one column by what `learn` returned, which is the processor."""
        (cells,) = columns
        index = {name: number for number, name in enumerate(processor["names"], start=1)}
        ids = [0 if is_missing(cell) else index.get(label_name(cell), 0) for cell in cells]
        cost = np.ones(len(cells), dtype=np.int64)
        return Encoding({self.name: ItemField(np.array(ids, dtype=np.int64))}, cost, cost, cost)

    def show(self, cell: object) -> Shown:
        """Show the value as it stands."""
        return Shown("text", "" if is_missing(cell) else str(cell))
