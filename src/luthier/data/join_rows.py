"""Puts rows of several sources one after another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from luthier.records import Rows


def joined(parts: Sequence[Rows]) -> Rows:
    """Put rows one after another; cells of a column that a part lacks are None.

    >>> both = joined([Rows.of({"text": ["a"]}), Rows.of({"text": ["b"], "label": ["x"]})])
    >>> both["text"], both["label"]
    (['a', 'b'], [None, 'x'])
    """
    if len(parts) == 1:
        return parts[0]
    names = dict.fromkeys(name for one in parts for name in one.columns)
    first_file = np.cumsum([0, *(len(one.files) for one in parts[:-1])])
    cells = {
        name: [cell for one in parts for cell in (one[name] if name in one else [None] * len(one))]
        for name in names
    }
    return Rows(
        cells,
        tuple(file for one in parts for file in one.files),
        np.concatenate([one.file_of + first for one, first in zip(parts, first_file, strict=True)]),
        np.concatenate([one.lines for one in parts]),
    )
