"""A twin as a file for LiteRT (formerly TensorFlow Lite), the runtime of phones and small machines.

Batches of any size and length are taken: the interpreter adapts to the shape of its input, so
nothing is computed for padding beyond the longest row of a batch.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.lite.python.convert import ConverterError

from luthier.errors import ModelError
from luthier.items import Batch
from luthier.keras_engine.backend import silenced
from luthier.keras_engine.serving import answer, graph, module_of
from luthier.keras_engine.twin import Twin
from luthier.ragged import Array
from luthier.records import Target

SIGNATURE = "serving_default"


def write(
    twin: Twin, path: Path, *, inputs: Sequence[str], target: Target, int8: bool = False
) -> None:
    """Convert a twin for LiteRT.

    Args:
        twin: The model.
        path: File to write.
        inputs: Model arguments that the tokenizer gives, by Transformers' names.
        target: What is predicted.
        int8: Whether to store weights in int8; activations are quantized as they are computed.

    Raises:
        ModelError: LiteRT lacks an operation of the model.
    """
    function = graph(lambda batch: answer(twin, batch, target), inputs, tf.int32, 2)
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [function.get_concrete_function()], module_of(twin)
    )
    if int8:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    try:
        with silenced():  # on failure, the converter prints the whole graph
            path.write_bytes(converter.convert())
    except ConverterError as problem:
        found = sorted(set(re.findall(r"error: '(?:tf\.)?(\w+)' op", str(problem))))
        lacking = ", ".join(found) or "it does not say which"
        raise ModelError(
            "LiteRT lacks operations that this model needs.",
            received=f"a model of {twin.model.config.model_type}: {lacking}",
            hint="--to saved-model",
        ) from problem


class LiteRT:
    """A LiteRT file that was read back.

    Args:
        path: The file that `write` wrote.
    """

    note = answer_texts = None  # it takes token ids only

    def __init__(self, path: Path):
        self.path, self.n_bytes, self._runner = path, path.stat().st_size, _runner(path)

    def __call__(self, batch: Batch[Array]) -> dict[str, Array]:
        """Answer a batch of token ids."""
        names = self._runner.get_input_details()
        outputs = self._runner(**{name: batch.inputs[name].astype(np.int32) for name in names})
        return {name: np.array(one) for name, one in outputs.items()}  # LiteRT reuses its memory

    def describe(self) -> dict[str, Any]:
        """Give the file's name, and the name, type and shape of its tensors."""
        sides = {
            "inputs": self._runner.get_input_details(),
            "outputs": self._runner.get_output_details(),
        }
        tensors = {
            side: {name: _spec(one) for name, one in details.items()}
            for side, details in sides.items()
        }
        return {"file": self.path.name, **tensors}


def _spec(details: dict[str, Any]) -> dict[str, Any]:
    """Write the type and shape of a tensor; an axis of any length is null."""
    shape = [None if axis < 0 else axis for axis in details["shape_signature"].tolist()]
    return {"dtype": np.dtype(details["dtype"]).name, "shape": shape}


def _runner(path: Path) -> Any:
    """Open a file with LiteRT's own package, or with the copy of it in TensorFlow."""
    with silenced(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TensorFlow announces the removal of its copy
        if find_spec("ai_edge_litert") is not None:
            from ai_edge_litert.interpreter import Interpreter
        else:
            Interpreter = tf.lite.Interpreter  # noqa: N806, a class
        opened = Interpreter(str(path))
        opened.allocate_tensors()  # now, because it prints, too
        return opened.get_signature_runner(SIGNATURE)
