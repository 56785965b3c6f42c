"""Opens an exported model as what its description says it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from luthier.onnx_models.session import OnnxModel
from luthier.onnx_models.writer import OnnxWriter


def opened(
    folder: Path, described: Mapping[str, Any], *, n_threads: int | None = None
) -> OnnxModel:
    """Open an exported model.

    Args:
        folder: Its folder.
        described: What `model.json` says.
        n_threads: Threads that compute one batch; None: as many as this process may use.
    """
    int8, settings = bool(described.get("int8")), described.get("generation")
    if settings:
        return OnnxWriter(folder, settings, n_threads=n_threads, int8=int8)
    return OnnxModel(folder, n_threads=n_threads, int8=int8)
