"""What a twin gives to those who serve it, and its graph: shared by both formats of TensorFlow."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf

from luthier.keras_engine.kinds import Tensors
from luthier.keras_engine.twin import Twin
from luthier.records import Target


def answer(twin: Twin, batch: Tensors, target: Target) -> Tensors:
    """Run a twin on a batch; give its outputs with probabilities or scores."""
    return with_probabilities(twin(batch, training=False), target)


def with_probabilities(outputs: Tensors, target: Target) -> Tensors:
    """Add probabilities, or scores in the unit of the training data, to the logits of whole texts.

    The outputs for tokens and answer spans stay as they are.
    """
    if target.kind == "single-label":
        return {"probabilities": tf.nn.softmax(outputs["logits"]), **outputs}
    if target.kind == "multi-label":
        return {"probabilities": tf.sigmoid(outputs["logits"]), **outputs}
    if target.kind == "number":
        return {"scores": outputs["logits"][:, 0] * target.scale + target.mean, **outputs}
    return outputs


def graph(
    compute: Callable[[Tensors], Tensors], names: Sequence[str], dtype: tf.DType, n_axes: int
) -> tf.types.experimental.PolymorphicFunction:
    """Make a graph of a function of named tensors, all of one dtype and with axes of any length."""
    specs = [tf.TensorSpec([None] * n_axes, dtype, name=name) for name in names]

    def function(*tensors: tf.Tensor) -> Tensors:
        return compute(dict(zip(names, tensors, strict=True)))

    return tf.function(function, input_signature=specs)


def module_of(twin: Twin) -> tf.Module:
    """Make a module that holds the twin's variables, which a graph alone does not keep alive."""
    module = tf.Module()
    module.variables_of_twin = [one.value for one in twin.keras.variables]
    return module
