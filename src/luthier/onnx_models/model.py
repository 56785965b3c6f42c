"""A model that is one graph, whatever computes it. Next: `writer.py`, for models that write."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from luthier.items import Batch
from luthier.onnx_models.description import MODEL
from luthier.onnx_models.openvino_session import OpenvinoSession
from luthier.onnx_models.session import Session
from luthier.ragged import Array

BACKENDS: dict[str, Callable[..., Session | OpenvinoSession]] = {
    "onnx": Session,
    "openvino": OpenvinoSession,
}


class OnnxModel:
    """A model that is one graph.

    Args:
        folder: The folder with the graph.
        n_threads: Threads that compute one batch; None: what OMP_NUM_THREADS says, else
            as many as this process may use.
        int8: Whether its weights are in int8. Its activations are then rounded by the largest value
            of a batch, so each item is answered alone, which costs little on a CPU.
        backend: What computes it, among `BACKENDS`.

    Raises:
        RecipeError: The backend is not installed.
        ModelError: It cannot read the graph.
    """

    note = answer_texts = None  # token ids are what it takes
    spins = True

    def __init__(
        self,
        folder: Path,
        *,
        n_threads: int | None = None,
        int8: bool = False,
        backend: str = "onnx",
    ):
        asked = {"n_threads": n_threads} | ({"spins": self.spins} if backend == "onnx" else {})
        self.answers_alone, self.open = int8, partial(BACKENDS[backend], **asked)
        self.n_bytes = sum(one.stat().st_size for one in folder.glob("*.onnx*"))
        self.session = self.open(folder / MODEL)

    def __call__(self, batch: Batch[Array]) -> dict[str, Array]:
        """Answer a batch of token ids."""
        return self.session(batch.inputs)

    def describe(self) -> dict[str, Any]:
        """Give the file's name, and the name, type and shape of its tensors."""
        return self.session.describe()
