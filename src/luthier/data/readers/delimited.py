"""Parses CSV and TSV files to columns of strings, with the line of every row.

Cells stay as written: `NA`, `null` and `1.0` are texts. A quoted cell may span several lines; the
line of a row is the one where it starts. `quotes.py` and `headers.py` look for signs that quotes
or the first line were misread.
"""

from __future__ import annotations

import csv
import re
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice
from typing import Any, Literal

from luthier.data.readers.form import MisreadError
from luthier.data.readers.headers import looks_like_data, report_no_header
from luthier.data.readers.limits import MAX_ROW_BYTES, too_long
from luthier.data.readers.quotes import (
    ESCAPED,
    escapes_quotes,
    find_swallowed,
    fits_without_quotes,
    mark_escaped,
)
from luthier.errors import DataError
from luthier.results import Finding

DELIMITERS = (",", ";", "\t", "|")
SPELLED = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}
SAMPLE_RECORDS = 300  # rows from which the delimiter is detected
LONGEST_CELL = (1 << 31) - 1  # characters, the most that the parser can be told everywhere
MOST_ALIKE = 1000  # distinct cells of a column that share one string in memory
Lines = Callable[[], Iterator[str]]


@dataclass(frozen=True)
class Table:
    """Columns by name, the line of each row, and what was noticed on the way.

    Args:
        columns: Column name to values.
        lines: Line of each row.
        notes: What was detected, in words.
        findings: Signs that the file was misread.
        proposed: Fields of `data` with which it would be read right; only what is certain.
    """

    columns: Mapping[str, Sequence[Any]]
    lines: Sequence[int]
    notes: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    proposed: Mapping[str, Any] = field(default_factory=dict)


def parse_delimited(
    lines: Lines,
    *,
    name: str,
    delimiter: str | None = None,
    expected: str = ",",
    quoting: str | None = None,
    header: str | Sequence[str] | None = None,
    max_row_bytes: int = MAX_ROW_BYTES,
) -> Table:
    """Parse a CSV or TSV file.

    Args:
        lines: Function that returns an iterator over all lines, including their line ends.
        name: The name of the file in messages.
        delimiter: The delimiter; None detects it.
        expected: The delimiter that is not worth a note.
        quoting: How quotes are written: `doubled` or escaped by a `backslash` in quoted cells, or
            `none`: they are ordinary characters. None detects it.
        header: The names of the columns, or `none`: they are numbered from 1; in both cases the
            first line is a row. `first`: the first line has the names. None warns where it seems
            to be a row.
        max_row_bytes: The most characters of a cell.

    Raises:
        DataError: There are no rows, or rows do not match the header.
    """
    lines, stated = _read_separator_line(lines)
    asked = delimiter if delimiter is not None else stated
    if not any(line.strip() for line in lines()):
        raise _empty(name)
    if asked is not None:
        used = _check_delimiter(asked)
    else:
        used = detect_delimiter(lines, expected, quoting)
    notes = [] if used == expected or delimiter is not None else [f"delimiter {spell(used)}"]
    cells, told = _parse(lines, used, name, quoting, header, max_row_bytes)
    notes += told
    if not cells.header:  # quotes alone are text, but no cells
        raise _empty(name)
    names = _check_header(cells, name) if header in (None, "first") else cells.header

    def repair() -> dict[str, str]:
        fits = quoting is None and fits_without_quotes(lines, used)
        return {"quoting": "none"} if fits else {}

    _check_widths(cells, len(names), repair, used, name)
    if not cells.lines:
        raise DataError(
            f"{name} has a header but no rows.",
            received=f"columns {', '.join(names)}",
            hint="after the header, one row on each line",
        )
    findings: list[Finding] = []
    proposed = dict(cells.proposed)
    if quoting is None:
        swallowed = find_swallowed(
            cells.columns[: len(names)], cells.spanning, used, misread=bool(cells.proposed)
        )
        if swallowed is not None:
            fits = fits_without_quotes(lines, used)
            findings.append(swallowed.report(cells.lines, name, unquoted=fits))
            proposed |= {"quoting": "none"} if fits and swallowed.is_certain else {}
    if header is None and looks_like_data(cells.header, cells.columns):
        findings.append(report_no_header(cells.header, name))
        proposed |= {"header": "none"}
    columns = dict(zip(names, cells.columns, strict=False))
    return Table(columns, cells.lines, tuple(notes), tuple(findings), proposed)


