"""The doctor's checks of labels and numbers: whether there is something that can be learned."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from rapidfuzz.distance.Levenshtein import distance as edit_distance

from luthier.data.doctor.split_view import Place, SplitView, every_row, finding
from luthier.data.labels import as_number, is_missing, label_name, placeholders, split_labels
from luthier.results import Finding

RARE = 5  # training rows; a label with fewer is rare
IMBALANCE = 10  # times that the most frequent label outnumbers the least frequent one
DOMINANT = 0.9  # share of the rows
MISSPELT_TIMES = 20  # times that the right spelling outnumbers a misspelling


def check_missing(views: Sequence[SplitView], role: str, kind: str) -> list[Finding]:
    """Find rows without a label. A multi-label cell may be empty, but not missing."""
    places = [
        (view, index, role)
        for view in views
        for index, value in enumerate(view.rows[role])
        if (value is None if kind == "multi-label" else is_missing(value) and not _is_nan(value))
    ]
    fix = "fill in the cells, or drop these rows"
    return finding("missing-label", "error", f"{{n}} without a {role} ({{splits}}).", places, fix)


def _is_nan(value: object) -> bool:
    return isinstance(value, (float, np.floating)) and math.isnan(value)


def names_of(view: SplitView, role: str, kind: str) -> list[list[str]]:
    """Read the label names of every row."""
    if kind == "multi-label":
        return [split_labels(value) for value in view.rows[role]]
    return [[] if is_missing(value) else [label_name(value)] for value in view.rows[role]]


def check_labels(views: Sequence[SplitView], role: str, kind: str) -> list[Finding]:
    """Find labels that are unseen in training, misspelt, the only one, rare or dominant."""
    named = [names_of(view, role, kind) for view in views]
    in_train: Counter[str] = Counter()
    overall: Counter[str] = Counter()
    for view, cells in zip(views, named, strict=True):
        counts = Counter(name for cell in cells for name in cell)
        overall += counts
        if view.split == "train":
            in_train += counts

    def places_of(names: set[str], splits: Sequence[str] | None = None) -> list[Place]:
        return [
            (view, index, role)
            for view, cells in zip(views, named, strict=True)
            if splits is None or view.split in splits
            for index, cell in enumerate(cells)
            if not names.isdisjoint(cell)
        ]

    unseen = set(overall) - set(in_train) if in_train else set()
    misspelt = _misspelt(overall)
    example = ", ".join(f"'{wrong}' for '{right}'" for wrong, right in list(misspelt.items())[:3])
    nothing = set(placeholders(overall)) if kind == "single-label" else set()
    return [
        *finding(
            "unseen-label",
            "error",
            f"{{n}} with a label that no training row has: {_some(sorted(unseen))} ({{splits}}).",
            places_of(unseen, ("validation", "test")) if unseen else [],
            "correct these labels, drop the rows, or let Luthier split: "
            "data.validation=null data.test=null",
        ),
        *finding(
            "misspelt-label",
            "warning",
            f"{{n}} whose label looks misspelt: {example} ({{splits}}).",
            places_of(set(misspelt)) if misspelt else [],
            "write the label as in the other rows",
        ),
        *finding(
            "placeholder-label",
            "warning",
            f"{{n}} with the label {_some(sorted(nothing))}, which may "
            "stand for none ({splits}).",
            places_of(nothing) if nothing else [],
            f"data.no_answer={next(iter(sorted(nothing)), '')} if it does: the rows are left out",
        ),
        *_check_frequencies(views, role, kind, in_train, places_of),
        *_check_judged(views, role, named, in_train, places_of),
    ]


def _check_frequencies(
    views: Sequence[SplitView],
    role: str,
    kind: str,
    counts: Counter[str],
    places_of: Callable[[set[str], Sequence[str]], list[Place]],
) -> list[Finding]:
    """Check how often each label occurs in training."""
    train = [view for view in views if view.split == "train"]
    if not train:
        return []
    if len(counts) < (1 if kind == "multi-label" else 2):
        shown = f"the label '{next(iter(counts))}'" if counts else "no label"
        message = f"All training rows have {shown}: there is nothing to tell apart."
        fix = f"data.columns.{role}=the label column"
        return finding("single-class", "error", message, every_row(train[0], role), fix)
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
            "accuracy says little; use macro_f1.",
            places_of({last}, ("train",)),
            "task.options.class_weights=balanced",
        )
    return found


def _check_judged(
    views: Sequence[SplitView],
    role: str,
    named: Sequence[list[list[str]]],
    in_train: Counter[str],
    places_of: Callable[[set[str], Sequence[str]], list[Place]],
) -> list[Finding]:
    """Find labels that the test rows, drawn as they are, do not hold."""
    judged = {
        name
        for view, cells in zip(views, named, strict=True)
        if view.split == "test"
        for cell in cells
        for name in cell
    }
    untested = [name for name, _ in in_train.most_common() if name not in judged]
    if not judged or not untested:
        return []
    has = "has" if len(untested) == 1 else "have"
    return finding(
        "untested-label",
        "warning",
        f"{len(untested)} of {len(in_train)} labels {has} no test row: {_some(untested)}. "
        "The scores do not speak of them, and an average over labels is one of the others.",
        places_of(set(untested), ("train",)),
        "more test rows: a larger data.split.test or data.limit.test",
    )


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _misspelt(counts: Counter[str]) -> dict[str, str]:
    """Map labels that look misspelt to the right spelling.

    A label is taken for a misspelling if it equals a more frequent label apart from case, spaces,
    `_` and `-`, or is one or two characters away from a label that is twenty times as frequent.
    Labels that differ in digits or by a prefix are different (`irrelevant` and `relevant`).
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
    return edit_distance(name, right, score_cutoff=most) <= most


