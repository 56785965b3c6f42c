"""Which weight of a model corresponds to which variable of its twin, and how to copy both ways.

Copying changes the layout alone, so a weight that goes there and back keeps every bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from luthier.keras_engine.backend import no_twin
from luthier.keras_engine.kinds import Part
from luthier.ragged import Array


@dataclass(frozen=True)
class Pair:
    """A PyTorch weight, or a part of one, and the Keras variable that corresponds to it.

    Args:
        weight: The model's parameter.
        variable: The twin's variable.
        is_transposed: Whether the weight is transposed before it is reshaped to the variable.
        part: Index of the part of the weight that corresponds; None means the whole weight.
    """

    weight: nn.Parameter
    variable: keras.Variable
    is_transposed: bool = False
    part: tuple[slice, ...] | None = None

    @property
    def _view(self) -> torch.Tensor:
        whole = self.weight.detach()
        part = whole if self.part is None else whole[self.part]
        return part.T if self.is_transposed else part

    def give(self) -> None:
        """Copy the weight into the variable."""
        values = self._view.float().numpy()
        self.variable.assign(np.ascontiguousarray(values).reshape(self.variable.shape))

    def take_back(self) -> None:
        """Copy the variable into the weight."""
        values = torch.from_numpy(self.variable.value.numpy())
        self._view.copy_(values.reshape(self._view.shape))


@dataclass(frozen=True)
class Change:
    """LoRA's low-rank change: the layer computes with variable + scale · (B A)ᵀ.

    Args:
        variable: Kernel that the change is added to.
        down: A, (rank, inputs).
        up: B, (outputs, rank).
        scale: Factor of the change.
        part: Columns of (B A)ᵀ that belong to this kernel; None means all.
    """

    variable: keras.Variable
    down: keras.Variable
    up: keras.Variable
    scale: float
    part: slice | None = None

    def apply(self) -> tf.Tensor:
        """Compute the changed kernel, in the kernel's shape."""
        change = tf.transpose(tf.matmul(self.up.value, self.down.value))  # (inputs, outputs)
        if self.part is not None:
            change = change[:, self.part]
        kernel = self.variable.value
        return kernel + self.scale * tf.reshape(change, tf.shape(kernel))


class Pairs:
    """Collects the pairs while a family builds a twin.

    Args:
        dtype: Dtype policy of every layer of the twin, such as `float32` or `mixed_bfloat16`.
        places: Row of each word in a compacted embedding table, (words,); None means all words.
    """

    def __init__(self, dtype: str = "float32", places: Array | None = None) -> None:
        self.dtype, self.places = dtype, places
        self.all: list[Pair] = []
        self.changes: list[Change] = []
        self._own: dict[int, keras.Variable] = {}  # id of a weight to its variable in no layer

    def word(self, number: int) -> int:
        """Map a word's id to its row in the twin's embedding table."""
        return number if self.places is None else int(self.places[number])

    def same(
        self, weight: nn.Parameter, variable: keras.Variable, part: tuple[slice, ...] | None = None
    ) -> None:
        """Pair a weight and a variable of the same layout, up to the shape."""
        self.all.append(Pair(weight, variable, part=part))

    def norm(self, module: Part, layer: keras.Layer) -> None:
        """Pair a layer normalization."""
        self.same(module.weight, layer.gamma)
        if getattr(module, "bias", None) is not None:
            self.same(module.bias, layer.beta)

    def linear(self, module: Part, layer: keras.Layer, *, columns: slice | None = None) -> None:
        """Pair a linear layer, together with its LoRA matrices.

        Args:
            module: `Linear` or `Conv1D`, possibly wrapped by peft.
            layer: `Dense` or `EinsumDense`.
            columns: Outputs of the module that the layer computes; None means all.
        """
        module = active(module)
        plain = getattr(module, "base_layer", module)
        is_transposed = not isinstance(plain, Conv1D)  # Conv1D is (inputs, outputs), as in Keras
        kernel = getattr(layer, "_kernel", None)
        kernel = layer.kernel if kernel is None else kernel
        part: tuple[slice, ...] | None = None
        if columns is not None:
            part = (columns,) if is_transposed else (slice(None), columns)
        self.all.append(Pair(plain.weight, kernel, is_transposed, part))
        if plain.bias is not None:
            self.same(plain.bias, layer.bias, None if columns is None else (columns,))
        for name in getattr(module, "lora_A", {}):
            self._change(module, name, kernel, columns)

    def _change(
        self, module: Part, name: str, kernel: keras.Variable, columns: slice | None
    ) -> None:
        if module.use_dora.get(name):
            hint = "method.options.use_dora=false, or engine=torch"
            raise no_twin("DoRA", "method.options.use_dora=true", hint=hint)
        down, up = (self._variable(part[name].weight) for part in (module.lora_A, module.lora_B))
        self.changes.append(Change(kernel, down, up, float(module.scaling[name]), columns))

    def _variable(self, weight: nn.Parameter) -> keras.Variable:
        """Make the variable of a weight that no Keras layer holds, once for each weight."""
        if id(weight) not in self._own:
            self._own[id(weight)] = keras.Variable(weight.detach().float().numpy())
            self.all.append(Pair(weight, self._own[id(weight)]))
        return self._own[id(weight)]


def active(module: Part) -> Part:
    """Return the copy of a module that peft trains, or the module itself where there is none."""
    copies = getattr(module, "modules_to_save", None)
    return module if copies is None else copies[module.active_adapters[0]]
