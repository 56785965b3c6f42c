"""How the files of a source are written, where a recipe says so; else it is detected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from luthier.data.readers.limits import MAX_ROW_BYTES
from luthier.errors import DataError

FORMATS = (
    "csv",
    "tsv",
    "json",
    "jsonl",
    "parquet",
    "arrow",
    "conll",
    "text",
    "tmx",
    "xliff",
    "webdataset",
)
QUOTINGS = ("doubled", "backslash", "none")


@dataclass(frozen=True)
class Form:
    """What is told of the files; None is detected.

    Args:
        format: One of `FORMATS`, in place of the one that a file's ending stands for.
        encoding: Encoding of text files.
        delimiter: Delimiter of tables; a `.txt` file is a table if it is given.
        quoting: One of `QUOTINGS`: how tables write quotes; `none`: they are ordinary characters.
        header: `first`: the first line of a table has the names of the columns; `none`: it is a
            row, and columns are called 1, 2 …; or the names of the columns.
        max_row_bytes: The most bytes of a line or a cell; nothing of that is detected.
    """

    format: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    quoting: str | None = None
    header: str | Sequence[str] | None = None
    max_row_bytes: int = MAX_ROW_BYTES

    def kind(self, kind: str) -> str:
        """Return the format of a file whose ending stands for `kind`."""
        if self.format is not None:
            return self.format
        is_table = self.delimiter is not None or self.header is not None
        return "csv" if kind == "text" and is_table else kind


class MisreadError(DataError):
    """A file that cannot be read as its form was detected, but in another.

    Args:
        problem: What was expected, in one sentence.
        received: What was found instead.
        hint: What to do.
        proposed: Fields of `data` with which it can be read.
    """

    def __init__(self, problem: str, *, received: str, hint: str, proposed: Mapping[str, Any]):
        self.proposed = proposed
        super().__init__(problem, received=received, hint=hint)
