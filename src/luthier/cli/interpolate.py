"""`luthier interpolate`: the curve between two models. See `app.py`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from luthier.cli.predict import RunArgument
from luthier.cli.tables import Column, JsonOption, Table, print_json, print_table
from luthier.cli.visible import visible

if TYPE_CHECKING:
    from luthier.exporters.interpolate import Interpolation


def interpolate(
    folder: RunArgument,
    other: Annotated[
        str,
        typer.Option("--with", help="Another run; or base: the model that the run began with."),
    ] = "base",
    on: Annotated[
        Path | None, typer.Option(help="Labelled rows of what the other model can do.")
    ] = None,
    points: Annotated[int, typer.Option(help="Models on the line, both ends among them.")] = 11,
    out: Annotated[Path | None, typer.Option(help="A new folder for the chosen model.")] = None,
    page: Annotated[Path | None, typer.Option(help="An HTML file for the curve.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Try the models between a run's and another, and judge the one that validation chooses."""
    from luthier.cli.progress import watching
    from luthier.exporters.interpolate import interpolate as try_line

    with watching(quiet=quiet) as listener:
        found = try_line(
            folder, other, on=on, points=points, out=out, page=page, listeners=[listener]
        )
    if as_json:
        print_json(vars(found))
        return
    print_table(curve_table(found))
    print_table(judged_table(found))
    for name, comparisons in found.comparisons.items():
        for one in comparisons:
            print(visible(f"{name}: {one.system} is {one.verdict}"))
    for what, where in (("the chosen model", found.folder), ("the curve", found.page)):
        if where is not None:
            print(visible(f"Wrote {where}: {what}"))


def judged_table(found: Interpolation) -> Table:
    """Show what the chosen place and both ends reach on the rows that judge."""
    from luthier.report.interpolation import judged_rows

    rows = judged_rows(found)
    columns = [
        Column("rows", lambda row: str(row["of"])),
        Column("model", lambda row: str(row["system"])),
        Column(rows[0]["metric"], lambda row: str(row["value"]), is_number=True),
        Column("interval", lambda row: str(row["interval"])),
        Column("n", lambda row: f"{row['n']:,}", is_number=True),
    ]
    return Table(columns, rows, title=f"Judged on other rows; α = {found.alpha:.2g} was chosen")


def curve_table(found: Interpolation) -> Table:
    """Show the curve, the chosen place marked."""
    from luthier.metrics.names import title
    from luthier.report.formatting import amount

    rows = [{"alpha": one.alpha, **one.validation} for one in found.points]
    columns = [
        Column("α", lambda row: f"{row['alpha']:.2g}{' *' * (row['alpha'] == found.alpha)}"),
        *(
            Column(
                f"{name}, n = {n:,}",
                lambda row, name=name: amount(row[name], found.metric),  # type: ignore[misc]
                is_number=True,
            )
            for name, n in found.n_choosing.items()
        ),
    ]
    shown = f"{title(found.metric)} on the rows that choose; 0: {found.other}, 1: {found.run}"
    return Table(columns, rows, title=shown)
