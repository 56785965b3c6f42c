"""The doctor's checks of labels and numbers: what there is to learn, and whether it can be."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from luthier.data.doctor.near_duplicates import edit_distance
from luthier.data.doctor.split_view import Chart, Place, finding
from luthier.data.labels import is_missing, label_name, split_labels
from luthier.results import Finding

RARE = 5
IMBALANCE = 10
DOMINANT = 0.9
MISSPELT_TIMES = 20


def check_missing(charts: Sequence[Chart], role: str, kind: str) -> list[Finding]:
    """Find rows without an answer; an empty multi-label cell is an answer, a missing one is not."""
    places = [
        (chart, index, role)
        for chart in charts
        for index, value in enumerate(chart.rows[role])
        if (value is None if kind == "multi-label" else is_missing(value) and not _is_nan(value))
    ]
    fix = "fill the cells in, or drop these rows"
    return finding("missing-label", "error", f"{{n}} without a {role} ({{splits}}).", places, fix)


def _is_nan(value: Any) -> bool:
    return isinstance(value, (float, np.floating)) and math.isnan(value)


def names_of(chart: Chart, role: str, kind: str) -> list[list[str]]:
    """Read the label names of every row."""
    if kind == "multi-label":
        return [split_labels(value) for value in chart.rows[role]]
    return [[] if is_missing(value) else [label_name(value)] for value in chart.rows[role]]


def check_labels(charts: Sequence[Chart], role: str, kind: str) -> list[Finding]:
    """Find labels that are unseen, misspelt, alone, rare or crushing."""
    named = [names_of(chart, role, kind) for chart in charts]
    in_train: Counter[str] = Counter()
    overall: Counter[str] = Counter()
    for chart, cells in zip(charts, named, strict=True):
        counts = Counter(name for cell in cells for name in cell)
        overall += counts
        if chart.split == "train":
            in_train += counts

    def places_of(names: set[str], splits: Sequence[str] | None = None) -> list[Place]:
        return [
            (chart, index, role)
            for chart, cells in zip(charts, named, strict=True)
            if splits is None or chart.split in splits
            for index, cell in enumerate(cells)
            if not names.isdisjoint(cell)
        ]

    unseen = set(overall) - set(in_train) if in_train else set()
    misspelt = _misspelt(overall)
    example = ", ".join(f"'{wrong}' for '{right}'" for wrong, right in list(misspelt.items())[:3])
    return [
        *finding(
            "unseen-label",
            "error",
            f"{{n}} with a label that no training row has: {_some(sorted(unseen))} ({{splits}}).",
            places_of(unseen, ("validation", "test")) if unseen else [],
            "mend these labels, drop the rows, or split anew: data.validation=null data.test=null",
        ),
        *finding(
            "misspelt-label",
            "warning",
            f"{{n}} whose label looks misspelt: {example} ({{splits}}).",
            places_of(set(misspelt)) if misspelt else [],
            "write the label as in the other rows",
        ),
        *_check_numbers_of_rows(charts, role, kind, in_train, places_of),
    ]


def _check_numbers_of_rows(
    charts: Sequence[Chart], role: str, kind: str, counts: Counter[str], places_of: Any
) -> list[Finding]:
    """Look at how often each label occurs in training."""
    train = [chart for chart in charts if chart.split == "train"]
    if not train:
        return []
    if len(counts) < (1 if kind == "multi-label" else 2):
        told = f"the label '{next(iter(counts))}'" if counts else "no label"
        every = [(train[0], index, role) for index in range(len(train[0].rows))]
        message = f"All training rows have {told}: there is nothing to tell apart."
        return finding(
            "single-class", "error", message, every, f"data.columns.{role}=the label column"
        )
    rare = {name: count for name, count in counts.items() if count < RARE}
    found = finding(
        "rare-label",
        "warning",
        f"{len(rare)} labels have fewer than {RARE} training rows: "
        f"{_some([f'{name} ({count})' for name, count in rare.items()])}.",
        places_of(set(rare), ("train",)) if rare else [],
        "collect more rows for them, or merge them into another label",
    )
    (top, most), (last, least) = counts.most_common(1)[0], counts.most_common()[-1]
    share = most / len(train[0].rows)
    if kind == "single-label" and (most >= IMBALANCE * least or share >= DOMINANT):
        found += finding(
            "class-imbalance",
            "warning" if share >= DOMINANT else "note",
            f"The label '{top}' has {most} training rows ({share:.0%}), '{last}' has {least}: "
            "accuracy says little, look at macro_f1.",
            places_of({last}, ("train",)),
            "task.options.class_weights=balanced",
        )
    return found


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _misspelt(counts: Counter[str]) -> dict[str, str]:
    """Give labels that look like a slip of the pen, and what they should be.

    That is: another label but for case, spaces, `_` and `-`, and less frequent; or one or two
    characters away from a label that is twenty times as frequent, not in digits and not as a
    prefix (`irrelevant` is no slip for `relevant`).
    """
    found: dict[str, str] = {}
    ranked = [name for name, _ in counts.most_common()]
    folded: dict[str, str] = {}
    for name in ranked:
        plain = "".join(sign for sign in name.casefold() if sign not in " \t_-\xa0")
        if folded.setdefault(plain or name, name) != name:
            found[name] = folded[plain]
    for name in ranked:
        if name in found or len(name) < 4:
            continue
        for right in ranked:
            if counts[right] < MISSPELT_TIMES * counts[name]:
                break
            if _is_slip(name.casefold(), right.casefold()):
                found[name] = right
                break
    return found


def _is_slip(name: str, right: str) -> bool:
    most = 1 if min(len(name), len(right)) < 6 else 2
    if min(len(name), len(right)) < 4 or abs(len(name) - len(right)) > most:
        return False
    if name.endswith(right) or right.endswith(name):
        return False
    if [s for s in name if s.isdigit()] != [s for s in right if s.isdigit()]:
        return False
    return edit_distance(name, right) <= most


def check_types(charts: Sequence[Chart], role: str) -> list[Finding]:
    """Find labels of several kinds in one column: numbers among words, true among texts."""
    kinds: dict[str, list[Place]] = {}
    for chart in charts:
        for index, value in enumerate(chart.rows[role]):
            if not is_missing(value):
                kinds.setdefault(_kind(value), []).append((chart, index, role))
    if len(kinds) < 2:
        return []
    fewest = min(kinds.values(), key=len)
    told = ", ".join(f"{kind} ({len(places)})" for kind, places in kinds.items())
    return finding(
        "mixed-label-types",
        "warning",
        f"The column {role} mixes kinds of labels: {told}.",
        fewest,
        "write all labels the same way",
    )


def _kind(value: Any) -> str:
    if isinstance(value, (list, tuple, np.ndarray)):
        return "list"
    if isinstance(value, (bool, np.bool_)):
        return "true or false"
    if isinstance(value, (int, float, np.number)):
        return "number"
    return "number as text" if _number(value) is not None else "text"


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def check_numbers(charts: Sequence[Chart], role: str) -> list[Finding]:
    """Find targets that are no numbers, not finite, or all the same."""
    unreadable: list[Place] = []
    not_finite: list[Place] = []
    numbers: list[float] = []
    for chart in charts:
        for index, value in enumerate(chart.rows[role]):
            number = None if isinstance(value, bool) else _number(value)
            place = (chart, index, role)
            if number is not None and not math.isfinite(number):
                not_finite.append(place)
            elif number is not None:
                numbers.append(number)
            elif not is_missing(value):
                unreadable.append(place)
    shown = [repr(c.rows[role][i]) for c, i, _ in unreadable[:3]]
    comma = any(_number(text.strip("'").replace(",", ".")) is not None for text in shown)
    column = f"data.columns.{role}=the column with the numbers"
    train = [chart for chart in charts if chart.split == "train"]
    every = [(train[0], index, role) for index in range(len(train[0].rows))] if train else []
    return [
        *finding(
            "non-numeric-target",
            "error",
            f"{{n}} whose {role} is no number: {', '.join(shown)} ({{splits}}).",
            unreadable,
            "write decimals with a point: 3.5" if comma else column,
        ),
        *finding(
            "nan-target",
            "error",
            f"{{n}} whose {role} is not finite (nan or inf) ({{splits}}).",
            not_finite,
            "mend the numbers, or drop these rows",
        ),
        *finding(
            "constant-target",
            "error",
            f"All rows have the same {role}: there is nothing to predict.",
            every if numbers and len(set(numbers)) == 1 else [],
            column,
        ),
    ]
