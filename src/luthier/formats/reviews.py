"""Leaves out rows that were rejected or ignored while labelling, as Prodigy's exports keep them.

    {"text": …, "spans": […], "answer": "accept"}     also `reject` and `ignore`

What stands in a rejected row is known to be wrong; what stands in an ignored one is not known.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np

from luthier.data.labels import is_missing, label_name
from luthier.records import Rows
from luthier.results import Finding

COLUMN = "answer"
ACCEPTED, OTHERS = "accept", ("reject", "ignore")
PLACES = 5  # places that a finding names


def without_rejected(rows: Rows, asked: Iterable[object] = ()) -> tuple[Rows, list[Finding]]:
    """Keep the rows whose answers were accepted.

    Args:
        rows: The rows.
        asked: The columns that have a role, to which `answer` may belong: then it is no review.

    >>> rows, found = without_rejected(Rows.of({"answer": ["accept", "reject", "accept"]}))
    >>> len(rows), found[0].count
    (2, 1)
    """
    if COLUMN not in rows or COLUMN in asked:
        return rows, []
    reviews = [None if is_missing(cell) else label_name(cell) for cell in rows[COLUMN]]
    counts = Counter(review for review in reviews if review is not None)
    if ACCEPTED not in counts or not counts.keys() <= {ACCEPTED, *OTHERS}:
        return rows, []
    left_out = np.flatnonzero([review in OTHERS for review in reviews])
    if len(left_out) == 0:
        return rows, []
    told = " and ".join(f"{counts[one]:,} were marked {one}" for one in OTHERS if counts[one])
    places = tuple(f"{rows.where(int(index))}:{COLUMN}" for index in left_out[:PLACES])
    fix = f"to learn from them, too, remove the column {COLUMN} from the file"
    message = f"{len(left_out):,} rows are left out: {told} in the column '{COLUMN}'."
    kept = np.setdiff1d(np.arange(len(rows)), left_out)
    finding = Finding("rejected-rows", "note", message, len(left_out), places, fix)
    return rows.take(kept), [finding]
