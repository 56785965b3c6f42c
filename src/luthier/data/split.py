"""Divide rows into train, validation and test, reproducibly.

Splits without a file of their own are carved from the training file: test first, then validation.
`sampling.py` draws the rows. Next: `data/doctor/inspect_splits.py`.
"""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from luthier.data.labels import is_missing, label_name, split_labels
from luthier.data.readers.read import short
from luthier.data.sampling import (
    deal,
    draw,
    draw_evenly,
    draw_groups,
    draw_nested,
    join_alike,
    number_groups,
)
from luthier.errors import DataError, nearest
from luthier.ragged import Array
from luthier.records import Rows, Splits
from luthier.seeding import stream

Size = float | int
IN_MEMORY = "memory"  # the name of rows that were read from no file
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
    seed: int,
    several: bool = False,
    folds_of: str = "all",
    alike: Sequence[Hashable] | None = None,
) -> Splits:
    """Make the three splits. No row is in two of them.

    Args:
        train: The rows of the training file.
        validation: The rows of a validation file; None carves them from `train`.
        test: The rows of a test file; None carves them from `train`.
        validation_size: The size of a carved validation set: a share of the training file if below
            1, else a number of rows.
        test_size: The size of a carved test set, likewise. Unused with folds.
        group_by: Column whose equal values stay in one split; sizes are then approximate.
        stratify_by: Column whose values keep their shares in every split. The only row of a label
            stays in training. Ignored if most values differ.
        n_folds: Number of folds to cut `train` into; None makes no folds.
        fold: Number of the fold that becomes the test set, from 0.
        seed: Seed of the draws.
        several: Whether a cell of `stratify_by` can name several labels.
        folds_of: What is cut into folds: "all" rows of `train`, or the "rest" beside a test set,
            which is that of a run without folds, and in no split of these.
        alike: What rows are compared by, so that equal ones are in one fold; None compares none.

    Raises:
        DataError: There are too few rows, two splits were given the same row or the same group,
            or the arguments contradict each other.
    """
    named = (("train", train), ("validation", validation), ("test", test))
    given_rows = {split: rows for split, rows in named if rows is not None}
    _refuse_shared_rows(given_rows)
    if group_by is not None:
        _refuse_shared_groups(given_rows, group_by)
    whole = _Whole(
        train,
        _labels(train, stratify_by, several=several),
        _groups(train, group_by),
        f"stratified by {stratify_by}",
        f"whole groups by {group_by}",
        seed,
        alike,
    )
    rest = np.arange(len(train))
    made: dict[str, str] = {}
    splits: dict[str, Rows] = {}
    if n_folds is not None:
        apart = ""
        if folds_of == "rest":
            given_test, test = test, None
            if given_test is None:
                rest = np.setdiff1d(rest, whole.carve(rest, "test", test_size))
                apart = f" without {len(train) - len(rest)} test rows"
        _check_folds(whole, rest, test, n_folds, fold)
        folds, how = whole.deal(rest, n_folds)
        splits["test"], rest = train.take(rest[folds == fold]), rest[folds != fold]
        made["test"] = f"fold {fold} of {n_folds} of {whole.name}{apart}, {how}"
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
    return Splits(splits["train"], splits["validation"], splits["test"], made)


def _refuse_shared_rows(given: Mapping[str, Rows]) -> None:
    """Refuse two splits that were read from the same lines of a file."""
    lines = {split: _lines_of_files(rows) for split, rows in given.items()}
    for one, other in combinations(lines, 2):
        for file in lines[one].keys() & lines[other].keys():
            shared = np.intersect1d(lines[one][file], lines[other][file])
            if len(shared):
                raise DataError(
                    f"{len(shared)} row{'' if len(shared) == 1 else 's'} would be both in {one} "
                    f"and in {other}.",
                    received=f"{short(file)}:{shared[0]} and others as data.{one} and data.{other}",
                    hint=f"data.{other}=null to split it off, or data.{other}=another file",
                )


def _lines_of_files(rows: Rows) -> dict[str, Array]:
    """Map each file, by its real path, to the lines that rows come from."""
    lines: dict[str, Array] = {}
    for number, name in enumerate(rows.files):
        if name != IN_MEMORY:
            path = os.path.realpath(name) if os.path.exists(name) else name
            here = rows.lines[rows.file_of == number]
            lines[path] = np.concatenate([lines.get(path, here[:0]), here])
    return lines


def _refuse_shared_groups(given: Mapping[str, Rows], column: str) -> None:
    """Refuse two splits with files of their own that share a group."""
    groups = {
        split: {label_name(value) for value in rows[column] if not is_missing(value)}
        for split, rows in given.items()
        if column in rows
    }
    for one, other in combinations(groups, 2):
        shared = sorted(groups[one] & groups[other])
        if shared:
            raise DataError(
                f"The same groups by {column} are in {one} and in {other}.",
                received=f"{len(shared)} such groups: {', '.join(shared[:5])}"[:100],
                hint=f"data.{other}=null to split whole groups off, or data.split.group_by=null",
            )


