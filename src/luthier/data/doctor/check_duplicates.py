"""The doctor's checks of rows against each other: copies, leaks, near-copies, contradictions.

Two rows are copies when all their texts are equal to the character; near-copies when they are
equal without case, spaces and punctuation, or differ in 15 % of their characters at most
(`near_duplicates.py`). A copy in two splits is a leak: what was trained on is judged on.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import numpy as np

from luthier.data.doctor.near_duplicates import similar_pairs
from luthier.data.doctor.split_view import Chart, Place, finding, key_of
from luthier.data.labels import is_missing, label_name, split_labels
from luthier.ragged import Array
from luthier.results import Finding

ORDER = {"train": 0, "validation": 1, "test": 2}
Member = tuple[int, int]  # chart, row


def check_duplicates(charts: Sequence[Chart]) -> list[Finding]:
    """Find copies and near-copies, within splits and across them."""
    by_text = _group(texts for chart in charts for texts in chart.texts)
    by_key = _group(key_of(texts) for chart in charts for texts in chart.texts)
    by_text[by_key < 0] = -1
    copies, leaked = _repeated(charts, by_text)
    near, near_leaked = _repeated(charts, by_key)
    similar, similar_leaked = _similar(charts, by_key)
    known = copies | leaked
    near = (near | similar) - known - near_leaked - similar_leaked
    near_leaked = (near_leaked | similar_leaked) - leaked
    group = f"data.split.group_by={charts[0].text_roles[0]}" if charts else ""
    return [
        *finding(
            "duplicate-across-splits",
            "warning",
            "{n} with a text that also stands in an earlier split ({splits}): scores flatter.",
            _places(charts, leaked),
            "data.drop_leaks=true",
        ),
        *finding(
            "duplicate-rows",
            "warning",
            "{n} with the text of an earlier row of the same split ({splits}).",
            _places(charts, copies),
            f"drop the copies, or keep them together: {group}",
        ),
        *finding(
            "near-duplicate-across-splits",
            "warning",
            "{n} almost the same as a row of an earlier split ({splits}).",
            _places(charts, near_leaked),
            "data.drop_leaks=true drops those that differ in case, spaces or punctuation alone",
        ),
        *finding(
            "near-duplicates",
            "note",
            "{n} almost the same as an earlier row of the same split ({splits}).",
            _places(charts, near),
            "keep one of each, or name what groups them: data.split.group_by=COLUMN",
        ),
    ]


def check_conflicts(charts: Sequence[Chart], label_role: str, kind: str) -> list[Finding]:
    """Find copies with different answers, of which at most one can be learned."""
    conflicting: list[Member] = []
    starts = _starts(charts)
    for rows in _together(_group(texts for chart in charts for texts in chart.texts)):
        members = [_member(starts, row) for row in rows.tolist()]
        if not key_of(charts[members[0][0]].texts[members[0][1]]):
            continue
        answers = [_answer(charts[c].rows[label_role][i], kind) for c, i in members]
        if len({answer for answer in answers if answer is not None}) > 1:
            conflicting += members
    return finding(
        "conflicting-labels",
        "note" if kind == "number" else "warning",
        f"{{n}} with the text of another row but another {label_role} ({{splits}}).",
        [(charts[c], i, label_role) for c, i in sorted(conflicting)],
        "decide on one label for each text, or drop these rows",
    )


def _answer(value: Any, kind: str) -> Hashable:
    if value is None or (kind != "multi-label" and is_missing(value)):
        return None
    if kind == "multi-label":
        return frozenset(split_labels(value))
    return label_name(value)


def _group(keys: Iterable[Hashable]) -> Array:
    """Number the groups of equal key, (rows,): all rows in the order of the splits.

    Rows with an empty key have -1. Numbers and no lists of members: nearly all rows stand alone.
    """
    ids: dict[Hashable, int] = {}
    return np.fromiter(
        (ids.setdefault(key, len(ids)) if key else -1 for key in keys), dtype=np.int64
    )


def _starts(charts: Sequence[Chart]) -> Array:
    """Say where each chart's rows begin among all rows, and where they end, (charts + 1,)."""
    return np.cumsum([0, *(len(chart.rows) for chart in charts)])


def _member(starts: Array, row: int) -> Member:
    number = int(np.searchsorted(starts, row, side="right")) - 1
    return number, row - int(starts[number])


def _members(charts: Sequence[Chart], rows: Array) -> set[Member]:
    starts = _starts(charts)
    return {_member(starts, row) for row in rows.tolist()}


def _together(groups: Array) -> list[Array]:
    """Give the rows of every group that has several."""
    order = np.argsort(groups, kind="stable")
    order = order[groups[order] >= 0]
    _, firsts, counts = np.unique(groups[order], return_index=True, return_counts=True)
    return [order[firsts[one] : firsts[one] + counts[one]] for one in np.flatnonzero(counts > 1)]


def _repeated(charts: Sequence[Chart], groups: Array) -> tuple[set[Member], set[Member]]:
    """Give the rows that repeat one of their own split, and those that repeat an earlier split's.

    A row that does both counts as a leak.
    """
    split = np.repeat(np.arange(len(charts)), np.diff(_starts(charts)))
    rows = np.flatnonzero(groups >= 0)
    _, firsts, inverse = np.unique(groups[rows], return_index=True, return_inverse=True)
    first = rows[firsts][inverse]
    is_across = split[rows] > split[first]
    within = rows[~is_across & (rows != first)]
    return _members(charts, within), _members(charts, rows[is_across])


def _similar(charts: Sequence[Chart], by_key: Array) -> tuple[set[Member], set[Member]]:
    """Give the rows that are near an earlier row of their split, and near one of an earlier split.

    Texts that are equal but for case, spaces and punctuation are compared once.
    """
    starts = _starts(charts)
    with_text = np.flatnonzero(by_key >= 0)
    _, firsts = np.unique(by_key[with_text], return_index=True)
    is_first = np.zeros(len(by_key), dtype=bool)
    is_first[with_text[firsts]] = True
    ids: dict[str, int] = {}
    of_group = np.array(
        [
            ids.setdefault(chart.words(index), len(ids))
            for chart, start in zip(charts, starts.tolist(), strict=False)
            for index in np.flatnonzero(is_first[start : start + len(chart.rows)]).tolist()
        ],
        dtype=np.int64,
    )
    texts = list(ids)
    del ids  # numbers that nothing needs any more, by the million
    of_row = of_group[by_key[with_text]]
    order = np.argsort(of_row, kind="stable")
    ends = np.cumsum(np.bincount(of_row, minlength=len(texts)))
    within: set[Member] = set()
    across: set[Member] = set()
    for pair in similar_pairs(texts):
        first, second = sorted(
            [
                _member(starts, row)
                for row in with_text[order[ends[one - 1] if one else 0 : ends[one]]].tolist()
            ]
            for one in pair
        )
        earliest = first[0][0]
        for member in second:
            (across if member[0] > earliest else within).add(member)
        across.update(member for member in first if member[0] > second[0][0])
    return within, across


def _places(charts: Sequence[Chart], members: set[Member]) -> list[Place]:
    """Give places for members, those of the test set first: they hurt most."""
    ordered = sorted(members, key=lambda m: (-ORDER.get(charts[m[0]].split, 0), m[1]))
    return [(charts[number], index, charts[number].text_roles[0]) for number, index in ordered]
