"""What families put on top of a trunk, in layers of Keras."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops
from torch import nn

from luthier.errors import ModelError
from luthier.keras_engine.pairs import Pairs, chosen

ACTIVATIONS: dict[str, Any] = {
    "gelu": lambda x: keras.activations.gelu(x, approximate=False),
    "gelu_new": lambda x: keras.activations.gelu(x, approximate=True),
    "gelu_pytorch_tanh": lambda x: keras.activations.gelu(x, approximate=True),
    "relu": keras.activations.relu,
    "tanh": keras.activations.tanh,
    "silu": keras.activations.silu,
    "swish": keras.activations.silu,
}


def activation(name: str) -> Any:
    """Find an activation by Transformers' name of it.

    Raises:
        ModelError: There is none.
    """
    if name not in ACTIVATIONS:
        raise ModelError(
            "There is no twin of this activation for TensorFlow.",
            received=name,
            hint="engine=torch",
        )
    return ACTIVATIONS[name]


def no_twin(head: str) -> ModelError:
    """Say that a head has no twin."""
    return ModelError(
        "There is no twin of this head for TensorFlow.", received=head, hint="engine=torch"
    )


def dense(
    pairs: Pairs, module: nn.Module, states: Any, *, dtype: Any, act: str | None = None
) -> Any:
    """Put a linear layer's twin on states, an activation behind it."""
    plain = getattr(chosen(module), "base_layer", chosen(module))
    layer = keras.layers.Dense(
        plain.out_features,
        use_bias=plain.bias is not None,
        activation=None if act is None else activation(act),
        dtype=dtype,
    )
    said = layer(states)
    pairs.linear(module, layer)
    return said


def drop(states: Any, rate: float, *, dtype: Any) -> Any:
    """Put dropout on states."""
    return keras.layers.Dropout(rate, dtype=dtype)(states) if rate > 0 else states


def words(pairs: Pairs, module: nn.Module, table: nn.Module, ours: Any, states: Any) -> Any:
    """Score all words by states, (batch, tokens, words).

    Args:
        pairs: Is told of the head, unless it is the table of words over again.
        module: The model's head.
        table: The model's table of words.
        ours: Its twin, a `ReversibleEmbedding`.
        states: (batch, tokens, width).
    """
    if chosen(module).weight is table.weight:
        return ours(states, reverse=True)
    return dense(pairs, module, states, dtype=ours.dtype_policy)


def first(states: Any, mask: Any = None) -> Any:
    """Take the state of the first token, or of the first that a mask has, (batch, width)."""
    if mask is None:
        return states[:, 0]
    return _at(states, ops.argmax(ops.cast(mask, "int32"), axis=1))


def last(states: Any, mask: Any) -> Any:
    """Take the state of the last token that a mask has, (batch, width)."""
    mask = ops.cast(mask, "int32")
    places = ops.cumsum(ops.ones_like(mask), axis=1)
    return _at(states, ops.argmax(mask * places, axis=1))


def _at(states: Any, places: Any) -> Any:
    return ops.squeeze(ops.take_along_axis(states, places[:, None, None], axis=1), axis=1)


def mean(states: Any, mask: Any) -> Any:
    """Average the states of real tokens, (batch, width)."""
    weights = ops.cast(mask, states.dtype)[:, :, None]
    return ops.sum(states * weights, axis=1) / ops.sum(weights, axis=1)


def highest(states: Any, mask: Any) -> Any:
    """Take each feature's largest value over real tokens, (batch, width)."""
    gone = (1 - ops.cast(mask, "float32"))[:, :, None] * -1e30
    return ops.max(ops.cast(states, "float32") + gone, axis=1)


def logits(said: Any) -> dict[str, Any]:
    """Name what a head says, in float32."""
    return {"logits": ops.cast(said, "float32")}


def borders(said: Any) -> dict[str, Any]:
    """Name the scores of an answer's first and last token, (batch, tokens) each."""
    said = ops.cast(said, "float32")
    return {"start_logits": said[:, :, 0], "end_logits": said[:, :, 1]}
