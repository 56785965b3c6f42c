"""Parses CSV and TSV files to columns of strings, with the line of every row.

Cells stay as written: `NA`, `null` and `1.0` are texts. A quoted cell may span several lines; the
line of a row is the one where it starts.
"""

from __future__ import annotations

import csv
import re
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

from luthier.errors import DataError

DELIMITERS = (",", ";", "\t", "|")
SPELLED = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}
SAMPLE_RECORDS = 300  # rows from which the delimiter is detected
LONGEST_CELL = 1 << 30  # characters
MOST_ALIKE = 1000  # distinct cells of a column that share one string in memory
Lines = Callable[[], Iterator[str]]


@dataclass(frozen=True)
class Table:
    """Columns by name, the line of each row, and notes on what was detected."""

    columns: Mapping[str, Sequence[Any]]
    lines: Sequence[int]
    notes: tuple[str, ...] = ()


def parse_delimited(
    lines: Lines, *, name: str, delimiter: str | None = None, expected: str = ","
) -> Table:
    """Parse a CSV or TSV file.

    Args:
        lines: Function that returns an iterator over all lines, including their line ends.
        name: The name of the file in messages.
        delimiter: The delimiter; None detects it.
        expected: The delimiter that is not worth a note.

    Raises:
        DataError: There are no rows, or rows do not match the header.
    """
    lines, stated = _read_separator_line(lines)
    asked = delimiter if delimiter is not None else stated
    if not any(line.strip() for line in lines()):
        raise _empty(name)
    used = _check_delimiter(asked) if asked is not None else detect_delimiter(lines, expected)
    notes = [] if used == expected or delimiter is not None else [f"delimiter {spell(used)}"]
    cells, loose = _parse(lines, used, name)
    if loose is not None:
        notes.append(f"line {loose} has a quote inside a quoted cell that is not doubled")
    if not cells.header:  # quotes alone are text, but no cells
        raise _empty(name)
    header = _check_header(cells, name)
    _check_widths(cells, len(header), used, name)
    if not cells.lines:
        raise DataError(
            f"{name} has a header but no rows.",
            received=f"columns {', '.join(header)}",
            hint="after the header, one row on each line",
        )
    return Table(dict(zip(header, cells.columns, strict=False)), cells.lines, tuple(notes))


def spell(delimiter: str) -> str:
    """Write a delimiter visibly."""
    return "tab" if delimiter == "\t" else f"'{delimiter}'"


def detect_delimiter(lines: Lines, expected: str = ",") -> str:
    """Find the delimiter that splits the header, and most rows into as many cells."""
    best, best_score = expected, (0.0, 0)
    for candidate in (expected, *(mark for mark in DELIMITERS if mark != expected)):
        widths = _sample_widths(lines, candidate)
        if not widths or widths[0] < 2:
            continue
        score = (round(sum(width == widths[0] for width in widths) / len(widths), 2), widths[0])
        if score > best_score:
            best, best_score = candidate, score
    if best_score[1] >= 2:
        return best
    one_column = [mark for mark in DELIMITERS if set(_sample_widths(lines, mark)) <= {1}]
    return best if best in one_column or not one_column else one_column[0]


def _sample_widths(lines: Lines, delimiter: str) -> list[int]:
    widths = []
    try:
        for cells in csv.reader(lines(), delimiter=delimiter):
            if cells:
                widths.append(len(cells))
            if len(widths) >= SAMPLE_RECORDS:
                break
    except csv.Error:
        pass
    return widths


def _check_delimiter(delimiter: str) -> str:
    used = SPELLED.get(delimiter, delimiter)
    if len(used) != 1 or used in '"\r\n\0':
        raise DataError(
            "A delimiter must be one character.",
            received=f"data.delimiter={delimiter!r}",
            hint="data.delimiter=';' or data.delimiter=tab",
        )
    return used


def _read_separator_line(lines: Lines) -> tuple[Lines, str | None]:
    """Read and remove Excel's first line `sep=;`, without changing line numbers."""
    start = "".join(islice(lines(), 2))
    found = re.match(r'"?sep=(.)"?(?=\r|\n)', start, flags=re.IGNORECASE)
    if found is None:
        return lines, None
    end = next(lines())[found.end() :]
    return lambda: chain([end], islice(lines(), 1, None)), found[1]


