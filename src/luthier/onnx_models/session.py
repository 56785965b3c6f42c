"""A graph of ONNX in ONNX Runtime."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from luthier.environment import needing, threads_to_use
from luthier.errors import ModelError
from luthier.ragged import Array


class Session:
    """A graph that was read back, on the CPU.

    Args:
        path: Its file.
        n_threads: Threads that compute one batch; None: what OMP_NUM_THREADS says, else
            as many as this process may use.
        spins: Whether threads that wait for work ask for it without a pause: a single text is
            answered sooner, and a processor is busy meanwhile.

    Raises:
        RecipeError: ONNX Runtime is not installed.
        ModelError: It cannot read the graph.
    """

    def __init__(self, path: Path, *, n_threads: int | None = None, spins: bool = True):
        runtime, self.path = require_runtime(), path
        options = runtime.SessionOptions()
        options.intra_op_num_threads = n_threads or threads_to_use()
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", str(int(spins)))
        options.log_severity_level = 3  # errors
        try:
            self._session = runtime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except errors_of(runtime) as problem:
            raise ModelError(
                "ONNX Runtime cannot read this model.",
                received=f"{path}: {str(problem)[:300]}",
                hint="luthier export RUN --to onnx --out FOLDER, once more",
            ) from problem
        self.outputs = [one.name for one in self._session.get_outputs()]
        self.shapes = {one.name: list(one.shape) for one in self._session.get_inputs()}

    def __call__(self, given: Mapping[str, Array]) -> dict[str, Array]:
        """Compute all outputs of the graph; what it does not read is left out."""
        read = {name: np.ascontiguousarray(given[name]) for name in self.shapes}
        return dict(zip(self.outputs, self._session.run(self.outputs, read), strict=True))

    def describe(self) -> dict[str, Any]:
        """Give the file's name, and the name, type and shape of its tensors."""
        sides = {"inputs": self._session.get_inputs(), "outputs": self._session.get_outputs()}
        tensors = {
            side: {one.name: {"dtype": one.type, "shape": list(one.shape)} for one in nodes}
            for side, nodes in sides.items()
        }
        return {"file": self.path.name, **tensors}


def errors_of(runtime: Any) -> tuple[type[Exception], ...]:
    """Return the classes of what ONNX Runtime raises, which have no class in common."""
    declared = vars(runtime.capi.onnxruntime_pybind11_state).values()
    found = (one for one in declared if isinstance(one, type))
    return (RuntimeError, OSError, *(one for one in found if issubclass(one, Exception)))


def require_runtime() -> Any:
    """Import ONNX Runtime.

    Raises:
        RecipeError: It is not installed.
    """
    with needing("serve", "A model of ONNX is answered by onnxruntime, which is not installed."):
        import onnxruntime
    onnxruntime.set_default_logger_severity(3)
    return onnxruntime
