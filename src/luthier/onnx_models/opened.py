"""Opens an exported model as what its description says it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from luthier.onnx_models.model import OnnxModel
from luthier.onnx_models.writer import OnnxWriter


def opened(
    folder: Path,
    described: Mapping[str, Any],
    *,
    n_threads: int | None = None,
    backend: str | None = None,
) -> OnnxModel:
    """Open an exported model.

    Args:
        folder: Its folder.
        described: What `model.json` says.
        n_threads: Threads that compute one batch; None: what OMP_NUM_THREADS says, else
            as many as this process may use.
        backend: What computes it; None: what it was tried out with.

    Raises:
        RecipeError: The backend is not installed.
        ModelError: It cannot read the graph.
    """
    options: dict[str, Any] = {
        "n_threads": n_threads,
        "int8": bool(described.get("int8")),
        "backend": backend or described.get("backend", "onnx"),
    }
    if settings := described.get("generation"):
        return OnnxWriter(folder, settings, **options)
    return OnnxModel(folder, **options)
