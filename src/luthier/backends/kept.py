"""Exports of a run that are kept in its folder, made when they are first asked for."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from luthier.errors import RunError
from luthier.exporters.export import export
from luthier.onnx_models.description import is_onnx
from luthier.runs import RunFolder
from luthier.runs.places import kept_beside, making, not_older
from luthier.runs.portable import PORTABLE

BACKENDS = ("auto", "torch", "onnx", "openvino")
Tell = Callable[[str], None]


def folder_for(folder: Path, backend: str, *, on_note: Tell = lambda words: None) -> Path:
    """Return the folder that a backend answers from: the one given or, of a run, an export of it.

    Args:
        folder: A run, or what was exported of one.
        backend: One of `BACKENDS`.
        on_note: Is told what takes long.

    Raises:
        RunError: There is no such backend, or the folder is neither.
        RecipeError: A package is not installed.
        ModelError: The run's model cannot be a graph.
    """
    if backend not in BACKENDS:
        raise RunError(
            "There is no backend of this name.",
            received=f"--backend {backend}",
            hint=f"one of {', '.join(BACKENDS)}",
        )
    if backend in ("auto", "torch") or is_onnx(folder):
        return folder
    return kept_export(folder, on_note=on_note)


def kept_export(run: Path, *, int8: bool = False, on_note: Tell = lambda words: None) -> Path:
    """Export a run to ONNX inside its folder, unless that was done.

    Args:
        run: A finished run.
        int8: Whether the weights are in int8.
        on_note: Is told what takes long.

    Raises:
        RunError: The run did not finish.
        RecipeError: A package is not installed.
        ModelError: The run's model cannot be a graph.
    """
    opened = RunFolder.open(run).require_finished()
    name = "onnx-int8" if int8 else "onnx"
    kept = kept_beside(opened.path, name)
    if is_onnx(kept) and not_older(kept / PORTABLE, opened.model):
        return kept
    on_note(f"Exporting {run} to {name}, once …")
    shutil.rmtree(kept, ignore_errors=True)  # of a model that was trained on since
    with making(kept.parent):
        kept.parent.mkdir(exist_ok=True)
    export(run, kept, to="onnx", int8=int8)
    return kept
