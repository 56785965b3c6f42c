"""`luthier convert`: labels from the file of one tool to that of another. See `app.py`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from luthier.cli.visible import visible


def convert(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="Labels of a tool, or rows with text and labels."),
    ],
    to: Annotated[
        str,
        typer.Option(
            metavar="TOOL", help="label-studio, doccano, prodigy, argilla; rows: .csv or .jsonl."
        ),
    ],
    out: Annotated[Path, typer.Option(help="The file to write.")],
    from_tool: Annotated[
        str | None,
        typer.Option("--from", metavar="TOOL", help="The tool that wrote it; default: detected."),
    ] = None,
    text: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Of rows: the texts; default: text.")
    ] = None,
    label: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Of rows: one label; default: label.")
    ] = None,
    annotator: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Of rows: who answered; default: annotator."),
    ] = None,
) -> None:
    """Convert labels between Label Studio, doccano, Prodigy, Argilla and rows."""
    from luthier.formats.exchange.convert import convert as convert_file

    named = {"text": text, "label": label, "annotator": annotator}
    columns = {role: name for role, name in named.items() if name is not None}
    found = convert_file(file, to, out, from_tool=from_tool, columns=columns)
    for note in found.notes:
        print(visible(f"• {note}"))
    who = f" by {len(found.annotators)} annotators" if found.annotators else ""
    answers = f"{found.n_answers:,} answers to {found.n_texts:,} texts{who}"
    print(visible(f"Read {answers} ({found.kind}) from {found.source}; wrote {out} for {to}"))
