"""Keras's optimizers behind PyTorch's interface, set by the recipe's fields to step alike.

Which optimizers there are: `counterparts.py`. Weights decay as in PyTorch: decoupled from the
gradient in AdamW, as a part of the gradient in the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import torch
from keras import ops
from torch import nn

from luthier.keras_engine.counterparts import OPTIMIZERS
from luthier.recipe.tree import Training
from luthier.training.optimizer import groups_of


class _TorchEpsilon:
    """Adam's ε where PyTorch adds it: to the root of the bias-corrected second moment.

    Kingma & Ba 2015, https://arxiv.org/abs/1412.6980. Keras follows the reordered form at the end
    of their section 2, with the root of the moment before correction: √(v / c) + ε is
    (√v + ε √c) / √c, where c = 1 - β₂ᵗ. So Keras is given ε √c.
    """

    iterations: keras.Variable
    beta_2: float

    @property
    def epsilon(self) -> tf.Tensor:
        step = ops.cast(self.iterations + 1, "float32")
        return self._epsilon * ops.sqrt(1.0 - ops.power(self.beta_2, step))

    @epsilon.setter
    def epsilon(self, value: float) -> None:
        self._epsilon = value


class Adam(_TorchEpsilon, keras.optimizers.Adam):
    """Adam with PyTorch's ε."""


class AdamW(_TorchEpsilon, keras.optimizers.AdamW):
    """AdamW with PyTorch's ε."""


def make_keras_optimizer(settings: Training, decay: float) -> keras.optimizers.Optimizer:
    """Make the Keras optimizer that the recipe names; `decay` is for those that decouple it."""
    kind = OPTIMIZERS[settings.optim]
    arguments: dict[str, Any] = {}
    for option, (argument, default) in kind.options.items():
        default = settings.adam_epsilon if default is None else default
        arguments[argument] = type(default)(settings.optim_args.get(option, default))
    if kind.squares_epsilon:
        arguments["epsilon"] **= 2
    if kind.has_betas:
        arguments |= {"beta_1": settings.adam_beta1, "beta_2": settings.adam_beta2}
    if kind.decays_apart:
        arguments["weight_decay"] = decay
    own = {"Adam": Adam, "AdamW": AdamW}
    return (own.get(kind.name) or getattr(keras.optimizers, kind.name))(**arguments)


class KerasOptimizer(torch.optim.Optimizer):
    """A PyTorch optimizer to the training loop, by its groups and its state; Keras's inside.

    Schedules change the rates of its groups and checkpoints keep its state, as with any other.

    Args:
        parameters: Pairs (name, parameter) that are trained.
        partners: Id of a parameter to the variables of the twin that correspond to it.
        settings: The recipe's training section.
        lr_multipliers: Name of a parameter to its share of the learning rate, where it is not 1.
    """

    def __init__(
        self,
        parameters: Iterable[tuple[str, nn.Parameter]],
        partners: Mapping[int, list[keras.Variable]],
        settings: Training,
        *,
        lr_multipliers: Mapping[str, float] | None = None,
    ):
        groups = groups_of(parameters, settings, lr_multipliers=lr_multipliers)
        super().__init__(groups, {"lr": settings.learning_rate})
        self.variables: list[keras.Variable] = []
        self._parts: list[_Part] = []
        for group in self.param_groups:
            own = [one for weight in group["params"] for one in partners[id(weight)]]
            self._parts.append(_Part(settings, group["weight_decay"], own))
            self.variables += own
        self._gradients: list[tf.Tensor] = []
        self._apply = tf.function(self._apply_all, autograph=False)

    def take(self, gradients: list[tf.Tensor]) -> None:
        """Keep the gradients for the next step, one for each of `variables`."""
        self._gradients = gradients

    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Take a step along the gradients."""
        rates = [tf.constant(group["lr"], tf.float32) for group in self.param_groups]
        self._apply(self._gradients, rates)
        self._gradients = []

    def _apply_all(self, gradients: list[tf.Tensor], rates: list[tf.Tensor]) -> None:
        left = iter(gradients)
        for part, rate in zip(self._parts, rates, strict=True):
            part.apply(list(islice(left, len(part.variables))), rate)

    def state_dict(self) -> dict[str, Any]:
        """Write Keras's variables in PyTorch's layout, with numbers of groups for parameters."""
        state = {
            group: {
                str(number): torch.from_numpy(np.array(one.value.numpy()))
                for number, one in enumerate(part.state)
            }
            for group, part in enumerate(self._parts)
        }
        groups = [
            {name: value for name, value in group.items() if name != "params"}
            for group in self.param_groups
        ]
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Restore what `state_dict` gave."""
        for group, kept in zip(self.param_groups, state_dict["param_groups"], strict=True):
            group.update(kept)
        for place, part in enumerate(self._parts):
            for number, one in enumerate(part.state):
                one.assign(state_dict["state"][place][str(number)].numpy())


class _Part:
    """A Keras optimizer and the variables of one group."""

    def __init__(self, settings: Training, decay: float, variables: list[keras.Variable]):
        self.variables = variables
        # decay that is added to the gradient, in optimizers that do not decouple it
        self.coupled_decay = 0.0 if OPTIMIZERS[settings.optim].decays_apart else decay
        self.keras = make_keras_optimizer(settings, decay)
        self.keras.build(variables)

    @property
    def state(self) -> list[keras.Variable]:
        """What changes from step to step, except the learning rate."""
        rate = self.keras.learning_rate
        return [one for one in self.keras.variables if one is not rate]

    def apply(self, gradients: list[tf.Tensor], rate: tf.Tensor) -> None:
        """Take a step; called inside a graph."""
        if self.coupled_decay:
            pairs = zip(gradients, self.variables, strict=True)
            gradients = [one + self.coupled_decay * tf.convert_to_tensor(v) for one, v in pairs]
        self.keras.learning_rate.assign(rate)
        self.keras.apply(gradients, self.variables)
