"""From plain text to rows: one row a line that is not blank; lines of two files side by side."""

from __future__ import annotations

from luthier.data.delimited import Table
from luthier.errors import DataError


def lines_of(text: str) -> list[str]:
    """Cut text into lines, whatever ends them; the last line end ends no further line."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return lines[:-1] if lines and lines[-1] == "" else lines


def parse_plain_text(text: str, *, name: str) -> Table:
    """Give every line that is not blank as a row of the column `text`.

    Raises:
        DataError: There is none.
    """
    kept = [(number, line) for number, line in enumerate(lines_of(text), start=1) if line.strip()]
    if not kept:
        raise DataError(f"{name} is empty.", received="no lines", hint="one text on every line")
    return Table({"text": [line for _, line in kept]}, [number for number, _ in kept])


def set_side_by_side(texts: dict[str, str], *, name: str) -> Table:
    """Give the lines of several files as columns; line i of one belongs to line i of the others.

    Args:
        texts: Column to the text of its file.
        name: What to call them in messages.

    Raises:
        DataError: They have not as many lines.
    """
    columns = {column: lines_of(text) for column, text in texts.items()}
    counts = {column: len(lines) for column, lines in columns.items()}
    if len(set(counts.values())) > 1:
        raise DataError(
            f"{name}: the files have not as many lines as one another.",
            received=", ".join(f"{column} {count:,}" for column, count in counts.items()),
            hint="line i of one file must be the same text as line i of the other",
        )
    n_rows = next(iter(counts.values()))
    if n_rows == 0:
        raise DataError(f"{name} is empty.", received="no lines", hint="one text on every line")
    return Table(columns, list(range(1, n_rows + 1)))
