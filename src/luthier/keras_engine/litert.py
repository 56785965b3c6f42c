"""A twin as a file for LiteRT, the runtime of phones and small machines (once TensorFlow Lite).

Any batch and any length go in: the interpreter takes the shape of what it is given, so no padding
is computed but that to the longest row of a batch.
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
from luthier.keras_engine.answers import Answer, spoken
from luthier.keras_engine.backend import unheard
from luthier.keras_engine.twin import Twin
from luthier.ragged import Array
from luthier.records import Target

SIGNATURE = "serving_default"


def write(
    twin: Twin,
    path: Path,
    *,
    inputs: Sequence[str],
    target: Target,
    int8: bool = False,
) -> None:
    """Convert a twin for LiteRT.

    Args:
        twin: The model.
        path: The file.
        inputs: What the tokenizer gives, by Transformers' names.
        target: What is predicted.
        int8: Whether weights are kept in int8; activations are rounded as they come.

    Raises:
        ModelError: LiteRT has no operations for a part of it.
    """
    shapes = [tf.TensorSpec([None, None], tf.int32, name=name) for name in inputs]

    def compute(*given: Any) -> Any:
        batch = dict(zip(inputs, given, strict=True))
        return spoken(twin(batch, training=False), target)

    module = tf.Module()
    module.variables_of_twin = [one.value for one in twin.keras.variables]
    function = tf.function(compute, input_signature=shapes).get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], module)
    if int8:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    try:
        with unheard():  # it prints the whole graph where it fails
            path.write_bytes(converter.convert())
    except ConverterError as problem:
        found = sorted(set(re.findall(r"error: '(?:tf\.)?(\w+)' op", str(problem))))
        lacking = ", ".join(found) or "it does not say which"
        raise ModelError(
            "LiteRT lacks operations that this model needs.",
            received=f"a model of {twin.model.config.model_type}: {lacking}",
            hint="--to saved-model",
        ) from problem


def load(path: Path) -> Answer:
    """Read a file back; give what answers ids."""
    runner = _runner(path)
    wanted = runner.get_input_details()

    def answer(batch: Batch) -> dict[str, Array]:
        said = runner(**{name: batch.inputs[name].astype(np.int32) for name in wanted})
        return {name: np.array(one) for name, one in said.items()}  # its memory is used again

    return answer


def _runner(path: Path) -> Any:
    """Open a file with LiteRT's own package, or with what TensorFlow still has of it."""
    with unheard(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TensorFlow tells of the day when its own will be gone
        if find_spec("ai_edge_litert") is not None:
            from ai_edge_litert.interpreter import Interpreter
        else:
            Interpreter = tf.lite.Interpreter  # noqa: N806, a class
        opened = Interpreter(str(path))
        opened.allocate_tensors()  # now, since it tells of that too
        return opened.get_signature_runner(SIGNATURE)


def describe(path: Path) -> dict[str, Any]:
    """Name the tensors of a file, with their kinds and shapes; an axis of any length is null."""
    runner = _runner(path)
    sides = {"inputs": runner.get_input_details(), "outputs": runner.get_output_details()}
    return {
        side: {
            name: {
                "dtype": np.dtype(one["dtype"]).name,
                "shape": [None if axis < 0 else axis for axis in one["shape_signature"].tolist()],
            }
            for name, one in tensors.items()
        }
        for side, tensors in sides.items()
    }
