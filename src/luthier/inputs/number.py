"""`number`: cells that are numbers, in standard deviations from the mean of the training rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from luthier.columns import Encoding, Limits, Shown
from luthier.data.labels import as_number, is_missing
from luthier.errors import DataError
from luthier.items import ItemField
from luthier.ragged import Array

MOST = 10.0  # standard deviations, beyond which a number is cut: a slip of the decimal point


class Number:
    """A number: how far it lies from the mean, (rows, 1); absent where the cell is empty."""

    name: ClassVar[str] = "number"
    is_text: ClassVar[bool] = False

    def load_processor(self, model: str, **options: Any) -> None:
        """Load nothing: mean and scale are learned from the training rows."""

    def learn(self, cells: Sequence[Any]) -> dict[str, float]:
        """Learn mean and scale of the training rows' numbers."""
        known = numbers_of(cells)
        known = known[np.isfinite(known)]
        if not len(known):
            return {"mean": 0.0, "scale": 1.0}
        return {"mean": float(known.mean()), "scale": float(known.std()) or 1.0}

    def encode(self, columns: Sequence[Sequence[Any]], processor: Any, limits: Limits) -> Encoding:
        """Standardise one column by what `learn` returned, which is the processor."""
        (cells,) = columns
        numbers = (numbers_of(cells) - processor["mean"]) / processor["scale"]
        values = np.clip(np.nan_to_num(numbers), -MOST, MOST).astype(np.float32)[:, None]
        cost = np.ones(len(cells), dtype=np.int64)
        return Encoding({self.name: ItemField(values)}, cost, cost, cost)

    def show(self, cell: object) -> Shown:
        """Show the number as it stands."""
        return Shown("text", "" if is_missing(cell) else str(cell))


def numbers_of(cells: Sequence[Any]) -> Array:
    """Read numbers, (rows,); nan where a cell is empty.

    Raises:
        DataError: A cell is no number.
    """
    found = np.full(len(cells), math.nan)
    for index, cell in enumerate(cells):
        if is_missing(cell):
            continue
        number = as_number(cell)
        if number is None or not math.isfinite(number):
            raise DataError(
                f"A cell of a column of numbers is no number, in row {index + 1} of those read.",
                received=repr(cell)[:80],
                hint="mend or empty the cell, or read the column as kind category",
            )
        found[index] = number
    return found
