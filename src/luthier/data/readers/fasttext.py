"""Reads fastText's lines of labels and text: `__label__sport __label__news The match …`.

Called by `plain_text.py`. Joulin et al. 2017, https://fasttext.cc/docs/en/supervised-tutorial.html.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from luthier.data.readers.delimited import Table

PREFIX = "__label__"
_LINE = re.compile(rf"\s*((?:{PREFIX}\S+\s+)*{PREFIX}\S+)(?:\s+(.*))?", re.DOTALL)


def is_fasttext(lines: Sequence[str]) -> bool:
    """Return whether every line begins with a label."""
    return bool(lines) and all(line.lstrip().startswith(PREFIX) for line in lines)


def table_of_fasttext(lines: Sequence[str], numbers: Sequence[int]) -> Table:
    """Make a row of each line, with columns `text` and `label`.

    Args:
        lines: Lines that begin with labels.
        numbers: The number of each line in its file.

    Returns:
        A label is a name if each line has one, else a list of names.

    >>> table = table_of_fasttext(["__label__a __label__b One text.", "__label__b"], [1, 2])
    >>> dict(table.columns)
    {'text': ['One text.', ''], 'label': [['a', 'b'], ['b']]}
    """
    texts, labels = [], []
    for line in lines:
        found = _LINE.fullmatch(line)
        names, text = (found[1], found[2]) if found else ("", line)
        labels.append([name.removeprefix(PREFIX) for name in names.split()])
        texts.append((text or "").strip())
    single = all(len(names) == 1 for names in labels)
    columns = {"text": texts, "label": [names[0] for names in labels] if single else labels}
    return Table(columns, list(numbers), ("fastText: each line has its labels first",))
