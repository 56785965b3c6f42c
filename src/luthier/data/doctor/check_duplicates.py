"""The doctor's checks of rows against each other: copies, leaks, near-copies, contradictions.

Two rows are copies if all their inputs are equal, texts to the character. They are near-copies if
their texts are equal apart from case, spaces and punctuation, or differ in at most 15 % of their
characters (`near_duplicates.py`). A copy in two splits is a leak: the model is scored on what it
was trained on.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence

import numpy as np

from luthier.data.doctor.near_duplicates import similar_pairs
from luthier.data.doctor.split_view import Place, SplitView, finding, key_of
from luthier.data.labels import is_missing, label_name, split_labels
from luthier.ragged import Array
from luthier.results import Finding

ORDER = {"train": 0, "validation": 1, "test": 2}
Member = tuple[int, int]  # number of the view, row in it


def check_duplicates(views: Sequence[SplitView]) -> list[Finding]:
    """Find copies and near-copies, within splits and across them."""
    by_text = _group(key for view in views for key in view.keys(tuple))
    by_key = _group(key for view in views for key in view.keys(key_of))
    by_text[by_key < 0] = -1
    copies, leaked = _repeated(views, by_text)
    near, near_leaked = _repeated(views, by_key)
    similar, similar_leaked = _similar(views, by_key)
    known = copies | leaked
    near = (near | similar) - known - near_leaked - similar_leaked
    near_leaked = (near_leaked | similar_leaked) - leaked
    group = f"data.split.group_by={views[0].main_role}" if views else ""
    shared = _shared_role(views, near_leaked)
    what = _what_is_compared(views)
    return [
        *finding(
            "duplicate-across-splits",
            "warning",
            f"{{n}} with the {what} of a row in an earlier split ({{splits}}): inflated scores.",
            _places(views, leaked),
            "data.drop_leaks=true",
        ),
        *finding(
            "duplicate-rows",
            "warning",
            f"{{n}} with the {what} of an earlier row of the same split ({{splits}}).",
            _places(views, copies),
            f"drop the copies, or keep them together: {group}",
        ),
        *finding(
            "near-duplicate-across-splits",
            "warning",
            "{n} almost the same as a row of an earlier split ({splits}).",
            _places(views, near_leaked),
            "data.drop_leaks=true drops those that differ only in case, spaces or punctuation"
            if shared is None
            else f"{_splitting_again(views)}data.split.group_by={shared}",
        ),
        *finding(
            "near-duplicates",
            "note",
            "{n} almost the same as an earlier row of the same split ({splits}).",
            _places(views, near),
            "keep one of each, or name the column that groups them: data.split.group_by=COLUMN",
        ),
    ]


def check_conflicts(views: Sequence[SplitView], label_role: str, kind: str) -> list[Finding]:
    """Find copies with different labels, of which at most one can be learned."""
    conflicting: list[Member] = []
    starts = _starts(views)
    for rows in _together(_group(key for view in views for key in view.keys(tuple))):
        members = [_member(starts, row) for row in rows.tolist()]
        view, index = views[members[0][0]], members[0][1]
        if not key_of(view.texts[index]) and not any(view.other_inputs[index]):
            continue
        labels = [_label(views[v].rows[label_role][i], kind) for v, i in members]
        if len({label for label in labels if label is not None}) > 1:
            conflicting += members
    return finding(
        "conflicting-labels",
        "note" if kind == "number" else "warning",
        f"{{n}} with the {_what_is_compared(views)} of another row but another {label_role} "
        "({splits}).",
        [(views[v], i, label_role) for v, i in sorted(conflicting)],
        "decide on one label for all of them, or drop these rows",
    )


def _shared_role(views: Sequence[SplitView], members: set[Member]) -> str | None:
    """Name the text that most of some rows share with a row of an earlier split.

    Rows of several texts are often near-copies because the longest of these is the same: a context
    of several questions, say. Then whole groups by that text belong in one split.
    """
    roles = views[0].text_roles if views and members else ()
    lengths: dict[str, int] = {}
    for place, role in enumerate(roles if len(roles) > 1 else ()):
        seen: set[str] = set()
        n_shared = length = 0
        for number, view in enumerate(views):
            texts = [texts[place] for texts in view.texts]
            n_shared += sum(v == number and texts[row] in seen for v, row in members)
            length += sum(map(len, texts))
            seen.update(text for text in texts if text)
        if 2 * n_shared >= len(members):
            lengths[role] = length
    return max(lengths, key=lengths.__getitem__, default=None)


def _splitting_again(views: Sequence[SplitView]) -> str:
    """Write what must precede a field of `data.split` where the splits have files of their own."""
    train = next((view for view in views if view.split == "train"), None)
    own = [
        view.split
        for view in views
        if train is not None
        and view is not train
        and (
            view.rows.files != train.rows.files
            or len(np.intersect1d(view.rows.lines, train.rows.lines)) > 0
        )
    ]
    return "".join(f"data.{split}=null " for split in own)


def _what_is_compared(views: Sequence[SplitView]) -> str:
    return "inputs" if any(view.other_roles for view in views) else "text"


def _label(value: object, kind: str) -> Hashable:
    if value is None or (kind != "multi-label" and is_missing(value)):
        return None
    if kind == "multi-label":
        return frozenset(split_labels(value))
    return label_name(value)


def _group(keys: Iterable[Hashable]) -> Array:
    """Number the groups of rows with equal keys, (rows,), over all rows in the order of the splits.

    Rows with an empty key get -1. Group numbers take less memory than lists of members, as nearly
    all groups have one row.
    """
    ids: dict[Hashable, int] = {}
    return np.fromiter(
        (ids.setdefault(key, len(ids)) if key else -1 for key in keys), dtype=np.int64
    )


def _starts(views: Sequence[SplitView]) -> Array:
    """Give the offset of each view's first row among all rows, and their number, (views + 1,)."""
    return np.cumsum([0, *(len(view.rows) for view in views)])