class _Counted:
    """Iterates over lines and counts them as an editor does."""

    def __init__(self, lines: Lines):
        self._lines = lines()
        self._ends = "\n" if any(line.endswith("\n") for line in lines()) else "\r"
        self.line = 1

    def __iter__(self) -> _Counted:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.line += line.endswith(self._ends)
        return line


class _Cells:
    """The header and the cells column by column, so that rows need no lists of their own."""

    def __init__(self) -> None:
        self.header: list[str] = []
        self.columns: list[list[str]] = []
        self.lines = array("q")
        self.uneven: list[tuple[int, int]] = []  # line and number of cells of uneven rows
        self._alike: list[dict[str, str]] = []

    def add(self, line: int, cells: list[str]) -> None:
        """Add a row: missing cells are empty, cells beyond the header are dropped."""
        width = len(self.header)
        if not width:
            self.header = cells
            self.columns, self._alike = [[] for _ in cells], [{} for _ in cells]
            return
        if len(cells) < width or any(cells[width:]):
            self.uneven.append((line, len(cells)))
            cells = cells + [""] * (width - len(cells))
        self.lines.append(line)
        for column, alike, cell in zip(self.columns, self._alike, cells, strict=False):
            if len(alike) < MOST_ALIKE:
                alike.setdefault(cell, cell)
            column.append(alike.get(cell, cell))


def _parse(lines: Lines, delimiter: str, name: str) -> tuple[_Cells, int | None]:
    """Parse strictly; if a quote is not doubled, parse again loosely and return its line."""
    try:
        return _read_cells(lines, delimiter, strict=True), None
    except MalformedError as problem:
        if "unexpected end" in problem.reason:
            raise DataError(
                f"{name}: a quoted cell is never closed.",
                received=f"the row that starts in line {problem.line} runs to the end of the file",
                hint=f'close the quote in line {problem.line}; quotes inside cells are doubled: ""',
            ) from problem
        line = problem.line
    try:
        return _read_cells(lines, delimiter, strict=False), line
    except MalformedError as problem:
        raise DataError(
            f"{name} cannot be read as a table.",
            received=f"line {problem.line}: {problem.reason}",
            hint="data.delimiter=… or data.encoding=… if they were detected wrongly",
        ) from problem


class MalformedError(Exception):
    """An error of the parser, with the line where its row starts."""

    def __init__(self, line: int, reason: str):
        self.line, self.reason = line, reason
        super().__init__(reason)


def _read_cells(lines: Lines, delimiter: str, *, strict: bool) -> _Cells:
    counted = _Counted(lines)
    limit = csv.field_size_limit(LONGEST_CELL)
    reader = csv.reader(counted, delimiter=delimiter, strict=strict)
    read = _Cells()
    start = 1
    try:
        for cells in reader:
            if any(cells) or len(cells) > 1:  # a blank line is no row
                read.add(start, cells)
            start = counted.line
    except csv.Error as problem:
        raise MalformedError(start, str(problem)) from problem
    finally:
        csv.field_size_limit(limit)
    return read


def _empty(name: str) -> DataError:
    return DataError(
        f"{name} is empty.", received="no lines", hint="a header line, then one row on each line"
    )


def _check_header(cells: _Cells, name: str) -> list[str]:
    header = [cell.strip() for cell in cells.header]
    while len(header) > 1 and not header[-1] and cells.lines:
        if any(cells.columns[len(header) - 1]):
            break
        header.pop()
    header = [cell or f"column_{index}" for index, cell in enumerate(header, start=1)]
    twice = sorted({cell for cell in header if header.count(cell) > 1})
    if twice:
        raise DataError(
            f"{name} has two columns called '{twice[0]}'.",
            received=f"columns {', '.join(header)}",
            hint="rename one of them in the first line of the file",
        )
    return header


def _check_widths(cells: _Cells, width: int, delimiter: str, name: str) -> None:
    """Refuse rows of another width than the header's; empty cells beyond it do not count."""
    full = len(cells.header)  # `width` is less where the last columns are empty
    ragged = [(line, n) for line, n in cells.uneven if n < width or n > full]
    if not ragged:
        return
    some = "; ".join(f"line {line} has {n}" for line, n in ragged[:5])
    rows = "1 row has" if len(ragged) == 1 else f"{len(ragged)} rows have"
    raise DataError(
        f"{name}: {rows} another number of cells than the header, which has {width}.",
        received=f"{some}{', …' if len(ragged) > 5 else ''} (delimiter {spell(delimiter)})",
        hint='put cells that contain the delimiter in "quotes", or name another: data.delimiter=…',
    )
