"""`luthier push`: a run's model to the hub. See `app.py`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from luthier.cli.tables import Column, Table, print_table
from luthier.cli.visible import visible


def push(
    folder: Annotated[
        Path, typer.Argument(help="A finished run, or what was exported of it.", metavar="RUN")
    ],
    repository: Annotated[str, typer.Argument(help="OWNER/NAME on the hub.", metavar="OWNER/NAME")],
    private: Annotated[
        bool, typer.Option("--private", help="Make a new repository private.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List what would be sent, and send nothing.")
    ] = False,
) -> None:
    """Upload a model, its card and its scores to the hub; rows and paths never go."""
    from luthier.exporters.push import push as push_run

    pushed = push_run(folder, repository, private=private, dry_run=dry_run)
    columns = (
        Column("file", lambda row: str(row["name"])),
        Column("bytes", lambda row: f"{row['n_bytes']:,}", is_number=True),
        Column("sha256", lambda row: str(row["sha256"])[:16]),
    )
    title = f"{repository}, {'private' if private else 'public'}"
    print_table(Table(columns, [vars(one) for one in pushed.files], title=title))
    total = sum(one.n_bytes for one in pushed.files) / 1e6
    if pushed.url is None:
        print(visible(f"Nothing was sent: {len(pushed.files)} files, {total:,.1f} MB."))
    else:
        print(visible(f"Sent {len(pushed.files)} files, {total:,.1f} MB: {pushed.url}"))
