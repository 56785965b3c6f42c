"""Types of what two libraries hand over: Keras and TensorFlow declare none that a checker reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

Tensors = dict[str, "tf.Tensor"]  # model arguments or outputs, by Transformers' names
HeadOutputs = dict[str, "keras.KerasTensor"]  # outputs of a twin that is being built, likewise


class Part(Protocol):
    """A PyTorch model or one of its modules, whose submodules a family's file knows by name."""

    def __getattr__(self, name: str) -> Any:
        """Give a submodule, a parameter, the configuration or a method."""
        ...


class TrunkOutput(NamedTuple):
    """What a trunk gives its head.

    Args:
        states: States of the tokens, (batch, tokens, width).
        pooled: State of the whole text, (batch, width); None where the trunk has no pooler.
    """

    states: keras.KerasTensor
    pooled: keras.KerasTensor | None = None
