"""`luthier export`: a run's model for elsewhere. See `app.py`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from luthier.cli.visible import visible
from luthier.errors import RunError


def export(
    folder: Annotated[Path, typer.Argument(help="The folder of a run.", metavar="RUN")],
    out: Annotated[Path, typer.Option(help="A new folder for the model.")],
    to: Annotated[
        str,
        typer.Option(metavar="FORMAT", help="checkpoint, onnx, openvino, saved-model or litert."),
    ] = "checkpoint",
    int8: Annotated[
        bool,
        typer.Option(
            "--int8", help="For onnx and litert: weights in int8, and what is lost by it."
        ),
    ] = False,
    docker: Annotated[
        bool, typer.Option("--docker", help="For onnx: a Dockerfile beside it that serves it.")
    ] = False,
    merge: Annotated[bool, typer.Option("--merge", hidden=True)] = False,
) -> None:
    """Write the model of a run for elsewhere, and try it out.

    A checkpoint is of Transformers; onnx is for ONNX Runtime, and `luthier predict` answers from it
    without PyTorch; saved-model and litert are of TensorFlow. What a method keeps
    beside the model, such as an adapter, is merged into it.
    """
    if merge:
        raise RunError(
            "Every export is merged; there is no option for it.",
            received="--merge",
            hint=f"luthier export {folder} --out {out}",
        )
    if docker and to != "onnx":
        raise RunError(
            "An image without PyTorch serves models of ONNX.",
            received=f"--docker --to {to}",
            hint="--docker --to onnx",
        )
    from luthier.exporters.export import export as export_run

    exported = export_run(folder, out, to=to, int8=int8)
    if exported.verification is None:
        differ = f"its outputs on the run's rows differ by at most {exported.difference:.1e}"
        print(visible(f"Wrote {exported.folder}; {differ}"))
        return
    from luthier.cli.show import show_export

    show_export(exported.verification)
    print(visible(f"Wrote {exported.folder}"))
    if docker:
        from luthier.exporters.docker import write_dockerfile

        path = write_dockerfile(Path(exported.folder))
        print(visible(f"Wrote {path}; its first lines say how the image is built and run"))
