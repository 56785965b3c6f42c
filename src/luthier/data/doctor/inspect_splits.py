"""The data doctor: looks at the splits before anything is trained, and says what it finds.

A check is one function from charts (`split_view.py`) to findings; they stand in `check_texts.py`
and `check_encoding.py` (every text), `check_labels.py` (labels and numbers), `check_text_pairs.py`,
`check_entities.py` and `check_duplicates.py`. To add one, write it and put it into its file's
`CHECKS`, or below.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from luthier.data.doctor import (
    check_duplicates,
    check_encoding,
    check_entities,
    check_labels,
    check_text_pairs,
    check_texts,
)
from luthier.data.doctor.split_view import MOST_PLACES, Chart, charts_of, finding, key_of
from luthier.errors import DataError
from luthier.records import Rows, Splits, Truncation
from luthier.results import Finding

SEVERITIES = ("error", "warning", "note")
FEW = 100
LABELLED = ("single-label", "multi-label", "number")
OF_KIND: dict[str, tuple[Callable[..., list[Finding]], ...]] = {
    **{
        kind: (
            partial(check_labels.check_missing, kind=kind),
            partial(check_labels.check_labels, kind=kind),
            check_labels.check_types,
        )
        for kind in ("single-label", "multi-label")
    },
    "number": (partial(check_labels.check_missing, kind="number"), check_labels.check_numbers),
    "text": (check_text_pairs.check_pairs,),
    "tags": (check_entities.check_tags,),
    "choice": (check_entities.check_choices,),
}


def inspect(
    splits: Splits, *, text_roles: tuple[str, ...], label_role: str | None, kind: str
) -> list[Finding]:
    """Look for everything in the rows that makes training fail or its scores wrong.

    Args:
        splits: What to look at.
        text_roles: Columns that hold texts; rows are compared by all of them together.
        label_role: Column that holds what is learned, or None.
        kind: What is learned, as a task's `kind` says it.

    Returns:
        Errors first, then warnings, then notes.

    Raises:
        DataError: A column is not there.
    """
    needed = [*text_roles, *([label_role] if label_role else [])]
    charts = charts_of(splits.items(), text_roles, needed)
    found: list[Finding] = []
    for of_answers in OF_KIND.get(kind, ()) if label_role else ():
        found += of_answers(charts, label_role)
    found += check_duplicates.check_duplicates(charts)
    if label_role and kind in LABELLED:
        found += check_duplicates.check_conflicts(charts, label_role, kind)
    for check in (*check_texts.CHECKS, *check_encoding.CHECKS, check_sizes):
        found += check(charts)
    return sorted(found, key=lambda each: SEVERITIES.index(each.severity))


def check_sizes(charts: Sequence[Chart]) -> list[Finding]:
    """Find a test set so small that every interval will be wide."""
    return [
        each
        for chart in charts
        if chart.split == "test" and len(chart.rows) < FEW
        for each in finding(
            "tiny-split",
            "note",
            "The test set has {n}: its scores will have wide intervals.",
            [(chart, index, chart.text_roles[0]) for index in range(len(chart.rows))],
            f"data.split.test={FEW}, or data.split.n_folds=5 to judge on all rows in turn",
        )
    ]


def drop_leaks(splits: Splits, *, text_roles: tuple[str, ...]) -> tuple[Splits, dict[str, int]]:
    """Drop rows whose texts are also in a split that judges them.

    Training and validation rows go when the test set has their text, training rows when validation
    has it; case, spaces and punctuation do not count.

    Returns:
        The splits, and how many rows each of `train` and `validation` lost.

    Raises:
        DataError: No training row is left.
    """
    charts = charts_of(splits.items(), text_roles, text_roles)
    keys = {chart.split: [key_of(texts) for texts in chart.texts] for chart in charts}
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


def _without(rows: Rows, keys: Sequence[str], leaked: set[str]) -> tuple[Rows, int]:
    kept = [index for index, key in enumerate(keys) if key not in leaked]
    return (rows, 0) if len(kept) == len(rows) else (rows.take(kept), len(rows) - len(kept))


def cut_off(cut: Truncation, rows: Rows, *, split: str) -> list[Finding]:
    """Say how much of the texts of a split the model will not see.

    Args:
        cut: How long they were before and after.
        rows: The rows, to say where the cut ones stand.
        split: What to call them.
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
            f"are not seen (the longest has {longest}).",
            len(shorter),
            tuple(f"{rows.where(int(row))}:{cut.column}" for row in shorter[:MOST_PLACES]),
            f"{cut.fix}={-(-longest // 8) * 8} keeps all, if the model can read as many",
        )
    ]


__all__ = ["cut_off", "drop_leaks", "inspect", "key_of"]