def spell(delimiter: str) -> str:
    """Write a delimiter visibly."""
    return "tab" if delimiter == "\t" else f"'{delimiter}'"


def detect_delimiter(lines: Lines, expected: str = ",", quoting: str | None = None) -> str:
    """Find the delimiter that splits the header, and most rows into as many cells."""
    best, best_score = expected, (0.0, 0)
    for candidate in (expected, *(mark for mark in DELIMITERS if mark != expected)):
        widths = _sample_widths(lines, candidate, quoting)
        if not widths or widths[0] < 2:
            continue
        score = (round(sum(width == widths[0] for width in widths) / len(widths), 2), widths[0])
        if score > best_score:
            best, best_score = candidate, score
    if best_score[1] >= 2:
        return best
    one_column = [mark for mark in DELIMITERS if set(_sample_widths(lines, mark, quoting)) <= {1}]
    return best if best in one_column or not one_column else one_column[0]


def _sample_widths(lines: Lines, delimiter: str, quoting: str | None) -> list[int]:
    widths = []
    try:
        for cells in csv.reader(lines(), delimiter=delimiter, quoting=_csv_quoting(quoting)):
            if cells:
                widths.append(len(cells))
            if len(widths) >= SAMPLE_RECORDS:
                break
    except csv.Error:
        pass
    return widths


def _csv_quoting(quoting: str | None) -> Literal[0, 3]:
    return csv.QUOTE_NONE if quoting == "none" else csv.QUOTE_MINIMAL


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
    """The header and the cells column by column, so that rows need no lists of their own.

    Fields of `data` that would read the file better are `proposed`.

    Args:
        header: The names of the columns, `none` to number them, or None if the first row has them.
    """

    def __init__(self, header: str | Sequence[str] | None) -> None:
        self.header: list[str] = []
        self.columns: list[list[str]] = []
        self.lines = array("q")
        self.spanning = array("q")  # indices of the rows that span several lines
        self.uneven: list[tuple[int, int]] = []  # line and number of cells of uneven rows
        self.proposed: dict[str, str] = {}
        self._alike: list[dict[str, str]] = []
        self._given = header
        self.measure = "the header" if header in (None, "first") else "the first row"

    def add(self, line: int, cells: list[str]) -> None:
        """Add a row: missing cells are empty, cells beyond the header are dropped."""
        if not self.header:
            given, numbered = self._given, [str(number + 1) for number in range(len(cells))]
            is_named = given in (None, "first")
            self.header = cells if is_named else numbered if given == "none" else [*(given or ())]
            self.columns, self._alike = [[] for _ in self.header], [{} for _ in self.header]
            if is_named:
                return
        width = len(self.header)
        if len(cells) < width or any(cells[width:]):
            self.uneven.append((line, len(cells)))
            cells = cells + [""] * (width - len(cells))
        self.lines.append(line)
        for column, alike, cell in zip(self.columns, self._alike, cells, strict=False):
            if len(alike) < MOST_ALIKE:
                alike.setdefault(cell, cell)
            column.append(alike.get(cell, cell))


