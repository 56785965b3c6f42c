"""Finds the columns of a language, also where a file names its variants: `de` is `de` and `de-at`.

A code stands for all its variants, as in the basic filtering of RFC 4647,
https://www.rfc-editor.org/rfc/rfc4647#section-3.3.1
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from luthier.data.labels import is_missing

LANGUAGE = re.compile(r"[a-z]{2}([-_][a-zA-Z]{2,4}|[-_][0-9]{3})?")
Columns = Mapping[str, Sequence[object]]


def join_variants(columns: Columns, asked: Iterable[str]) -> tuple[Columns, list[str]]:
    """Join the columns of one language's variants, for languages that are asked for.

    Args:
        columns: The columns of a file; nothing is joined unless all are named by languages.
        asked: Names of columns.

    Returns:
        The columns, with one for each language that was asked for, and notes.

    >>> join_variants({"en": ["a", "b"], "de": ["c", None], "de-at": [None, "d"]}, ["en", "de"])
    ({'en': ['a', 'b'], 'de': ['c', 'd']}, ['de: 1 texts of de-at'])
    """
    if not all(map(LANGUAGE.fullmatch, columns)):
        return columns, []
    wanted = set(asked)
    joined, notes = dict(columns), []
    for language in sorted(wanted):
        variants = [
            name
            for name in columns
            if re.match(rf"{re.escape(language)}[-_]", name, re.IGNORECASE) and name not in wanted
        ]
        if not variants:
            continue
        cells = list(columns.get(language, [None] * len(columns[variants[0]])))
        for name in variants:
            lacking = [at for at, cell in enumerate(cells) if is_missing(cell)]
            filled = [at for at in lacking if not is_missing(columns[name][at])]
            for at in filled:
                cells[at] = columns[name][at]
            notes += [f"{language}: {len(filled)} texts of {name}"]
            del joined[name]
        joined[language] = cells
    return joined, notes
