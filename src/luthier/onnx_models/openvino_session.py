"""The same graphs in OpenVINO, which reads those of ONNX."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from luthier.environment import needing, threads_to_use
from luthier.errors import ModelError
from luthier.ragged import Array

TELLS = "openvino_telemetry"  # sends a message to Intel when openvino is imported


class OpenvinoSession:
    """A graph that OpenVINO computes on the CPU, in float32.

    Args:
        path: Its file.
        n_threads: Threads that compute one batch; None: what OMP_NUM_THREADS says, else
            as many as this process may use.

    Raises:
        RecipeError: OpenVINO is not installed.
        ModelError: It cannot read the graph.
    """

    def __init__(self, path: Path, *, n_threads: int | None = None):
        openvino, self.path = require_openvino(), path
        settings = {  # by itself it computes in bfloat16 where a processor has that
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": n_threads or threads_to_use(),
            "PERFORMANCE_HINT": "LATENCY",
        }
        try:
            compiled = openvino.Core().compile_model(str(path), "CPU", settings)
        except RuntimeError as problem:
            raise ModelError(
                "OpenVINO cannot read this model.",
                received=f"{path}: {str(problem)[:300]}",
                hint="--backend onnx",
            ) from problem
        self._request = compiled.create_infer_request()
        self.outputs = [name_of(one) for one in compiled.outputs]
        self.shapes = {one.get_any_name(): shape_of(one) for one in compiled.inputs}

    def __call__(self, given: Mapping[str, Array]) -> dict[str, Array]:
        """Compute all outputs of the graph; what it does not read is left out."""
        read = {name: np.ascontiguousarray(given[name]) for name in self.shapes}
        found = self._request.infer(read, share_inputs=True)
        return {name: np.array(found[at]) for at, name in enumerate(self.outputs)}

    def describe(self) -> dict[str, Any]:
        """Give the file's name, and the shapes of its inputs."""
        inputs = {name: {"shape": shape} for name, shape in self.shapes.items()}
        return {"file": self.path.name, "inputs": inputs, "outputs": self.outputs}


def name_of(port: Any) -> str:
    """Return the name of an output, which inner tensors may share."""
    return str(port.get_node().get_friendly_name()).partition("/sink_port")[0]


def shape_of(port: Any) -> list[int | str]:
    """Return the shape of an input; an axis of any size has a word."""
    sizes = port.get_partial_shape()
    return ["any" if one.is_dynamic else one.get_length() for one in sizes]


def require_openvino() -> Any:
    """Import OpenVINO, without what reports its use.

    Raises:
        RecipeError: It is not installed.
    """
    if "openvino" not in sys.modules:
        sys.modules.setdefault(TELLS, None)  # type: ignore[arg-type]
    with needing("openvino", "This needs OpenVINO, which is not installed."):
        import openvino
    return openvino
