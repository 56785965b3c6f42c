"""The doctor's checks of rows against each other: copies, leaks, near-copies, contradictions.

Two rows are copies when all their texts are equal to the character; near-copies when they are
equal without case, spaces and punctuation, or differ in 15 % of their characters at most
(`near_duplicates.py`). A copy in two splits is a leak: what was trained on is judged on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from typing import Any

from luthier.data.chart import Chart, Place, finding
from luthier.data.labels import is_missing, label_name, split_labels
from luthier.data.near_duplicates import similar_pairs
from luthier.records import Finding

ORDER = {"train": 0, "validation": 1, "test": 2}
Member = tuple[int, int]  # chart, row


def check_duplicates(charts: Sequence[Chart]) -> list[Finding]:
    """Find copies and near-copies, within splits and across them."""
    by_text = _group(charts, lambda chart, index: chart.texts[index])
    by_key = _group(charts, lambda chart, index: chart.keys[index])
    copies, leaked = _repeated(by_text)
    near, near_leaked = _repeated(by_key)
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
    for members in _group(charts, lambda c, i: c.texts[i]).values():
        if len(members) > 1:
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


def _group(
    charts: Sequence[Chart], key: Callable[[Chart, int], Hashable]
) -> dict[Hashable, list[Member]]:
    """Gather the rows of equal key, in the order of the splits; rows without text are left out."""
    groups: dict[Hashable, list[Member]] = defaultdict(list)
    for number, chart in enumerate(charts):
        for index, plain in enumerate(chart.keys):
            if plain:
                groups[key(chart, index)].append((number, index))
    return groups


def _repeated(groups: dict[Hashable, list[Member]]) -> tuple[set[Member], set[Member]]:
    """Give the rows that repeat one of their own split, and those that repeat an earlier split's.

    A row that does both counts as a leak.
    """
    within, across = set(), set()
    for members in groups.values():
        first = members[0][0]
        seen: set[int] = set()
        for member in members:
            if member[0] > first:
                across.add(member)
            elif member[0] in seen:
                within.add(member)
            seen.add(member[0])
    return within, across


def _similar(
    charts: Sequence[Chart], by_key: dict[Hashable, list[Member]]
) -> tuple[set[Member], set[Member]]:
    """Give the rows that are near an earlier row of their split, and near one of an earlier split.

    Texts that are equal but for case, spaces and punctuation are compared once.
    """
    unique: dict[str, list[Member]] = {}
    for members in by_key.values():
        number, index = members[0]
        unique.setdefault(charts[number].words[index], []).extend(members)
    groups = list(unique.values())
    within: set[Member] = set()
    across: set[Member] = set()
    for one, other in similar_pairs(list(unique)):
        first, second = min(groups[one], groups[other]), max(groups[one], groups[other])
        earliest = min(first)[0]
        for member in second:
            (across if member[0] > earliest else within).add(member)
        if second and first is not second:
            across.update(m for m in first if m[0] > min(second)[0])
    return within, across


def _places(charts: Sequence[Chart], members: set[Member]) -> list[Place]:
    """Give places for members, those of the test set first: they hurt most."""
    ordered = sorted(members, key=lambda m: (-ORDER.get(charts[m[0]].split, 0), m[1]))
    return [(charts[number], index, charts[number].text_roles[0]) for number, index in ordered]