def _parse(
    lines: Lines,
    delimiter: str,
    name: str,
    quoting: str | None,
    header: str | Sequence[str] | None,
    longest: int,
) -> tuple[_Cells, list[str]]:
    """Parse strictly; with quotes that backslashes escape; or else loosely. Return notes on it."""
    used = quoting or "doubled"
    read = partial(_read_cells, lines, delimiter, header, longest=longest)
    try:
        return read(quoting=used), []
    except MalformedError as problem:
        failed = problem
    if quoting is None and escapes_quotes(lines):
        try:
            cells = read(quoting="backslash")
        except MalformedError:
            pass
        else:
            if not cells.uneven:
                return cells, ["quotes are escaped by backslashes"]
    fits = quoting is None and fits_without_quotes(lines, delimiter)
    if failed.is_endless and not fits:
        raise _endless_cell(failed, name, longest) from failed
    if failed.is_endless or "unexpected end" in failed.reason:
        raise _misread(
            f"{name}: a quoted cell is never closed.",
            received=f"the row that starts in line {failed.line} runs to the end of the file",
            hint=f'close the quote in line {failed.line}; quotes inside cells are doubled: ""',
            proposed={"quoting": "none"} if fits else {},
        ) from failed
    try:
        cells = read(quoting=used, strict=False)
    except MalformedError as problem:
        if problem.is_endless:
            raise _endless_cell(problem, name, longest) from problem
        raise DataError(
            f"{name} cannot be read as a table.",
            received=f"line {problem.line}: {problem.reason}",
            hint="data.delimiter=… or data.encoding=… if they were detected wrongly",
        ) from problem
    told = f"line {failed.line} has a quote inside a quoted cell that is not doubled"
    if fits:
        cells.proposed = {"quoting": "none"}
        told += "; data.quoting=none keeps such quotes"
    return cells, [told]


class MalformedError(Exception):
    """An error of the parser, with the line where its row starts."""

    def __init__(self, line: int, reason: str):
        self.line, self.reason = line, reason
        super().__init__(reason)

    @property
    def is_endless(self) -> bool:
        """Whether a cell is longer than is allowed."""
        return "field limit" in self.reason


def _endless_cell(problem: MalformedError, name: str, longest: int) -> DataError:
    received = f"a cell of the row that starts in line {problem.line} has more"
    return too_long("cell", received, name=name, max_bytes=longest, enough=LONGEST_CELL)


def _read_cells(
    lines: Lines,
    delimiter: str,
    header: str | Sequence[str] | None,
    *,
    longest: int,
    quoting: str,
    strict: bool = True,
) -> _Cells:
    escapes = quoting == "backslash"
    counted = _Counted(mark_escaped(lines) if escapes else lines)
    limit = csv.field_size_limit(min(longest, LONGEST_CELL))
    rows = csv.reader(counted, delimiter=delimiter, quoting=_csv_quoting(quoting), strict=strict)
    read = _Cells(header)
    start = 1
    try:
        for cells in rows:
            if escapes:
                cells = [cell.replace(ESCAPED, '"') for cell in cells]
            if any(cells) or len(cells) > 1:  # a blank line is no row
                read.add(start, cells)
                if counted.line > start + 1:
                    read.spanning.append(len(read.lines) - 1)
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
    twice = sorted(cell for cell, count in Counter(header).items() if count > 1)
    if twice:
        is_row = looks_like_data(cells.header, cells.columns)
        raise _misread(
            f"{name} has two columns called '{twice[0]}'.",
            received=f"columns {', '.join(header)}",
            hint="rename one of them in the first line of the file",
            proposed={"header": "none"} if is_row else {},
        )
    return header


def _check_widths(
    cells: _Cells, width: int, repair: Callable[[], dict[str, str]], delimiter: str, name: str
) -> None:
    """Refuse rows of another width than the header's; empty cells beyond it do not count."""
    full = len(cells.header)  # `width` is less where the last columns are empty
    ragged = [(line, n) for line, n in cells.uneven if n < width or n > full]
    if not ragged:
        return
    some = "; ".join(f"line {line} has {n}" for line, n in ragged[:5])
    rows = "1 row has" if len(ragged) == 1 else f"{len(ragged)} rows have"
    raise _misread(
        f"{name}: {rows} another number of cells than {cells.measure}, which has {width}.",
        received=f"{some}{', …' if len(ragged) > 5 else ''} (delimiter {spell(delimiter)})",
        hint='put cells that contain the delimiter in "quotes", or name another: data.delimiter=…',
        proposed=repair(),
    )


def _misread(problem: str, *, received: str, hint: str, proposed: dict[str, str]) -> DataError:
    """Make an error that proposes another form, if there is one, or else gives the hint."""
    if not proposed:
        return DataError(problem, received=received, hint=hint)
    fields = " ".join(f"data.{name}={value}" for name, value in proposed.items())
    return MisreadError(problem, received=received, hint=fields, proposed=proposed)
