"""Keras's optimizers, set by the recipe's fields so that they step as PyTorch's do.

    adamw_torch, adamw_torch_fused, adam    equal, with PyTorch's ε
    sgd, adamax                             equal; momentum differs where the rate changes: PyTorch
                                            multiplies the sum by the rate, Keras its parts
    rmsprop, adagrad                        √(v + ε²) in the place of √v + ε: at most √2 apart, and
                                            only where a gradient is as small as ε

Weights decay as in PyTorch: apart from the gradient in AdamW, as a part of it in the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import torch
from keras import ops

from luthier.recipe.tree import Training
from luthier.training.optimizer import groups_of


class _TorchEpsilon:
    """Adam's ε where PyTorch has it: beside the root of the moment that is freed of its bias.

    Kingma & Ba 2015, https://arxiv.org/abs/1412.6980: Keras follows the form before section 2.1's
    algorithm, where ε stands beside the biased root.
    """

    iterations: Any
    beta_2: float

    @property
    def epsilon(self) -> Any:
        step = ops.cast(self.iterations + 1, "float32")
        return self._epsilon * ops.sqrt(1.0 - ops.power(self.beta_2, step))

    @epsilon.setter
    def epsilon(self, value: float) -> None:
        self._epsilon = value


class Adam(_TorchEpsilon, keras.optimizers.Adam):
    """Adam with PyTorch's ε."""


class AdamW(_TorchEpsilon, keras.optimizers.AdamW):
    """AdamW with PyTorch's ε."""


def _adam(settings: Training, kind: Any = Adam, **more: Any) -> Any:
    asked = settings.optim_args
    return kind(
        beta_1=settings.adam_beta1,
        beta_2=settings.adam_beta2,
        epsilon=float(asked.get("eps", settings.adam_epsilon)),
        amsgrad=bool(asked.get("amsgrad", False)),
        **more,
    )


def _adamw(settings: Training, decay: float) -> Any:
    return _adam(settings, AdamW, weight_decay=decay)


def _sgd(settings: Training) -> Any:
    asked = settings.optim_args
    return keras.optimizers.SGD(
        momentum=float(asked.get("momentum", 0.0)), nesterov=bool(asked.get("nesterov", False))
    )


def _rmsprop(settings: Training) -> Any:
    asked = settings.optim_args
    return keras.optimizers.RMSprop(
        rho=float(asked.get("alpha", 0.99)),
        momentum=float(asked.get("momentum", 0.0)),
        centered=bool(asked.get("centered", False)),
        epsilon=float(asked.get("eps", 1e-8)) ** 2,
    )


def _adagrad(settings: Training) -> Any:
    asked = settings.optim_args
    return keras.optimizers.Adagrad(
        initial_accumulator_value=float(asked.get("initial_accumulator_value", 0.0)),
        epsilon=float(asked.get("eps", 1e-10)) ** 2,
    )


def _adamax(settings: Training) -> Any:
    return keras.optimizers.Adamax(
        beta_1=settings.adam_beta1,
        beta_2=settings.adam_beta2,
        epsilon=float(settings.optim_args.get("eps", settings.adam_epsilon)),
    )


APART: dict[str, Callable[[Training, float], Any]] = {  # decay stands apart from the gradient
    "adamw_torch": _adamw,
    "adamw_torch_fused": _adamw,
}
WITHIN: dict[str, Callable[[Training], Any]] = {  # or is a part of it
    "adam": _adam,
    "sgd": _sgd,
    "rmsprop": _rmsprop,
    "adagrad": _adagrad,
    "adamax": _adamax,
}


class KerasOptimizer(torch.optim.Optimizer):
    """An optimizer of PyTorch to the loop, by its groups and its state; within, Keras's.

    Schedules change the rates of groups, and checkpoints keep the state, as with any other.

    Args:
        parameters: (name, parameter) pairs that are trained.
        partners: Parameter's id to variables of the twin.
        settings: The recipe's training section. `lr_multipliers`: Parameter to its share of the
            rate.
    """

    def __init__(
        self,
        parameters: Iterable[tuple[str, Any]],
        partners: Mapping[int, list[Any]],
        settings: Training,
        *,
        lr_multipliers: Mapping[str, float] | None = None,
    ):
        groups = groups_of(parameters, settings, lr_multipliers=lr_multipliers)
        super().__init__(groups, {"lr": settings.learning_rate})
        self.variables: list[Any] = []
        self._parts: list[_Part] = []
        for group in self.param_groups:
            own = [one for weight in group["params"] for one in partners[id(weight)]]
            self._parts.append(_Part(settings, group["weight_decay"], own))
            self.variables += own
        self._gradients: list[Any] = []
        self._apply = tf.function(self._apply_all)

    def take(self, gradients: list[Any]) -> None:
        """Keep the gradients of the step to come, one for each of `variables`."""
        self._gradients = gradients

    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Step along them."""
        rates = [tf.constant(group["lr"], tf.float32) for group in self.param_groups]
        self._apply(self._gradients, rates)
        self._gradients = []

    def _apply_all(self, gradients: list[Any], rates: list[Any]) -> None:
        left = list(gradients)
        for part, rate in zip(self._parts, rates, strict=True):
            own, left = left[: len(part.variables)], left[len(part.variables) :]
            part.apply(own, rate)

    def state_dict(self) -> dict[str, Any]:
        """Lay Keras's variables out as PyTorch does: numbers of groups stand for parameters."""
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
        """Become what `state_dict` gave."""
        for group, kept in zip(self.param_groups, state_dict["param_groups"], strict=True):
            group.update(kept)
        for place, part in enumerate(self._parts):
            for number, one in enumerate(part.state):
                one.assign(state_dict["state"][place][str(number)].numpy())


class _Part:
    """One of Keras's optimizers, and the variables of a group."""

    def __init__(self, settings: Training, decay: float, variables: list[Any]):
        self.variables, self.within = variables, 0.0  # decay, as a part of the gradient
        if settings.optim in APART:
            self.keras = APART[settings.optim](settings, decay)
        else:
            self.keras, self.within = WITHIN[settings.optim](settings), decay
        self.keras.build(variables)

    @property
    def state(self) -> list[Any]:
        """What changes from step to step, but for the rate."""
        rate = self.keras.learning_rate
        return [one for one in self.keras.variables if one is not rate]

    def apply(self, gradients: list[Any], rate: Any) -> None:
        """Step, within a graph."""
        if self.within:
            pairs = zip(gradients, self.variables, strict=True)
            gradients = [one + self.within * tf.convert_to_tensor(v) for one, v in pairs]
        self.keras.learning_rate.assign(rate)
        self.keras.apply(gradients, self.variables)
