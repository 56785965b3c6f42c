"""`luthier agree`: how far annotators agree, and one row for each text. See `app.py`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from luthier.cli.tables import Column, JsonOption, Table, print_json, print_table
from luthier.cli.visible import visible

if TYPE_CHECKING:
    from luthier.annotators.agreement import Agreement

MOST_PAIRS = 15  # that are shown; JSON has all


def agree(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A data file, a row per answer.")],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SECTION.FIELD=VALUE",
            help="How the file is read, such as data.delimiter=;.",
            show_default=False,
        ),
    ] = None,
    annotator: Annotated[
        str, typer.Option(help="Column that names who answered.", metavar="COLUMN")
    ] = "annotator",
    label: Annotated[
        str | None, typer.Option(help="Column of the answers; default: guessed.", metavar="COLUMN")
    ] = None,
    text: Annotated[
        str | None, typer.Option(help="Column of the texts; default: guessed.", metavar="COLUMN")
    ] = None,
    id_column: Annotated[
        str | None,
        typer.Option(
            "--id", help="Column that names texts; default: equal texts are one.", metavar="COLUMN"
        ),
    ] = None,
    task: Annotated[str | None, typer.Option(help="The task; default: guessed.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="File for one row per text: .csv, .tsv or .jsonl.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Compare annotators: agreement, how right each is, and one row per text with soft labels."""
    from luthier.annotators_of_file import agree as agree_on

    found = agree_on(
        file,
        annotator,
        label=label,
        text=text,
        id_column=id_column,
        task=task,
        out=out,
        overrides=overrides or (),
    )
    show_agreement(found, as_json=as_json)
    if out is not None and not as_json:
        print(visible(f"Wrote {len(found.merged):,} rows to {out}"))


def show_agreement(found: Agreement, *, as_json: bool) -> None:
    """Print how far annotators agree."""
    if as_json:
        record = {key: value for key, value in vars(found).items() if key != "merged"}
        print_json(record | {"verdict": found.verdict, "n_rows": len(found.merged)})
        return
    from luthier.cli.show import score_words

    annotators = [
        {"annotator": one.name, **vars(one.score), "worse": one.worse_than_chance}
        for one in found.annotators
    ]
    print_table(
        Table(
            (
                Column("annotator", lambda row: str(row["annotator"])),
                Column(f"{found.credit} [95% interval]", score_words),
                Column("answers", lambda row: f"{row['n']:,}", is_number=True),
                Column("", lambda row: "worse than a guess" if row["worse"] else ""),
            ),
            annotators,
        )
    )
    shown = sorted(found.pairs, key=lambda pair: -pair.score.n)[:MOST_PAIRS]
    rows = [
        {"pair": f"{one.one} – {one.other}", **vars(one.score), "odd": one.is_paradox}
        for one in shown
    ]
    print_table(
        Table(
            (
                Column("two annotators", lambda row: str(row["pair"])),
                Column(f"{found.of_pairs} [95% interval]", score_words),
                Column("rows", lambda row: f"{row['n']:,}", is_number=True),
                Column("", lambda row: "low only as one label prevails" if row["odd"] else ""),
            ),
            rows,
        ),
        notes=_notes(found, len(found.pairs) - len(shown)),
    )


def _notes(found: Agreement, n_more: int) -> list[str]:
    notes = [f"{n_more} more pairs: --json"] if n_more else []
    notes += [visible(note) for note in found.notes]
    if found.n_split:
        notes.append(f"of {found.n_split:,} rows no label has most votes")
    return [*notes, visible(found.verdict)]
