"""Tells whether the quotes of a table were misread: cells that swallowed lines, escaped quotes.

A text that begins with a quote (`"Great," he said`) looks like a quoted cell, which runs to the
next quote, many lines below. The lines that it swallows then look like rows: as many cells as the
others, with values that their columns have elsewhere, too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from luthier.data.labels import as_number
from luthier.results import Finding

ESCAPED = "\ufdd0"  # an escaped quote while a file is parsed; in Unicode it means nothing
MOST_PLACES = 5  # places that a finding names
FEW = 1 / 3  # distinct values of a column for each row, at most: its values tell rows from texts
SEVERAL = 4  # lines of a cell that must look like rows where no column's values can tell
SURE = 3  # lines of a cell whose values leave no doubt
QUOTED = 0.1  # share of the lines with a quoted cell from which quotes have their usual meaning
_ESCAPE = re.compile(r'(?<!\\)((?:\\\\)*)\\"')
Lines = Callable[[], Iterator[str]]


@dataclass(frozen=True)
class Swallowed:
    """Rows whose cells hold lines that look like rows.

    Args:
        rows: Indices of the rows.
        n_lines: Number of lines in their cells.
        is_certain: Whether the values of these lines are those of their columns.
    """

    rows: tuple[int, ...]
    n_lines: int
    is_certain: bool

    def report(self, line_of: Sequence[int], name: str, *, unquoted: bool) -> Finding:
        """Write a finding.

        Args:
            line_of: Line of each row of the table.
            name: The name of the file.
            unquoted: Whether the file can be read right without quotes.
        """
        n_lines, n_cells = self.n_lines, len(self.rows)
        fix = f"close the quote that begins in line {line_of[self.rows[0]]}"
        if unquoted:
            fix = "data.quoting=none"
        if not (unquoted and self.is_certain):
            fix += ", or data.quoting=doubled if these cells are right"
        return Finding(
            "swallowed-lines",
            "error" if self.is_certain else "warning",
            f"{n_lines} line{'' if n_lines == 1 else 's'} of {name} became part of "
            f"{n_cells} quoted cell{'' if n_cells == 1 else 's'}, but look like rows: "
            "a text that begins with a quote runs to the next quote.",
            n_lines,
            tuple(f"{name}:{line_of[row]}" for row in self.rows[:MOST_PLACES]),
            fix,
        )


def escapes_quotes(lines: Lines) -> bool:
    """Return whether a file has a quote after a backslash."""
    return any('\\"' in line for line in lines())


def mark_escaped(lines: Lines) -> Lines:
    r"""Replace each quote that a backslash escapes (`\"`), so that it ends no cell."""
    return lambda: (
        _ESCAPE.sub(rf"\1{ESCAPED}", line) if '\\"' in line else line for line in lines()
    )


def fits_without_quotes(lines: Lines, delimiter: str) -> bool:
    """Return whether every line is a row of equal width if quotes are ordinary characters.

    False also where many cells stand in quotes, which would then become part of the texts.
    """
    widths: set[int] = set()
    n_lines = n_quoted = 0
    for line in lines():
        bare = line.rstrip("\r\n")
        if not bare:
            continue
        cells = bare.split(delimiter)
        widths.add(len(cells))
        n_lines += 1
        n_quoted += any(len(cell) > 1 and cell[0] == cell[-1] == '"' for cell in cells)
        if len(widths) > 1:
            return False
    return widths != {1} and n_quoted <= QUOTED * n_lines


def find_swallowed(
    columns: Sequence[Sequence[str]], spanning: Sequence[int], delimiter: str, *, misread: bool
) -> Swallowed | None:
    """Find the rows whose cells hold lines that look like rows; None if there are none.

    Args:
        columns: The cells, column by column.
        spanning: Indices of the rows that span several lines.
        delimiter: The delimiter.
        misread: Whether the file breaks the rules of quotes, but is a table without them.
    """
    width = len(columns)
    if width < 2:
        return None
    candidates: dict[int, list[list[str]]] = {}
    for row in spanning:
        record = delimiter.join(column[row] for column in columns)
        lines = [line.split(delimiter) for line in re.split("\r\n|\r|\n", record) if line]
        if len(lines) > 1 and (misread or all(len(cells) == width for cells in lines)):
            candidates[row] = lines
    if not candidates:
        return None
    if misread:
        return _swallowed(candidates, is_certain=True)
    tests = _tests(columns)
    swallowing = {
        row: lines
        for row, lines in candidates.items()
        if (
            all(fits(cells) for cells in lines for fits in tests)
            if tests
            else len(lines) >= SEVERAL
        )
    }
    is_certain = bool(tests) and any(len(lines) >= SURE for lines in swallowing.values())
    return _swallowed(swallowing, is_certain=is_certain) if swallowing else None


def _swallowed(lines_of: Mapping[int, Sequence[object]], *, is_certain: bool) -> Swallowed:
    n_lines = sum(len(lines) - 1 for lines in lines_of.values())
    return Swallowed(tuple(lines_of), n_lines, is_certain=is_certain)


@dataclass(frozen=True)
class _Fits:
    """Whether a line's cell could stand in a column of numbers, or of a few values."""

    place: int
    known: frozenset[str] | None  # None: any number

    def __call__(self, cells: Sequence[str]) -> bool:
        cell = cells[self.place].strip(' "')
        return as_number(cell) is not None if self.known is None else cell in self.known


def _tests(columns: Sequence[Sequence[str]]) -> list[_Fits]:
    """Make a test of each column whose cells are numbers, or one of a few values."""
    tests = []
    for place, column in enumerate(columns):
        ordinary = [cell for cell in column if "\n" not in cell and "\r" not in cell]
        known = frozenset(cell.strip() for cell in ordinary)
        if not ordinary or known == {""}:
            continue
        if all(as_number(cell) is not None for cell in known):
            tests.append(_Fits(place, None))
        elif len(known) <= max(2, FEW * len(ordinary)):
            tests.append(_Fits(place, known))
    return tests
