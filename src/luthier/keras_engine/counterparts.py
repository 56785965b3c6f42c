"""Optimizers of Keras that step as PyTorch's do: the one list that is checked and built from.

    adamw_torch, adamw_torch_fused, adam    equal, with PyTorch's ε
    sgd, adamax                             equal; momentum differs where the rate changes: PyTorch
                                            multiplies the sum by the rate, Keras its terms
    rmsprop, adagrad                        √(v + ε²) instead of √v + ε: at most √2 apart, and only
                                            where a gradient is as small as ε

TensorFlow is not imported here: a recipe is checked without it. Next: `optimizer.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Counterpart:
    """A Keras optimizer, and how PyTorch's options translate to its arguments.

    Args:
        name: Class in Keras, or the variant of it in `optimizer.py`.
        options: PyTorch's option to Keras's argument and to PyTorch's default of it; a default of
            None is the recipe's `adam_epsilon`.
        has_betas: Whether the recipe's `adam_beta1` and `adam_beta2` apply.
        decays_apart: Whether weight decay is decoupled from the gradient, as in AdamW.
        squares_epsilon: Whether Keras adds ε inside the root, where its square belongs.
    """

    name: str
    options: Mapping[str, tuple[str, float | bool | None]]
    has_betas: bool = False
    decays_apart: bool = False
    squares_epsilon: bool = False


_ADAM = {"amsgrad": ("amsgrad", False), "eps": ("epsilon", None)}
_MOMENTUM = {"momentum": ("momentum", 0.0)}
_START = "initial_accumulator_value"
OPTIMIZERS: dict[str, Counterpart] = {
    "adamw_torch": Counterpart("AdamW", _ADAM, has_betas=True, decays_apart=True),
    "adamw_torch_fused": Counterpart("AdamW", _ADAM, has_betas=True, decays_apart=True),
    "adam": Counterpart("Adam", _ADAM, has_betas=True),
    "sgd": Counterpart("SGD", _MOMENTUM | {"nesterov": ("nesterov", False)}),
    "rmsprop": Counterpart(
        "RMSprop",
        {"alpha": ("rho", 0.99), "centered": ("centered", False), "eps": ("epsilon", 1e-8)}
        | _MOMENTUM,
        squares_epsilon=True,
    ),
    "adagrad": Counterpart(
        "Adagrad", {"eps": ("epsilon", 1e-10), _START: (_START, 0.0)}, squares_epsilon=True
    ),
    "adamax": Counterpart("Adamax", {"eps": ("epsilon", None)}, has_betas=True),
}
