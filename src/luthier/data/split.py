"""From the rows that were given to train, validation and test, the same ones every time.

Splits that have no file of their own are carved from the training file: test first, then
validation. `sampling.py` does the drawing. Next: `data/doctor/inspect_splits.py`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from luthier.data.labels import is_missing, label_name, split_labels
from luthier.data.readers.read import short
from luthier.data.sampling import deal, draw, draw_groups, number_groups
from luthier.errors import DataError, nearest
from luthier.ragged import Array
from luthier.records import Rows, Splits
from luthier.seeding import stream

Size = float | int
FIELDS = {"test": "data.split.test", "validation": "data.split.validation"}


def make_splits(
    train: Rows,
    validation: Rows | None,
    test: Rows | None,
    *,
    validation_size: Size,
    test_size: Size,
    group_by: str | None,
    stratify_by: str | None,
    n_folds: int | None,
    fold: int,
    limit: Mapping[str, int],
    seed: int,
) -> Splits:
    """Make the three splits.

    Args:
        train: The rows of the training file.
        validation: The rows of a validation file, or None to carve them from `train`.
        test: Likewise.
        validation_size: How many to carve: a share of the training file (below 1), or rows.
        test_size: Likewise. With folds, the test set is a fold and this is not used.
        group_by: Column whose equal values never stand in two splits; sizes are then approximate.
        stratify_by: Column whose values keep their shares in every split. A label's only row
            stays in training. Ignored where most values differ.
        n_folds: Cut `train` into this many folds.
        fold: Which of them is the test set, from 0.
        limit: Split to how many of its rows to use at most; each label keeps one where that fits.
        seed: Seed of the run.

    Raises:
        DataError: There are too few rows, or the arguments contradict each other.
    """
    whole = _Whole(
        train,
        _labels(train, stratify_by),
        _groups(train, group_by),
        f"stratified by {stratify_by}",
        f"whole groups by {group_by}",
        seed,
    )
    rest = np.arange(len(train))
    made: dict[str, str] = {}
    splits: dict[str, Rows] = {}
    if n_folds is not None:
        _check_folds(whole, test, n_folds, fold)
        in_fold = whole.deal(n_folds) == fold
        splits["test"], rest = train.take(rest[in_fold]), rest[~in_fold]
        made["test"] = f"fold {fold} of {n_folds} of {whole.name}, {whole.how(folds=True)}"
    for split, given, size in (
        ("test", test, test_size),
        ("validation", validation, validation_size),
    ):
        if split in splits:
            continue
        if given is not None:
            splits[split], made[split] = given, _name_all(given)
            continue
        chosen = whole.carve(rest, split, size)
        splits[split], rest = train.take(chosen), np.setdiff1d(rest, chosen)
        amount = f"{size * 100:g} %" if size < 1 else f"{len(chosen)} rows"
        made[split] = (
            f"{amount} of {whole.name}, {whole.how()}" if len(chosen) else "none asked for"
        )
    untouched = len(rest) == len(train)
    made["train"] = _name_all(train) if untouched else f"the other {len(rest)} rows of {whole.name}"
    splits["train"] = train if untouched else train.take(rest)
    for split, most in limit.items():
        splits[split], said = _limited(splits[split], most, split, stratify_by, seed)
        made[split] += said
    return Splits(splits["train"], splits["validation"], splits["test"], made)


@dataclass(frozen=True)
class _Whole:
    """The training file: its rows, and what holds when they are cut."""

    rows: Rows
    labels: Sequence[Hashable] | None
    groups: Array | None
    stratified: str
    grouped: str
    seed: int

    @property
    def name(self) -> str:
        return _name(self.rows)

    def how(self, *, folds: bool = False) -> str:
        parts = [self.grouped] if self.groups is not None else []
        if self.labels is not None and not (folds and parts):
            parts.append(self.stratified)
        return ", ".join([*(parts or ["at random"]), f"seed {self.seed}"])

    def deal(self, n_folds: int) -> Array:
        random = stream(self.seed, "split", "folds")
        return deal(len(self.rows), n_folds, labels=self.labels, groups=self.groups, random=random)

    def carve(self, rest: Array, split: str, size: Size) -> Array:
        """Choose the rows of a split from the rows that are left."""
        n_rows = _count(size, len(self.rows), FIELDS[split])
        if n_rows == 0:
            return rest[:0]
        if n_rows >= len(rest):
            raise DataError(
                f"{self.name} has too few rows to set {n_rows} aside for {split}.",
                received=f"{len(self.rows)} rows, of which {len(rest)} are left to take from",
                hint=f"{FIELDS[split]}={_smaller(len(rest))}, or name a file: data.{split}=FILE",
            )
        random = stream(self.seed, "split", split)
        if self.groups is None:
            return draw(rest, n_rows, labels=self.labels, random=random)
        if len(np.unique(self.groups[rest])) < 2:
            raise DataError(
                f"{self.name} has too few groups to set some aside for {split}.",
                received=f"{len(np.unique(self.groups))} groups, {self.grouped}",
                hint=f"data.split.group_by=null, or name a file: data.{split}=FILE",
            )
        return draw_groups(rest, n_rows, groups=self.groups, labels=self.labels, random=random)


def _smaller(n_rows: int) -> int:
    return max(0, n_rows // 2)


def _count(size: Size, n_rows: int, field: str) -> int:
    """Turn a share or a number into a number of rows; a share gives one row at least."""
    if not math.isfinite(size) or size < 0 or (size >= 1 and size != int(size)):
        raise DataError(
            "The size of a split is a share below 1, or a whole number of rows.",
            received=f"{field}={size}",
            hint=f"{field}=0.1",
        )
    if size >= 1 or size == 0:
        return int(size)
    return max(1, round(size * n_rows))


def _name(rows: Rows) -> str:
    names = list(dict.fromkeys(short(file) for file in rows.files))
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _name_all(rows: Rows) -> str:
    return f"all {len(rows)} rows of {_name(rows)}"


def _check_folds(whole: _Whole, test: Rows | None, n_folds: int, fold: int) -> None:
    if test is not None:
        raise DataError(
            "With folds, the test set is a fold of the training file.",
            received=f"data.split.n_folds={n_folds} and a test file",
            hint="data.test=null or data.split.n_folds=null",
        )
    n_units = len(whole.rows) if whole.groups is None else len(np.unique(whole.groups))
    unit = "rows" if whole.groups is None else "groups"
    if not 2 <= n_folds <= n_units:
        raise DataError(
            f"{whole.name} cannot be cut into {n_folds} folds.",
            received=f"{n_units} {unit}",
            hint=f"data.split.n_folds={max(2, min(5, n_units))}",
        )
    if not 0 <= fold < n_folds:
        raise DataError(
            f"There is no fold {fold}: {n_folds} folds are numbered from 0.",
            received=f"data.split.fold={fold}",
            hint=f"data.split.fold={n_folds - 1}",
        )


def _labels(rows: Rows, column: str | None) -> list[Hashable] | None:
    """Give each row the label to stratify by, or None where that makes no sense.

    A row of several labels goes by its rarest one.
    """
    if column is None or column not in rows:
        return None
    values = rows[column]
    if any(isinstance(value, float) and not value.is_integer() for value in values):
        return None
    if any(isinstance(value, (list, tuple, set, np.ndarray)) for value in values):
        cells = [split_labels(value) for value in values]
        counts = Counter(name for cell in cells for name in cell)
        labels = [min(cell, key=lambda name: (counts[name], name), default="") for cell in cells]
    else:
        labels = ["" if is_missing(value) else label_name(value) for value in values]
    return list(labels) if len(set(labels)) <= max(2, len(labels) // 2) else None


def _groups(rows: Rows, column: str | None) -> Array | None:
    if column is None:
        return None
    if column not in rows:
        close = nearest(column, rows.columns)
        raise DataError(
            f"{_name(rows)} has no column '{column}' to group by.",
            received=f"columns {', '.join(rows.columns)}",
            hint=f"data.split.group_by={close or 'null'}",
        )
    return number_groups(
        [None if is_missing(value) else _hashable(value) for value in rows[column]]
    )


def _hashable(value: Any) -> Hashable:
    return label_name(value)


def _limited(
    rows: Rows, most: int, split: str, stratify_by: str | None, seed: int
) -> tuple[Rows, str]:
    if most < 1:
        raise DataError(
            f"At least one row of {split} must be kept.",
            received=f"data.limit.{split}={most}",
            hint=f"data.limit.{split}=100",
        )
    if most >= len(rows):
        return rows, ""
    labels = _labels(rows, stratify_by)
    chosen = draw(
        np.arange(len(rows)),
        most,
        labels=labels,
        random=stream(seed, "limit", split),
        leave_one=False,
    )
    how = f", stratified by {stratify_by}" if labels is not None else ""
    return rows.take(chosen), f"; limited to {most} of them{how}"