def _member(starts: Array, row: int) -> Member:
    number = int(np.searchsorted(starts, row, side="right")) - 1
    return number, row - int(starts[number])


def _members(views: Sequence[SplitView], rows: Array) -> set[Member]:
    starts = _starts(views)
    return {_member(starts, row) for row in rows.tolist()}


def _together(groups: Array) -> list[Array]:
    """List the rows of every group that has more than one."""
    order = np.argsort(groups, kind="stable")
    order = order[groups[order] >= 0]  # rows sorted by group, (rows with a key,)
    _, firsts, counts = np.unique(groups[order], return_index=True, return_counts=True)
    return [order[firsts[one] : firsts[one] + counts[one]] for one in np.flatnonzero(counts > 1)]


def _repeated(views: Sequence[SplitView], groups: Array) -> tuple[set[Member], set[Member]]:
    """Find rows that repeat a row of their own split, and rows that repeat one of an earlier split.

    A row that does both counts as a leak.
    """
    split = np.repeat(np.arange(len(views)), np.diff(_starts(views)))  # (all rows,)
    rows = np.flatnonzero(groups >= 0)
    _, firsts, inverse = np.unique(groups[rows], return_index=True, return_inverse=True)
    first = rows[firsts][inverse]  # the first row of each row's group, (rows with a key,)
    is_across = split[rows] > split[first]
    within = rows[~is_across & (rows != first)]
    return _members(views, within), _members(views, rows[is_across])


def _similar(views: Sequence[SplitView], by_key: Array) -> tuple[set[Member], set[Member]]:
    """Find rows that resemble an earlier row of their split, and rows that resemble a leak.

    Of texts that are equal apart from case, spaces and punctuation, one is compared. Inputs that
    are not text must be equal: similar questions may be about different images.
    """
    within: set[Member] = set()
    across: set[Member] = set()
    starts = _starts(views)
    with_text = np.flatnonzero(by_key >= 0)
    _, firsts = np.unique(by_key[with_text], return_index=True)
    is_first = np.zeros(len(by_key), dtype=bool)
    is_first[with_text[firsts]] = True  # the first row of each group, (all rows,)
    ids: dict[str, int] = {}
    of_group = np.array(
        [
            ids.setdefault(view.words(index), len(ids))
            for view, start in zip(views, starts.tolist(), strict=False)
            for index in np.flatnonzero(is_first[start : start + len(view.rows)]).tolist()
        ],
        dtype=np.int64,
    )
    texts = list(ids)
    del ids  # millions of numbers that are no longer needed
    of_row = of_group[by_key[with_text]]  # the number of each row's text, (rows with a key,)
    order = np.argsort(of_row, kind="stable")
    ends = np.cumsum(np.bincount(of_row, minlength=len(texts)))  # rows of text i end at ends[i]
    for pair in similar_pairs(texts):
        first, second = sorted(
            [
                _member(starts, row)
                for row in with_text[order[ends[one - 1] if one else 0 : ends[one]]].tolist()
            ]
            for one in pair
        )
        first, second = _with_equal_others(views, first, second)
        if not first:
            continue
        earliest = first[0][0]
        for member in second:
            (across if member[0] > earliest else within).add(member)
        across.update(member for member in first if member[0] > second[0][0])
    return within, across


def _with_equal_others(
    views: Sequence[SplitView], some: list[Member], others: list[Member]
) -> tuple[list[Member], list[Member]]:
    """Keep those members of two lists whose inputs that are not text occur in the other list."""

    def inputs(member: Member) -> tuple[bytes, ...]:
        return views[member[0]].other_inputs[member[1]]

    shared = set(map(inputs, some)) & set(map(inputs, others))
    kept, others_kept = (
        [member for member in members if inputs(member) in shared] for members in (some, others)
    )
    return kept, others_kept


def _places(views: Sequence[SplitView], members: set[Member]) -> list[Place]:
    """Turn members into places; those of the test set come first, as they do the most harm."""
    ordered = sorted(members, key=lambda m: (-ORDER.get(views[m[0]].split, 0), m[1]))
    return [(views[number], index, views[number].main_role) for number, index in ordered]
