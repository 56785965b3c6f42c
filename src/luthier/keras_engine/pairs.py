"""Which weight of a model stands for which variable of its twin, and how one becomes the other.

Weights are only laid out otherwise, so one that goes over and comes back has the same bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from luthier.errors import ModelError
from luthier.ragged import Array


@dataclass(frozen=True)
class Pair:
    """A weight of PyTorch, or a part of one, and the variable that stands for it.

    Args:
        weight: Of the model. `variable`: Of its twin.
        is_turned: Whether one is the transpose of the other, before it is brought into shape.
        part: Which part of the weight, as an index; None: all of it.
    """

    weight: nn.Parameter
    variable: Any
    is_turned: bool = False
    part: tuple[slice, ...] | None = None

    @property
    def _view(self) -> torch.Tensor:
        whole = self.weight.detach()
        one = whole if self.part is None else whole[self.part]
        return one.T if self.is_turned else one

    def give(self) -> None:
        """Put the weight into the variable."""
        values = self._view.float().numpy()
        self.variable.assign(np.ascontiguousarray(values).reshape(self.variable.shape))

    def take_back(self) -> None:
        """Put the variable into the weight."""
        values = torch.from_numpy(self.variable.value.numpy())
        self._view.copy_(values.reshape(self._view.shape))


@dataclass(frozen=True)
class Change:
    """A low-rank change of a variable: the layer computes with variable + scale · (B A)ᵀ.

    Args:
        variable: What is changed. `down`: A, (rank, inputs). `up`: B, (outputs, rank).
        scale: Of the change.
        part: Columns of (B A)ᵀ that are this variable's; None: all.
    """

    variable: Any
    down: Any
    up: Any
    scale: float
    part: slice | None = None

    def apply(self) -> Any:
        """Give the variable as changed."""
        change = tf.transpose(tf.matmul(self.up.value, self.down.value))  # (inputs, outputs)
        if self.part is not None:
            change = change[:, self.part]
        kernel = self.variable.value
        return kernel + self.scale * tf.reshape(change, tf.shape(kernel))


class Pairs:
    """Collects pairs while a family builds a twin."""

    def __init__(self, places: Array | None = None) -> None:
        self.all: list[Pair] = []
        self.changes: list[Change] = []
        self.own: dict[int, Any] = {}  # weight's id to the variable that is in no layer
        self.places = places

    def word(self, number: int) -> int:
        """Give a word's number among those that the twin is given."""
        return number if self.places is None else int(self.places[number])

    def same(self, weight: nn.Parameter, variable: Any, part: Any = None) -> None:
        """Pair what is laid out alike, but for the shape."""
        self.all.append(Pair(weight, variable, part=part))

    def norm(self, module: Any, layer: Any) -> None:
        """Pair a layer normalisation."""
        self.same(module.weight, layer.gamma)
        if getattr(module, "bias", None) is not None:
            self.same(module.bias, layer.beta)

    def linear(self, module: Any, layer: Any, *, columns: slice | None = None) -> None:
        """Pair a linear layer, with what LoRA adds to it.

        Args:
            module: `Linear` or `Conv1D`, or one that peft has wrapped.
            layer: `Dense` or `EinsumDense`.
            columns: Which of its outputs the layer gives; None: all.
        """
        module = chosen(module)
        plain = getattr(module, "base_layer", module)
        is_turned = not isinstance(plain, Conv1D)  # which has (inputs, outputs), as Keras has
        kernel = getattr(layer, "_kernel", None)
        kernel = layer.kernel if kernel is None else kernel
        part = None
        if columns is not None:
            part = (columns,) if is_turned else (slice(None), columns)
        self.all.append(Pair(plain.weight, kernel, is_turned, part))
        if plain.bias is not None:
            self.same(plain.bias, layer.bias, None if columns is None else (columns,))
        for name in getattr(module, "lora_A", {}):
            self._change(module, name, kernel, columns)

    def _change(self, module: Any, name: str, kernel: Any, columns: slice | None) -> None:
        if module.use_dora.get(name):
            raise ModelError(
                "DoRA has no twin in TensorFlow.",
                received="method.options.use_dora=true",
                hint="method.options.use_dora=false, or engine=torch",
            )
        down, up = (self._own(part[name].weight) for part in (module.lora_A, module.lora_B))
        self.changes.append(Change(kernel, down, up, float(module.scaling[name]), columns))

    def _own(self, weight: nn.Parameter) -> Any:
        """Give the variable of a weight that is in no layer of Keras; one, however often asked."""
        if id(weight) not in self.own:
            self.own[id(weight)] = keras.Variable(weight.detach().float().numpy())
            self.all.append(Pair(weight, self.own[id(weight)]))
        return self.own[id(weight)]


def chosen(module: Any) -> Any:
    """Give the copy of a module that peft trains, where it has made one."""
    copies = getattr(module, "modules_to_save", None)
    return module if copies is None else copies[module.active_adapters[0]]
