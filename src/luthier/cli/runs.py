"""`luthier runs`: what runs there are, and deleting some of them. See `app.py`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from luthier.cli.tables import (
    Column,
    JsonOption,
    Layout,
    LayoutOption,
    Row,
    Table,
    chosen,
    print_table,
)
from luthier.errors import RunError

if TYPE_CHECKING:
    from luthier.runs.listing import RunSummary

UNITS = (("B", 0), ("kB", 0), ("MB", 1), ("GB", 1), ("TB", 1))
AGES = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
SHOWN = {"interrupted": "interrupted (resumable)", "running": "running (locked)"}


def runs(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FOLDER",
            help="Runs, or folders that hold runs; default: runs/.",
            show_default=False,
        ),
    ] = None,
    delete: Annotated[
        bool, typer.Option("--delete", help="Delete these runs; asks before it does.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Delete without asking.")] = False,
    layout: LayoutOption = None,
    as_json: JsonOption = False,
) -> None:
    """List runs: their scores, sizes and states; or delete some."""
    if delete:
        _delete(folders or [], yes=yes)
        return
    from luthier.runs.listing import RUNS, list_runs

    found = list_runs(folders or RUNS)
    asked = chosen(layout, as_json=as_json)
    if not found and asked is Layout.TABLE:
        print("There are no runs here; luthier run RECIPE makes one.")
        return
    print_table(
        runs_table(found),
        asked,
        record=found,
        notes=[f"{one.folder}: {one.reason}" for one in found if one.reason],
    )


def _delete(folders: Sequence[Path], *, yes: bool) -> None:
    """Delete runs, once that is confirmed."""
    from luthier.runs.listing import delete_runs, refuse_to_delete, summary_of

    if not folders:
        raise RunError("Expected the runs to delete.", hint="luthier runs --delete RUN")
    for folder in folders:
        refuse_to_delete(folder)
    n_bytes = sum(summary_of(folder).n_bytes for folder in folders)
    if not yes:
        named = ", ".join(map(str, folders))
        if not _is_terminal():
            raise RunError(
                "Deleting runs is confirmed at a terminal.",
                received=named,
                hint="add --yes to delete without being asked",
            )
        if not typer.confirm(f"Delete {named} ({size_words(n_bytes)})?", err=True):
            print("Nothing was deleted.")
            return
    freed, n_runs = delete_runs(folders), len(set(folders))
    print(f"Deleted {n_runs} run{'s' if n_runs > 1 else ''}, {size_words(freed)}.")


def _is_terminal() -> bool:
    return sys.stdin.isatty()


def runs_table(found: Sequence[RunSummary]) -> Table:
    """Tabulate runs."""
    return Table(
        (
            Column("run", lambda row: str(row["name"]), is_bold=lambda row: True),
            Column("task", lambda row: str(row["task"] or "–")),
            Column("model", lambda row: short_name(row["model"])),
            Column("method", lambda row: str(row["method"] or "–")),
            Column("size", lambda row: size_words(row["n_bytes"]), is_number=True),
            Column("age", lambda row: age_words(row["started"]), is_number=True),
            Column("score [interval]", _score_words),
            Column("rows", lambda row: f"{row['n']:,}" if row["n"] else "", is_number=True),
            Column("state", lambda row: SHOWN.get(row["state"], str(row["state"]))),
        ),
        [_row_of(one) for one in found],
    )


def _row_of(one: RunSummary) -> dict[str, Any]:
    """Lay a run out as values: its score becomes four."""
    from luthier.cli.show import parts_of

    facts = {name: value for name, value in vars(one).items() if name != "score"}
    return facts | parts_of(one.score)


def _score_words(row: Row) -> str:
    from luthier.cli.show import heading, score_words

    return f"{heading(row['metric'])} {score_words(row)}" if row["value"] is not None else ""


def short_name(model: str | None) -> str:
    """Shorten a model's name: of a folder, its last part.

    >>> short_name("/home/ada/models/bert"), short_name("google/bert"), short_name("package:minilm")
    ('bert', 'google/bert', 'package:minilm')
    """
    if model is None:
        return "–"
    path = Path(model)
    return path.name if path.is_absolute() or model.startswith(("~", ".")) else model


def size_words(n_bytes: float) -> str:
    """Write a size.

    >>> [size_words(n_bytes) for n_bytes in (0, 999, 137_604, 91_000_000)]
    ['0 B', '999 B', '138 kB', '91.0 MB']
    """
    power = 0
    while n_bytes >= 999.5 and power < len(UNITS) - 1:
        n_bytes, power = n_bytes / 1000, power + 1
    unit, digits = UNITS[power]
    return f"{n_bytes:,.{digits}f} {unit}"


def age_words(started: datetime | None) -> str:
    """Write how long ago something was, in its largest unit."""
    if started is None:
        return "–"
    seconds = max(0, int((datetime.now() - started).total_seconds()))
    return next((f"{seconds // unit} {name}" for unit, name in AGES if seconds >= unit), "0 s")
