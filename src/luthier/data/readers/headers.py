"""Tells whether the first line of a table is a row, and not the names of the columns.

Each column votes. Its name looks like one of its values if it is a number among numbers, a value
that occurs further down, or a text as long as the others. It looks like a name if it is a word
above numbers, above a few values that it is none of, or above texts.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from luthier.data.labels import as_number
from luthier.results import Finding

FIRST, SAMPLE = 200, 1000  # rows looked at: the first ones, and others at equal distances
FEWEST = 4  # rows, with fewer nothing can be told
LONG = 4  # words of a text
_NAME = re.compile(r"[\w .\-/#()]{1,40}")
_SENTENCE = (".", "!", "?", "…", "。", '."', '!"', '?"')


def looks_like_data(names: Sequence[str], columns: Sequence[Sequence[str]]) -> bool:
    """Return whether the first line of a table seems to be a row.

    Args:
        names: The cells of the first line.
        columns: The cells below, column by column.

    >>> texts, labels = ["It is bad!", "It is nice!", "Bad, bad!", "So nice!"], ["0", "1", "0", "1"]
    >>> looks_like_data(["Very nice!", "1"], [texts, labels])
    True
    >>> looks_like_data(["text", "label"], [texts, labels])
    False
    """
    if not columns or len(columns[0]) < FEWEST:
        return False
    if list(names) in ([str(n) for n in range(k, k + len(names))] for k in (0, 1)):
        return False  # numbered columns, as pandas writes them
    pairs = list(zip(names, columns, strict=False))
    votes = [_vote(name.strip(), _sample(column)) for name, column in pairs]
    told = [vote for vote, (name, _) in zip(votes, pairs, strict=True) if name.strip()]
    return sum(votes) >= 2 or (bool(told) and min(told) == 1)


def report_no_header(names: Sequence[str], name: str) -> Finding:
    """Write the finding that the first line of a file seems to be a row."""
    shown = ", ".join(repr(cell[:40]) for cell in names[:4])
    return Finding(
        "no-header",
        "warning",
        f"The first line of {name} looks like a row, but its cells became the names of the "
        f"columns: {shown}{', …' if len(names) > 4 else ''}.",
        1,
        (f"{name}:1",),
        "data.header=none (columns are then called 1, 2 …), or data.header=first if it is right",
    )


def _sample(column: Sequence[str]) -> list[str]:
    some = [*column[:FIRST], *column[FIRST :: max(1, len(column) // SAMPLE)]]
    return [cell.strip() for cell in some if cell.strip()]


def _vote(name: str, values: Sequence[str]) -> int:
    """Return 1 if a column's name looks like a value, -1 if it looks like a name, else 0."""
    if not name or not values:
        return 0
    numeric = sum(as_number(value) is not None for value in values) / len(values)
    if as_number(name) is not None:
        return int(numeric > 0.9)
    if numeric > 0.9:
        return -1
    counts = Counter(values)
    if counts[name] >= 2:
        return 1
    if min(counts.values()) > 1 and len(counts) <= max(2, len(values) // 5):
        return -1
    return _vote_on_text(name, values)


def _vote_on_text(name: str, values: Sequence[str]) -> int:
    n_words = sum(len(value.split()) for value in values) / len(values)
    ending = sum(value.endswith(_SENTENCE) for value in values) / len(values)
    if name.endswith("?") and sum(value.endswith("?") for value in values) < len(values) / 2:
        return 0  # a question that the values answer
    if name.endswith(_SENTENCE) and ending > 0.5:
        return 1
    if n_words >= LONG and len(name.split()) >= LONG:
        return 1
    return -1 if n_words >= LONG and len(name.split()) < LONG and _NAME.fullmatch(name) else 0