def check_types(views: Sequence[SplitView], role: str, kind: str) -> list[Finding]:
    """Find a column that mixes types of labels: numbers and words, truth values and numbers.

    Labels are compared as they are read: `1` and `"1.0"` are one number. What holds several labels
    is of the types of its labels.
    """
    kinds: dict[str, list[Place]] = {}
    for view in views:
        for index, value in enumerate(view.rows[role]):
            if not is_missing(value):
                for each in _types(value, kind):
                    kinds.setdefault(each, []).append((view, index, role))
    if len(kinds) < 2:
        return []
    fewest = min(kinds.values(), key=len)
    counts = ", ".join(f"{each} ({len(places)})" for each, places in kinds.items())
    return finding(
        "mixed-label-types",
        "warning",
        f"The column {role} mixes types of labels: {counts}.",
        fewest,
        "write all labels the same way",
    )


def _types(value: object, kind: str) -> set[str]:
    if kind == "multi-label":
        return {_type(name) for name in split_labels(value)}
    is_list = isinstance(value, (list, tuple, dict, np.ndarray))
    return {"list" if is_list else _type(label_name(value))}


def _type(name: str) -> str:
    if name in ("true", "false"):
        return "true or false"
    return "number" if as_number(name) is not None else "text"


def check_numbers(views: Sequence[SplitView], role: str) -> list[Finding]:
    """Find targets that are not numbers, not finite, or all equal."""
    unreadable: list[Place] = []
    not_finite: list[Place] = []
    numbers: list[float] = []
    for view in views:
        for index, value in enumerate(view.rows[role]):
            number = as_number(value)
            place = (view, index, role)
            if number is not None and not math.isfinite(number):
                not_finite.append(place)
            elif number is not None:
                numbers.append(number)
            elif not is_missing(value):
                unreadable.append(place)
    shown = [repr(c.rows[role][i]) for c, i, _ in unreadable[:3]]
    grouped = any(re.fullmatch(r"'[+-]?\d[\d.,' ]*'", text) for text in shown)
    column = f"data.columns.{role}=the column with the numbers"
    train = [view for view in views if view.split == "train"]
    every = every_row(train[0], role) if train else []
    return [
        *finding(
            "non-numeric-target",
            "error",
            f"{{n}} whose {role} is not a number: {', '.join(shown)} ({{splits}}).",
            unreadable,
            "write them as 1234.5: a point, and nothing between thousands" if grouped else column,
        ),
        *finding(
            "nan-target",
            "error",
            f"{{n}} whose {role} is not finite (nan or inf) ({{splits}}).",
            not_finite,
            "correct the numbers, or drop these rows",
        ),
        *finding(
            "constant-target",
            "error",
            f"All rows have the same {role}: there is nothing to predict.",
            every if numbers and len(set(numbers)) == 1 else [],
            column,
        ),
    ]
