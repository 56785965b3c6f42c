"""`luthier inspect`: what the data doctor finds; which labels are probably wrong. See `app.py`."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from luthier.cli.tables import Column, JsonOption, Table, print_json, print_table
from luthier.cli.visible import visible
from luthier.errors import RecipeError

if TYPE_CHECKING:
    from luthier.label_noise.find import Suspects

SHOWN, LONGEST = 10, 70  # rows that a terminal shows, and characters of their texts


def inspect(
    source: Annotated[
        Path, typer.Argument(metavar="RECIPE_OR_FILE", help="A recipe or a data file.")
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SECTION.FIELD=VALUE",
            help="Overrides of the recipe, such as training.seed=1 or method=lora.",
            show_default=False,
        ),
    ] = None,
    labels: Annotated[
        bool, typer.Option("--labels", help="List rows whose labels are probably wrong.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(help="With --labels: file for all of them, .csv, .tsv or .jsonl."),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(help="With --labels: frozen (a head on the model), or recipe (its method)."),
    ] = None,
    folds: Annotated[
        int | None, typer.Option(min=2, help="With --labels: number of folds; default: 5.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check the data for problems; exits with code 1 if there are errors."""
    if labels:
        _inspect_labels(source, overrides or [], out, by or "frozen", folds or 5, as_json=as_json)
        return
    given = {"--out": out, "--by": by, "--folds": folds}
    for option, value in given.items():
        if value is not None:
            raise RecipeError(
                f"{option} is about labels that may be wrong.",
                received=f"{option} without --labels",
                hint=f"luthier inspect {source} --labels {option} {value}",
            )
    from luthier.inspect_data import inspect as inspect_data

    found = inspect_data(source, overrides or ())
    from luthier.cli.show import show_inspection

    show_inspection(found, as_json=as_json)
    if found.has_errors:
        raise typer.Exit(1)


def _inspect_labels(
    source: Path, overrides: list[str], out: Path | None, by: str, folds: int, *, as_json: bool
) -> None:
    print("loading …", file=sys.stderr, flush=True)
    from luthier.cli.progress import watching
    from luthier.label_noise.find import suspects

    with watching() as listener:
        found = suspects(source, overrides, out=out, by=by, n_folds=folds, listener=listener)
    if as_json:
        print_json({**vars(found), "verdict": found.verdict})
        return
    show_suspects(found)
    if out is not None:
        told = f"Wrote {len(found.suspects):,} rows to {out}: correct the column {found.role}, then"
        print(visible(f"{told} data.labels_from={out}"))


def show_suspects(found: Suspects) -> None:
    """Print the first rows, and the estimate."""
    rows = [vars(one) for one in found.suspects[:SHOWN]]
    columns = (
        Column("row", lambda row: re.split(r"[/\\]", str(row["row"]))[-1]),
        Column("text", lambda row: visible(_short(str(row["text"])))),
        Column("label", lambda row: visible(str(row["given"]))),
        Column("suggested", lambda row: visible(str(row["suggested"]))),
        Column("quality", lambda row: f"{row['quality']:.3f}", is_number=True),
    )
    more = len(found.suspects) - len(rows)
    notes = [f"{more:,} more: --out suspects.csv"] if more > 0 else []
    print_table(Table(columns, rows), notes=[*notes, *found.notes, found.verdict])


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