@dataclass(frozen=True)
class _Whole:
    """The training file: its rows, and the constraints under which they are divided."""

    rows: Rows
    labels: Sequence[Hashable] | None
    groups: Array | None
    stratified: str
    grouped: str
    seed: int
    alike: Sequence[Hashable] | None = None

    @property
    def name(self) -> str:
        return _name(self.rows)

    def how(self) -> str:
        parts = [self.grouped] if self.groups is not None else []
        if self.labels is not None:
            parts.append(self.stratified)
        return ", ".join([*(parts or ["at random"]), f"seed {self.seed}"])

    def deal(self, rest: Array, n_folds: int) -> tuple[Array, str]:
        """Deal the remaining rows to folds, and say how; equal rows go to one fold."""
        random, how = stream(self.seed, "split", "folds"), self.how()
        groups = None if self.groups is None else _renumbered(self.groups[rest])
        if self.alike is not None:
            groups, n_alike = join_alike([self.alike[row] for row in rest], groups)
            how = f"{n_alike} rows equal to another kept with it, {how}" if n_alike else how
        labels = None if self.labels is None else [self.labels[row] for row in rest]
        return deal(len(rest), n_folds, labels=labels, groups=groups, random=random), how

    def carve(self, rest: Array, split: str, size: Size) -> Array:
        """Draw the rows of a split from the remaining rows."""
        n_rows = _count(size, len(self.rows), FIELDS[split])
        if n_rows == 0:
            return rest[:0]
        if n_rows >= len(rest):
            raise DataError(
                f"{self.name} has too few rows to set {n_rows} aside for {split}.",
                received=f"{len(self.rows)} rows, of which {len(rest)} are left",
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
    """Turn a share or a number into a number of rows; a share yields at least one."""
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


def _renumbered(groups: Array) -> Array:
    numbers: Array = np.unique(groups, return_inverse=True)[1]
    return numbers


def _check_folds(whole: _Whole, rest: Array, test: Rows | None, n_folds: int, fold: int) -> None:
    if test is not None:
        raise DataError(
            "With folds, the test set is a fold of the training file.",
            received=f"data.split.n_folds={n_folds} and a test file",
            hint="data.split.folds_of=rest keeps it apart; or data.test=null, or "
            "data.split.n_folds=null",
        )
    n_units = len(rest) if whole.groups is None else len(np.unique(whole.groups[rest]))
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


def _labels(rows: Rows, column: str | None, *, several: bool) -> list[Hashable] | None:
    """Return the label of each row to stratify by, or None if stratifying makes no sense.

    A row with several labels counts as its rarest one: if each combination counted, most of them
    would be the only ones of their kind.
    """
    if column is None or column not in rows:
        return None
    values = rows[column]
    if any(isinstance(value, float) and not value.is_integer() for value in values):
        return None
    if several or any(isinstance(value, (list, tuple, set, np.ndarray)) for value in values):
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
    return number_groups([None if is_missing(v) else label_name(v) for v in rows[column]])


def limit_split(
    splits: Splits,
    split: str,
    most: int,
    *,
    stratify_by: str | None,
    seed: int,
    several: bool = False,
) -> Splits:
    """Keep at most `most` rows of a split.

    Rows that are judged are drawn as they are: every row with the same chance, each label's share
    rounded up or down. In training, each label keeps at least one row if that is possible, and a
    larger draw holds the smaller ones of its seed.

    Args:
        splits: The splits.
        split: The name of the split to subsample.
        most: The number of rows to keep.
        stratify_by: Column whose values keep their shares.
        seed: Seed of the draw.
        several: Whether a cell of that column can name several labels.

    Raises:
        DataError: No row would be left.
    """
    rows = dict(splits.items())[split]
    if most < 1:
        raise DataError(
            f"At least one row of {split} must be kept.",
            received=f"data.limit.{split}={most}",
            hint=f"data.limit.{split}=100",
        )
    if most >= len(rows):
        return splits
    labels = _labels(rows, stratify_by, several=several)
    everything, random = np.arange(len(rows)), stream(seed, "limit", split)
    if split == "train":
        chosen = draw_nested(everything, most, labels=labels, random=random)
    else:
        chosen = draw_evenly(everything, most, labels=labels, random=random)
    how = f", stratified by {stratify_by}" if labels is not None else ""
    made = f"{splits.made.get(split, split)}; limited to {most} of them{how}"
    kept = {**dict(splits.items()), split: rows.take(chosen)}
    return Splits(**kept, made={**splits.made, split: made})
