"""Statistics of a column's values, and how well they fit what a task needs.

Names weigh more than values. Of values, long varied strings are texts, few distinct values are
labels, many distinct numbers are numbers, and cells with few distinct parts are sets of labels.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from luthier.columns import Column
from luthier.data.labels import (
    SEPARATORS,
    as_number,
    have_decimal_commas,
    is_missing,
    label_name,
    split_labels,
)
from luthier.data.readers.split_names import name_splits
from luthier.records import Rows

SAMPLE = 3000  # rows looked at
THOUSANDS = re.compile(r"\d{1,3}(,\d{3})+")
DATE = re.compile(r"^\D{0,12}\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}\b|\b\d{1,2}:\d{2}(:\d{2})?\b.{0,12}$")
MOST_LABELS = 1000  # distinct values that a label column may have


@dataclass(frozen=True)
class Profile:
    """Statistics of a column's values.

    Args:
        name: The name of the column.
        n: Number of values looked at that are not missing.
        n_distinct: Number of distinct values.
        words: Mean number of words of a value.
        numeric: Share of values that are numbers.
        whole: True if all numbers are integers.
        several: Share of cells with several labels.
        n_parts: Number of distinct labels, if cells are read as several labels.
        listed: True if some values are lists, or mappings of labels to 0 and 1.
        dated: Share of values that are dates or times.
        nested: True if some values are other mappings.
        of_splits: True if the values are names of splits: train, dev and test, say.
    """

    name: str
    n: int
    n_distinct: int
    words: float
    numeric: float
    whole: bool
    several: float
    n_parts: int
    listed: bool
    dated: float
    nested: bool
    of_splits: bool

    def fit(self, kind: str) -> float:
        """Rate how well the values fit a kind of column, from 0 (not at all) to 1."""
        return {"text": self._text, "label": self._label, "labels": self._labels}.get(
            kind, self._number
        )()

    def _text(self) -> float:
        if self.listed or self.nested or max(self.numeric, self.dated) > 0.5 or self.words < 1.5:
            return 0.0
        return min(1.0, self.words / 10) * min(1.0, 0.2 + self.n_distinct / max(1, self.n))

    def _label(self) -> float:
        most = min(MOST_LABELS, max(2, self.n // 2))
        if self.listed or self.nested or not 2 <= self.n_distinct <= most or self.words > 6:
            return 0.0
        if self.of_splits:
            return 0.0
        if self.numeric > 0.95 and (not self.whole or self.n_distinct > 20):
            return 0.0
        return 1.0 - 0.5 * self.n_distinct / most

    def _labels(self) -> float:
        if self.listed:
            return 1.0 if self.n_parts > 1 else 0.0
        if (
            self.nested
            or self.several < 0.1
            or self.numeric > 0.95
            or self.n_parts > max(3, self.n // 3)
        ):
            return 0.0
        return 0.9 if self.n_parts < self.n_distinct or self.n_distinct <= 4 else 0.0

    def _number(self) -> float:
        if self.listed or self.nested or self.numeric < 0.95 or self.n_distinct < 3:
            return 0.0
        if self.whole and self.n_distinct == self.n:
            return 0.0  # row numbers
        return 1.0 if not self.whole else min(1.0, self.n_distinct / 20)


def profile(rows: Rows, column: str) -> Profile:
    """Compute statistics of evenly spaced rows of a column: files are often sorted by label."""
    at = np.linspace(0, len(rows) - 1, min(SAMPLE, len(rows))).astype(int).tolist()
    values = [value for value in (rows[column][index] for index in at) if not is_missing(value)]
    mappings = [value for value in values if isinstance(value, Mapping)]
    flags = all(flag in (0, 1) for value in mappings for flag in value.values())
    listed = any(isinstance(value, (list, tuple, set, np.ndarray)) for value in values)
    listed = listed or (bool(mappings) and flags)
    written = [value if isinstance(value, str) else label_name(value) for value in values]
    single = values if have_decimal_commas(values) else [one for one in values if not _parts(one)]
    numbers = [number for number in map(as_number, single) if number is not None]
    numbers = [number for number in numbers if np.isfinite(number)]
    cells = [split_labels(value) for value in values]
    parts = Counter(part for cell in cells for part in cell)
    n_short = sum(len(part.split()) * count for part, count in parts.items())
    short_parts = n_short <= 3 * max(1, sum(parts.values()))
    n_several = sum(len(cell) > 1 for cell in cells) if short_parts else 0
    is_comma = not any(mark in text for text in written for mark in SEPARATORS[:2])
    if is_comma and not listed and any(re.search(r",\s*\S+(\s+\S+){3}", text) for text in written):
        n_several = 0  # commas belong to sentences
    if _are_thousands([text for text in written if "," in text]):
        n_several = 0
    return Profile(
        column,
        len(values),
        len(set(written)),
        sum(len(text.split()) for text in written) / max(1, len(written)),
        len(numbers) / max(1, len(values)),
        all(number == int(number) for number in numbers),
        n_several / max(1, len(values)),
        len(parts),
        listed,
        sum(DATE.search(text) is not None for text in written) / max(1, len(written)),
        bool(mappings) and not flags,
        name_splits(values),
    )


def _parts(value: object) -> bool:
    return isinstance(value, str) and "," in value


def _are_thousands(cells: Sequence[str]) -> bool:
    """Tell numbers such as 1,500 and 20,000 from labels such as 100,101."""
    return all(map(THOUSANDS.fullmatch, cells)) and any(text.index(",") < 3 for text in cells)


def name_fit(name: str, guesses: Sequence[str]) -> float:
    """Rate how well a column's name fits, from 0 to 1; the first guess fits best."""
    plain = re.sub(r"[^a-z0-9]+", "_", name.casefold()).strip("_")
    if plain in guesses:
        return 1.0 - 0.02 * guesses.index(plain)
    words = set(plain.split("_"))
    return 0.4 if words & set(guesses) else 0.0


def best(profiles: Sequence[Profile], wanted: Column, taken: Sequence[str]) -> Profile | None:
    """Choose the column that fits best by name and values; None if none fits.

    Args:
        profiles: The columns to choose from.
        wanted: The role, its kind and its usual names.
        taken: Columns that have another role already.
    """
    scored = [
        (2 * name_fit(each.name, wanted.guesses) + each.fit(wanted.kind), each)
        for each in profiles
        if each.name not in taken and each.fit(wanted.kind) > 0
    ]
    chosen = max(scored, key=lambda pair: pair[0], default=None)
    return chosen[1] if chosen else None
