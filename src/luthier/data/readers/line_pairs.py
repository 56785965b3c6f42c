"""Reads parallel files (`train.{en,de}`) to one column each.

Line i of one file corresponds to line i of the others, as in the corpora of WMT, OPUS (Moses
format) and Multi30k. `find_files.py` finds them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from luthier.data.readers.delimited import Table
from luthier.data.readers.plain_text import lines_of, open_text
from luthier.errors import DataError

_BRACES = re.compile(r"([^{}]*)\{([^{},]+(?:,[^{},]+)+)\}([^{}]*)", re.DOTALL)
SHAPE = "train.{en,de} means train.en and train.de"


def expand(source: str) -> dict[str, Path] | None:
    """Map every name in the braces to a path; None if there are no braces.

    >>> {column: path.name for column, path in expand("wmt/train.{en,de}").items()}
    {'en': 'train.en', 'de': 'train.de'}
    """
    found = _BRACES.fullmatch(source)
    if found is None:
        return None
    columns = [column.strip() for column in found[2].split(",")]
    return {column: Path(f"{found[1]}{column}{found[3]}").expanduser() for column in columns}


def check_files(source: str, files: Mapping[str, Path]) -> None:
    """Refuse missing files.

    Raises:
        DataError: A file does not exist, or there is only one.
    """
    for path in files.values():
        if not path.is_file():
            raise DataError(f"There is no file {path}.", received=source, hint=SHAPE)
    if len(files) < 2:
        raise DataError("Parallel files must be at least two.", received=source, hint=SHAPE)


def read_line_pairs(files: Mapping[str, Path], *, name: str, encoding: str | None = None) -> Table:
    """Read parallel files; blank lines stay.

    Args:
        files: Maps columns to paths.
        name: The name of the files in messages.
        encoding: The encoding of all files; None detects it for each.

    Raises:
        DataError: They differ in their numbers of lines, or one cannot be read.
    """
    columns, notes = {}, []
    for column, path in files.items():
        decoded = open_text(path, name=path.name, encoding=encoding)
        columns[column] = lines_of(decoded.text)
        notes += [f"{column}: {note}" for note in decoded.notes]
    counts = {path.name: len(columns[column]) for column, path in files.items()}
    if len(set(counts.values())) > 1:
        raise DataError(
            f"{name}: the files have unequal numbers of lines.",
            received=", ".join(f"{file}: {count}" for file, count in counts.items()),
            hint="line i of one file must correspond to line i of the others",
        )
    n_lines = len(next(iter(columns.values())))
    if not any(line.strip() for lines in columns.values() for line in lines):
        raise DataError(
            f"{name} is empty.", received=f"{n_lines} lines", hint="one text on each line"
        )
    return Table(columns, list(range(1, n_lines + 1)), tuple(notes))
