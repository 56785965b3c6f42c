"""Gathers tables with a row a word into sentences, by a column that tells the sentences apart."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from luthier.data.labels import is_missing
from luthier.records import Rows


def gathered(rows: Rows, by: str, listed: Sequence[str]) -> Rows:
    """Make one row of each run of rows with the same value.

    Args:
        rows: A row a word.
        by: The column that tells sentences apart; a blank cell goes on with the one above, as in
            tables where only the first word of a sentence names it.
        listed: Columns that become lists, a value for each word. So do others, if their values
            differ within a sentence.
    """
    starts: list[int] = []
    last: object = None
    for index, cell in enumerate(rows[by]):
        if index == 0 or (not is_missing(cell) and cell != last):
            starts.append(index)
        last = last if is_missing(cell) else cell
    borders = list(pairwise([*starts, len(rows)]))
    first = rows.take(np.array(starts, dtype=np.int64))
    columns: dict[str, Sequence[object]] = {}
    for name, cells in rows.columns.items():
        if name == by:
            continue
        runs: list[object] = [[cells[index] for index in range(*border)] for border in borders]
        differ = any(run[0] != cell for run in runs for cell in run)  # type: ignore[index,attr-defined]
        columns[name] = runs if name in listed or differ else first[name]
    return Rows(columns, first.files, first.file_of, first.lines)
