"""The data doctor: inspects the splits before training and reports what it finds.

A check is a function from views (`split_view.py`) to findings. `check_texts.py` and
`check_encoding.py` check every text column, `check_duplicates.py` compares rows, and the other
files check one kind of target each. To add a check, write it and add it to its file's `CHECKS`, or
to `OF_KIND` below.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from luthier.columns import MOST_SECONDS, Column
from luthier.data.doctor import (
    check_choices,
    check_duplicates,
    check_encoding,
    check_entities,
    check_labels,
    check_media,
    check_text_pairs,
    check_texts,
)
from luthier.data.doctor.split_view import (
    MOST_PLACES,
    SplitView,
    every_row,
    finding,
    has_text,
    key_of,
    views_of,
)
from luthier.errors import DataError
from luthier.items import Files, Items, Truncation
from luthier.padding import IGNORED
from luthier.ragged import Ragged
from luthier.records import Rows, Splits
from luthier.results import Finding

SEVERITIES = ("error", "warning", "note")
FEW = 100  # test rows; with fewer, intervals are wide
FEW_TO_AUGMENT = 500  # training rows, beyond which augmentation brings a pre-trained model little
LABELLED = ("single-label", "multi-label", "number")
OF_KIND: dict[str, tuple[Callable[..., list[Finding]], ...]] = {
    **{
        kind: (
            partial(check_labels.check_missing, kind=kind),
            partial(check_labels.check_labels, kind=kind),
            partial(check_labels.check_types, kind=kind),
        )
        for kind in ("single-label", "multi-label")
    },
    "number": (partial(check_labels.check_missing, kind="number"), check_labels.check_numbers),
    "text": (check_text_pairs.check_pairs,),
    "tags": (check_entities.check_tags,),
    "choice": (check_choices.check_choices,),
}


def inspect(
    splits: Splits,
    *,
    inputs: Sequence[Column],
    label_role: str | None,
    kind: str,
    has_text: Callable[[str], bool] = has_text,
    media: str | None = None,
    max_seconds: float = MOST_SECONDS,
    needs_media: bool = True,
) -> list[Finding]:
    """Find everything in the rows that can make training fail or its scores misleading.

    Args:
        splits: The rows to inspect.
        inputs: The columns that a model reads. Rows are compared by all of them together.
        label_role: The column with the gold labels; None if there is none.
        kind: The kind of target, as in a task's `kind`.
        has_text: Function that tells whether cells of an input column of a given kind are texts.
            Only such columns get the checks of texts.
        media: Folder that paths of images and sounds are relative to.
        max_seconds: What is read of a sound.
        needs_media: Whether rows without their image or sound cannot be learned from.

    Returns:
        Errors first, then warnings, then notes.

    Raises:
        DataError: A column is missing.
    """
    needed = [label_role] if label_role else []
    views = views_of(splits.items(), inputs, needed=needed, has_text=has_text, media=media)
    found = check_media.check_media(views, max_seconds, needs_media)
    for check_target in OF_KIND.get(kind, ()) if label_role else ():
        found += check_target(views, label_role)
    found += check_duplicates.check_duplicates(views)
    if label_role and kind in LABELLED:
        found += check_duplicates.check_conflicts(views, label_role, kind)
    for check in (*check_texts.CHECKS, *check_encoding.CHECKS, check_sizes):
        found += check(views)
    return sorted(found, key=lambda each: SEVERITIES.index(each.severity))


def check_sizes(views: Sequence[SplitView]) -> list[Finding]:
    """Find a test set so small that all intervals will be wide."""
    return [
        each
        for view in views
        if view.split == "test" and len(view.rows) < FEW
        for each in finding(
            "tiny-split",
            "note",
            "The test set has {n}: its scores will have wide intervals.",
            every_row(view),
            f"data.split.test={FEW}, or data.split.n_folds=5 to test on all rows in turn",
        )
    ]


def drop_leaks(
    splits: Splits,
    *,
    inputs: Sequence[Column],
    has_text: Callable[[str], bool] = has_text,
    media: str | None = None,
) -> tuple[Splits, dict[str, int]]:
    """Drop rows whose inputs also occur in a split that they would be scored on.

    Training and validation rows are dropped if the test set has the same inputs, training rows
    also if the validation set has them. Case, spaces and punctuation of texts do not count.

    Args:
        splits: The rows.
        inputs: The columns that a model reads; rows are compared by all of them together.
        has_text: Function that tells whether cells of an input column of a given kind are texts.
        media: Folder that paths of images and sounds are relative to.

    Returns:
        The splits, and the number of rows dropped from each of `train` and `validation`.

    Raises:
        DataError: No training row is left.
    """
    views = views_of(splits.items(), inputs, has_text=has_text, media=media)
    keys = {view.split: view.keys(key_of) for view in views}
    in_test = {key for key in keys.get("test", ()) if key}
    in_either = in_test | {key for key in keys.get("validation", ()) if key}
    validation, lost_validation = _without(splits.validation, keys.get("validation", []), in_test)
    train, lost_train = _without(splits.train, keys.get("train", []), in_either)
    if lost_train and len(train) == 0:
        raise DataError(
            "Every training row is also in the validation or test set.",
            received=f"{lost_train} training rows",
            hint="data.drop_leaks=false, or name other files",
        )
    counts = {"train": lost_train, "validation": lost_validation}
    made = dict(splits.made)
    for split, lost in counts.items():
        if lost:
            made[split] = f"{made.get(split, split)}, without {lost} leaked rows"
    return replace(splits, train=train, validation=validation, made=made), counts


def _without(rows: Rows, keys: Sequence[Hashable], leaked: set[Hashable]) -> tuple[Rows, int]:
    kept = [index for index, key in enumerate(keys) if key not in leaked]
    return (rows, 0) if len(kept) == len(rows) else (rows.take(kept), len(rows) - len(kept))


def cut_off(cut: Truncation, rows: Rows, *, split: str) -> list[Finding]:
    """Report how much of a split's texts is truncated.

    Args:
        cut: Token counts of the texts before and after truncation.
        rows: The rows of the split, to name the places of truncated texts.
        split: The name of the split in the message.
    """
    full, kept = np.asarray(cut.full), np.asarray(cut.kept)
    shorter = np.flatnonzero(kept < full)
    if len(shorter) == 0:
        return []
    share_tokens = float((full - kept).sum() / full.sum())
    longest = int(full.max())
    return [
        Finding(
            cut.code,
            "warning" if share_tokens >= 0.05 else "note",
            f"{len(shorter)} of {len(full)} {split} {cut.column}s ({len(shorter) / len(full):.1%}) "
            f"are longer than {int(kept[shorter].max())} tokens; {share_tokens:.1%} of all tokens "
            f"are truncated (the longest has {longest}).",
            len(shorter),
            tuple(f"{rows.where(int(row))}:{cut.column}" for row in shorter[:MOST_PLACES]),
            f"{cut.fix}={-(-longest // 8) * 8} keeps all of them, if the model can read that many",
        )
    ]


def nothing_to_learn(items: Items, rows: Rows) -> list[Finding]:
    """Report training rows without any target, such as those whose answers were truncated away.

    Args:
        items: The encoded training rows.
        rows: The training rows, to name places.
    """
    if items.targets is None or isinstance(items.targets.values, Files):
        return []
    targets = items.target_array
    if targets.dtype.kind not in "iu" or targets.ndim != 1 or len(items) == 0:
        return []
    counts = np.asarray(targets != IGNORED)
    if isinstance(items.targets.values, Ragged):
        counts = np.diff(np.concatenate([[0], np.cumsum(counts)])[items.targets.values.offsets])
    is_of_rows = items.rows.ndim == 1 and "position_ids" not in items.inputs  # or it is a block
    if is_of_rows and items.rows.max() < len(rows):
        per_row = np.bincount(items.rows, weights=counts, minlength=len(rows))
        empty = np.flatnonzero(per_row == 0)
    else:
        empty = np.arange(0 if counts.any() else len(rows))
    if len(empty) == 0:
        return []
    return [
        Finding(
            "nothing-to-learn",
            "error" if len(empty) == len(rows) else "warning",
            f"{len(empty)} of {len(rows)} training rows have no target, so nothing is learned from "
            "them: they have no answer, or it was truncated away.",
            len(empty),
            tuple(rows.where(int(row)) for row in empty[:MOST_PLACES]),
            "data.max_tokens=a higher limit, or take these rows out",
        )
    ]


__all__ = ["cut_off", "drop_leaks", "inspect", "key_of", "nothing_to_learn"]


def many_to_augment(train: Rows) -> list[Finding]:
    """Find more training rows than augmentation has been seen to help."""
    if len(train) <= FEW_TO_AUGMENT:
        return []
    message = (
        f"{len(train):,} training rows are augmented; with a pre-trained model, little is to be "
        f"gained by that beyond about {FEW_TO_AUGMENT}."
    )
    fix = "augmentation=[], or luthier ablate with --add augmentation=[eda] tells what it brings"
    return [Finding("augmented-many-rows", "note", message, len(train), (), fix)]
