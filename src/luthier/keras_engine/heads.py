"""Task heads in Keras layers, shared by the families."""

from __future__ import annotations

from collections.abc import Callable

import keras
from keras import KerasTensor, ops

from luthier.keras_engine.backend import no_twin
from luthier.keras_engine.kinds import HeadOutputs, Part
from luthier.keras_engine.pairs import Pairs, active

Activation = Callable[[KerasTensor], KerasTensor]
ACTIVATIONS: dict[str, Activation] = {
    "gelu": lambda x: keras.activations.gelu(x, approximate=False),
    "gelu_new": lambda x: keras.activations.gelu(x, approximate=True),
    "gelu_pytorch_tanh": lambda x: keras.activations.gelu(x, approximate=True),
    "relu": keras.activations.relu,
    "tanh": keras.activations.tanh,
    "silu": keras.activations.silu,
    "swish": keras.activations.silu,
}


def activation(name: str) -> Activation:
    """Find an activation function by its name in Transformers.

    Raises:
        ModelError: The twin has no such activation.
    """
    if name not in ACTIVATIONS:
        raise no_twin("this activation", name)
    return ACTIVATIONS[name]


def dense(
    pairs: Pairs, module: Part, states: KerasTensor, *, act: str | None = None
) -> KerasTensor:
    """Apply the twin of a linear layer, then an activation if one is named."""
    plain = getattr(active(module), "base_layer", active(module))
    layer = keras.layers.Dense(
        plain.out_features,
        use_bias=plain.bias is not None,
        activation=None if act is None else activation(act),
        dtype=pairs.dtype,
    )
    outputs = layer(states)  # builds the layer, which has to exist before it can be paired
    pairs.linear(module, layer)
    return outputs


def drop(states: KerasTensor, rate: float, dtype: str) -> KerasTensor:
    """Apply dropout, unless its rate is 0."""
    return keras.layers.Dropout(rate, dtype=dtype)(states) if rate > 0 else states


def word_logits(
    pairs: Pairs, module: Part, table: Part, embedding: keras.Layer, states: KerasTensor
) -> KerasTensor:
    """Score every word of the vocabulary, (batch, tokens, words).

    Args:
        pairs: Records the head, unless it shares the weights of the embedding table.
        module: The model's language modelling head.
        table: The model's embedding table.
        embedding: The twin of that table, a `ReversibleEmbedding`.
        states: States of the tokens, (batch, tokens, width).
    """
    if active(module).weight is table.weight:
        return embedding(states, reverse=True)
    return dense(pairs, module, states)


def first(states: KerasTensor, mask: KerasTensor | None = None) -> KerasTensor:
    """Take the state of the first token, or of the first one in the mask, (batch, width)."""
    if mask is None:
        return states[:, 0]
    return _at(states, ops.argmax(ops.cast(mask, "int32"), axis=1))


def last(states: KerasTensor, mask: KerasTensor) -> KerasTensor:
    """Take the state of the last token in the mask, (batch, width)."""
    mask = ops.cast(mask, "int32")
    numbers = ops.cumsum(ops.ones_like(mask), axis=1)  # 1, 2, … in each row
    return _at(states, ops.argmax(mask * numbers, axis=1))  # the largest number in the mask


def _at(states: KerasTensor, places: KerasTensor) -> KerasTensor:
    """Take the state at one place (batch,) of each row, (batch, width)."""
    return ops.squeeze(ops.take_along_axis(states, places[:, None, None], axis=1), axis=1)


def mean(states: KerasTensor, mask: KerasTensor) -> KerasTensor:
    """Average the states of the tokens in the mask, (batch, width)."""
    weights = ops.cast(mask, states.dtype)[:, :, None]
    return ops.sum(states * weights, axis=1) / ops.sum(weights, axis=1)


def highest(states: KerasTensor, mask: KerasTensor) -> KerasTensor:
    """Take the maximum of each feature over the tokens in the mask, (batch, width)."""
    penalty = (1 - ops.cast(mask, "float32"))[:, :, None] * -1e30  # padding never wins
    return ops.max(ops.cast(states, "float32") + penalty, axis=1)


def logits(scores: KerasTensor) -> HeadOutputs:
    """Name the scores of a head, in float32."""
    return {"logits": ops.cast(scores, "float32")}


def borders(scores: KerasTensor) -> HeadOutputs:
    """Split (batch, tokens, 2) into the scores of an answer's first and of its last token."""
    scores = ops.cast(scores, "float32")
    return {"start_logits": scores[:, :, 0], "end_logits": scores[:, :, 1]}
