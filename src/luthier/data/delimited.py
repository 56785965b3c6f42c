"""From the text of a CSV or TSV file to columns of strings, and the line of every row.

Cells stay as written: `NA`, `null` and `1.0` are texts. A row may span lines inside quotes; its
line is the one where it starts.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from luthier.errors import DataError

DELIMITERS = (",", ";", "\t", "|")
SPELLED = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}
SAMPLE_RECORDS = 300
LONGEST_CELL = 1 << 30
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+")


@dataclass(frozen=True)
class Table:
    """Columns by name, the line of each row, and notes on what was detected."""

    columns: Mapping[str, Sequence[Any]]
    lines: list[int]
    notes: tuple[str, ...] = ()


def parse_delimited(
    text: str, *, name: str, delimiter: str | None = None, expected: str = ","
) -> Table:
    """Parse the text of a CSV or TSV file.

    Args:
        text: The whole file.
        name: What to call the file in messages.
        delimiter: Use this one; None: find out.
        expected: The delimiter that needs no mention.

    Raises:
        DataError: There are no rows, or they do not fit the header.
    """
    text, stated = _read_separator_line(text)
    asked = delimiter if delimiter is not None else stated
    if not text.strip():
        raise _empty(name)
    used = _check_delimiter(asked) if asked is not None else detect_delimiter(text, expected)
    notes = [] if used == expected or delimiter is not None else [f"delimiter {spell(used)}"]
    records, loose = _parse(text, used, name)
    if loose is not None:
        notes.append(f"line {loose} has a quote inside a quoted cell that is not doubled")
    if not records:  # quotes alone are text, but no cells
        raise _empty(name)
    header = _check_header(records, name)
    rows = _check_widths(records[1:], header, used, name)
    if not rows:
        raise DataError(
            f"{name} has a header but no rows.",
            received=f"columns {', '.join(header)}",
            hint="one row a line after the header",
        )
    columns = dict(
        zip(header, map(list, zip(*(cells for _, cells in rows), strict=True)), strict=True)
    )
    return Table(columns, [line for line, _ in rows], tuple(notes))


def spell(delimiter: str) -> str:
    """Write a delimiter so that it can be seen."""
    return "tab" if delimiter == "\t" else f"'{delimiter}'"


def detect_delimiter(text: str, expected: str = ",") -> str:
    """Find the delimiter that cuts the header in two or more, and most rows alike."""
    best, best_score = expected, (0.0, 0)
    for candidate in (expected, *(mark for mark in DELIMITERS if mark != expected)):
        widths = _sample_widths(text, candidate)
        if not widths or widths[0] < 2:
            continue
        score = (round(sum(width == widths[0] for width in widths) / len(widths), 2), widths[0])
        if score > best_score:
            best, best_score = candidate, score
    if best_score[1] >= 2:
        return best
    one_column = [mark for mark in DELIMITERS if set(_sample_widths(text, mark)) <= {1}]
    return best if best in one_column or not one_column else one_column[0]


def _sample_widths(text: str, delimiter: str) -> list[int]:
    widths = []
    try:
        for cells in csv.reader(_lines(text), delimiter=delimiter):
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
            "A delimiter is one character.",
            received=f"data.delimiter={delimiter!r}",
            hint="data.delimiter=';' or data.delimiter=tab",
        )
    return used


def _read_separator_line(text: str) -> tuple[str, str | None]:
    """Take Excel's first line `sep=;` off, keeping the line count."""
    found = re.match(r'"?sep=(.)"?(?=\r|\n)', text, flags=re.IGNORECASE)
    return (text[found.end() :], found[1]) if found else (text, None)


def _lines(text: str) -> Iterator[str]:
    """Cut a text after every line end, without the copy of four bytes a character of `StringIO`."""
    return (line[0] for line in _LINE.finditer(text))


class _Counted:
    """Lines on their way to the parser, counted as an editor counts them."""

    def __init__(self, text: str):
        self._lines = _lines(text)
        self._ends = "\n" if "\n" in text else "\r"
        self.line = 1

    def __iter__(self) -> _Counted:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.line += line.endswith(self._ends)
        return line


Record = tuple[int, list[str]]


def _parse(text: str, delimiter: str, name: str) -> tuple[list[Record], int | None]:
    """Parse strictly; where a quote is not doubled, once more loosely, and say the line."""
    try:
        return _records(text, delimiter, strict=True), None
    except MalformedError as problem:
        if "unexpected end" in problem.reason:
            raise DataError(
                f"{name}: a quoted cell is never closed.",
                received=f"the row that starts in line {problem.line} runs to the end of the file",
                hint=f'close the quote in line {problem.line}; quotes inside cells are doubled: ""',
            ) from problem
        line = problem.line
    try:
        return _records(text, delimiter, strict=False), line
    except MalformedError as problem:
        raise DataError(
            f"{name} cannot be read as a table.",
            received=f"line {problem.line}: {problem.reason}",
            hint="data.delimiter=… or data.encoding=… if they were detected wrongly",
        ) from problem


class MalformedError(Exception):
    """The parser's complaint, with the line where its row starts."""

    def __init__(self, line: int, reason: str):
        self.line, self.reason = line, reason
        super().__init__(reason)


def _records(text: str, delimiter: str, *, strict: bool) -> list[Record]:
    lines = _Counted(text)
    limit = csv.field_size_limit(LONGEST_CELL)
    reader = csv.reader(lines, delimiter=delimiter, strict=strict)
    records: list[Record] = []
    start = 1
    try:
        for cells in reader:
            if any(cells) or len(cells) > 1:  # a blank line is no row
                records.append((start, cells))
            start = lines.line
    except csv.Error as problem:
        raise MalformedError(start, str(problem)) from problem
    finally:
        csv.field_size_limit(limit)
    return records


def _empty(name: str) -> DataError:
    return DataError(
        f"{name} is empty.", received="no lines", hint="a header line, then one row a line"
    )


def _check_header(records: list[Record], name: str) -> list[str]:
    header = [cell.strip() for cell in records[0][1]]
    while len(header) > 1 and not header[-1] and len(records) > 1:
        if any(len(cells) >= len(header) and cells[len(header) - 1] for _, cells in records[1:]):
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


def _check_widths(
    records: list[Record], header: list[str], delimiter: str, name: str
) -> list[Record]:
    """Cut empty cells beyond the header; refuse rows of another width."""
    width = len(header)
    ragged = []
    for index, (line, cells) in enumerate(records):
        if len(cells) > width and not any(cells[width:]):
            records[index] = (line, cells[:width])
        elif len(cells) != width:
            ragged.append((line, len(cells)))
    if not ragged:
        return records
    some = "; ".join(f"line {line} has {n}" for line, n in ragged[:5])
    rows = "1 row has" if len(ragged) == 1 else f"{len(ragged)} rows have"
    raise DataError(
        f"{name}: {rows} another number of cells than the header, which has {width}.",
        received=f"{some}{', …' if len(ragged) > 5 else ''} (delimiter {spell(delimiter)})",
        hint='put cells that contain the delimiter in "quotes", or name another: data.delimiter=…',
    )
