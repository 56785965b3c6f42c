"""`luthier export`: a run's model for elsewhere. See `app.py`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def export(
    folder: Annotated[Path, typer.Argument(help="The folder of a run.", metavar="RUN")],
    out: Annotated[Path, typer.Option(help="A new folder for the model.")],
    to: Annotated[
        str, typer.Option(metavar="FORMAT", help="checkpoint, saved-model or litert.")
    ] = "checkpoint",
    int8: Annotated[
        bool, typer.Option("--int8", help="For litert: weights in int8, and what is lost by it.")
    ] = False,
    merge: Annotated[
        bool, typer.Option("--merge", help="Merge what a method keeps beside the model, as ever.")
    ] = False,
) -> None:
    """Write the model of a run for elsewhere, and try it out.

    A checkpoint is of Transformers; saved-model and litert are of TensorFlow.
    """
    if to == "checkpoint" and not int8:
        from luthier.exporters.merged import export_merged

        written, difference = export_merged(folder, out)
        print(f"Wrote {written}; its outputs on the run's rows differ by at most {difference:.1e}")
        return
    from luthier.cli.show import show_export
    from luthier.exporters.tensorflow import export_tensorflow

    written, found = export_tensorflow(folder, out, to=to, int8=int8)
    show_export(found)
    print(f"Wrote {written}")
