"""One record for every table, printed for a terminal, a program, a spreadsheet or a paper.

    Table ─► table    for people: rounded, each score with its interval
          ─► json     for programs: the whole record behind the table, in full precision
          ─► csv      for spreadsheets: the rows by their keys, in full precision
          ─► latex    for papers: a plain `tabular` of what people read

A command says what its rows hold and how people read them; how that is written is said here alone.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from luthier.cli.visible import escaped, visible
from luthier.declarations import JSON
from luthier.errors import RecipeError
from luthier.spreadsheets import flat, inert

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

Row = Mapping[str, JSON]  # key -> value, in full precision; all rows of a table have the same keys


class Layout(StrEnum):
    """How a table is written."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    LATEX = "latex"


LayoutOption = Annotated[
    Layout | None,
    typer.Option("--format", help="How results are printed; default: table.", show_default=False),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@dataclass(frozen=True)
class Column:
    """A column as people read it.

    Args:
        heading: Its heading.
        write: Writes its cell of a row.
        is_number: Whether its cells are aligned to the right.
        is_bold: Whether its cell of a row is bold in a terminal.
    """

    heading: str
    write: Callable[[Row], str]
    is_number: bool = False
    is_bold: Callable[[Row], bool] = lambda row: False


@dataclass(frozen=True)
class Table:
    """A table: what its rows hold, and how people read them.

    Args:
        columns: The columns for people.
        rows: The rows for programs; a column may write several of their values into one cell.
        title: A title for people.
    """

    columns: Sequence[Column]
    rows: Sequence[Row]
    title: str | None = None


def console() -> Console:
    """Return a console on standard output; 160 columns wide if it is not a terminal."""
    from rich.console import Console

    out = Console(highlight=False, soft_wrap=False)
    return out if out.is_terminal else Console(highlight=False, width=160)


def chosen(layout: Layout | None, *, as_json: bool) -> Layout:
    """Return the layout that the options ask for.

    Raises:
        RecipeError: They contradict one another.
    """
    if as_json and layout not in (None, Layout.JSON):
        raise RecipeError(
            "Choose one format.",
            received=f"--json --format {layout}",
            hint=f"only --format {layout}",
        )
    return Layout.JSON if as_json else layout or Layout.TABLE


def print_table(
    table: Table,
    layout: Layout = Layout.TABLE,
    *,
    record: object = None,
    notes: Iterable[str | Text] = (),
) -> None:
    """Print a table.

    Args:
        table: The table.
        layout: How it is written.
        record: What JSON holds; None takes the table's rows.
        notes: Sentences below the table, for people in a terminal.
    """
    if layout is Layout.JSON:
        print_json(table.rows if record is None else record)
    elif layout is Layout.CSV:
        _print_csv(table)
    elif layout is Layout.LATEX:
        print(visible(to_latex(table)))
    else:
        _draw(table, notes)


def print_json(record: object) -> None:
    """Print a record as JSON; what is not finite is null."""
    from luthier.runs import plain

    print(escaped(json.dumps(plain(record), ensure_ascii=False, indent=1, allow_nan=False)))


def _print_csv(table: Table) -> None:
    from luthier.runs import plain

    writer = csv.writer(sys.stdout, lineterminator="\n")
    keys = list(dict.fromkeys(key for row in table.rows for key in row))
    if keys:
        writer.writerow(keys)
    for row in table.rows:
        writer.writerow([inert(flat(plain(row.get(key)))) for key in keys])


_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "[": "{[}",  # after a line break, a bracket would be its option
    "–": "--",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
}


def to_latex(table: Table) -> str:
    r"""Write a table as a plain `tabular`, with what TeX would act on escaped.

    >>> share = Column("in %", lambda row: f"{row['share']:.1f}", is_number=True)
    >>> print(to_latex(Table([share], [{"share": 81.23}])))
    \begin{tabular}{r}
    \hline
    in \% \\
    \hline
    81.2 \\
    \hline
    \end{tabular}
    """
    places = "".join("r" if column.is_number else "l" for column in table.columns)
    lines = [[column.write(row) for column in table.columns] for row in table.rows]
    return "\n".join(
        (
            f"\\begin{{tabular}}{{{places}}}",
            r"\hline",
            _latex_line([column.heading for column in table.columns]),
            r"\hline",
            *map(_latex_line, lines),
            *([r"\hline"] if lines else []),
            r"\end{tabular}",
        )
    )


def _latex_line(cells: Sequence[str]) -> str:
    written = (
        "".join(_LATEX.get(sign, sign) for sign in visible(" ".join(cell.split())))
        for cell in cells
    )
    return f"{' & '.join(written)} \\\\"


def _draw(table: Table, notes: Iterable[str | Text]) -> None:
    """Draw a table in a terminal; Rich falls back to ASCII where its borders cannot be written."""
    from rich import box
    from rich.table import Table as Drawn
    from rich.text import Text

    title = None if table.title is None else Text(visible(str(table.title)))
    made = Drawn(box=box.SIMPLE_HEAD, title=title, title_justify="left", title_style="bold")
    for column in table.columns:
        made.add_column(
            Text(visible(column.heading)), justify="right" if column.is_number else "left"
        )
    for row in table.rows:
        made.add_row(
            *(
                Text(visible(column.write(row)), style="bold" if column.is_bold(row) else "")
                for column in table.columns
            )
        )
    out = console()
    out.print(made)
    for note in notes:
        style = note.style if isinstance(note, Text) else ""
        out.print(Text(visible(f"• {note}"), style=style))
