"""Learn classes from a few rows: by class means, and by a few steps of gradient descent.

The squared Euclidean distance to class means is a linear head (Snell et al. 2017, section 2.4,
https://arxiv.org/abs/1703.05175): -|x - m|² = 2 m·x - |m|² - |x|², and |x|² is the same for all
classes. So class means give an ordinary head, which gradient descent can start from.
Next: `fitting.py`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from luthier.errors import DataError
from luthier.models.heads import PooledClassifier
from luthier.models.wrapper import HeadOutput

Weights = dict[str, Tensor]
Tensors = dict[str, Tensor]  # model arguments
Compute = Callable[[Weights, Tensors], Tensor]  # weights, rows -> features (rows, width)


class LinearHead(NamedTuple):
    """A head's weights (classes, width) and bias (classes,)."""

    weight: Tensor
    bias: Tensor

    def __call__(self, features: Tensor) -> Tensor:
        """Return logits (rows, classes) of features (rows, width)."""
        return functional.linear(features, self.weight, self.bias)


def class_means(features: Tensor, labels: Tensor, n_classes: int) -> Tensor:
    """Average the features (rows, width) of each class, (classes, width).

    Raises:
        DataError: A class has no rows, or a row has an unknown class.
    """
    if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < n_classes:
        raise DataError(
            f"There are {n_classes} classes, numbered from 0, and a row has another.",
            received=f"classes {int(labels.min())} to {int(labels.max())}",
            hint="name all classes, in the order of their numbers",
        )
    chosen = functional.one_hot(labels, n_classes).to(features)  # (rows, classes)
    counts = chosen.sum(dim=0)
    if not bool((counts > 0).all()):
        missing = [str(int(label)) for label in torch.nonzero(counts == 0).flatten()]
        raise DataError(
            "Each class needs at least one row.",
            received=f"none of class {', '.join(missing)}",
            hint="give a row of each, or leave the class out",
        )
    return chosen.T @ features / counts[:, None]


def head_of_means(means: Tensor, *, temperature: float | None) -> LinearHead:
    """Write the nearest class mean as a linear head.

    Args:
        means: The mean of each class, (classes, width).
        temperature: Divisor of squared distances; None: the square root of the width.
    """
    scale = 1 / (temperature or means.shape[1] ** 0.5)
    return LinearHead(2 * scale * means, -scale * means.square().sum(dim=1))


def begin_head(
    features: Tensor, labels: Tensor, n_classes: int, *, begin: str, temperature: float | None
) -> LinearHead:
    """Initialise a head with class means (`prototypes`) or with `zeros`.

    Raises:
        DataError: A class has no rows.
    """
    means = class_means(features, labels, n_classes)
    if begin == "zeros":
        return LinearHead(torch.zeros_like(means), means.new_zeros(n_classes))
    return head_of_means(means, temperature=temperature)


def trained_weights(model: nn.Module) -> Weights:
    """Return the weights that require gradients, by name."""
    return {name: one for name, one in model.named_parameters() if one.requires_grad}


def features_by(model: PooledClassifier) -> Compute:
    """Return a function that computes features with given weights in place of the model's.

    It uses PyTorch's plain attention, as the fast kernels cannot be differentiated twice.
    """

    def compute(weights: Weights, rows: Tensors) -> Tensor:
        with sdpa_kernel(SDPBackend.MATH):
            outputs: HeadOutput = functional_call(model, weights, args=(), kwargs=dict(rows))
            return cast(Tensor, outputs.logits)

    return compute


def stored_features(weights: Weights, rows: Tensors) -> Tensor:
    """Return features computed before, if only the head is trained."""
    return rows["features"]


def descend(
    compute: Compute,
    weights: Weights,
    head: LinearHead,
    steps: Iterable[tuple[Tensors, Tensor]],
    *,
    rate: float,
    second_order: bool,
) -> tuple[Weights, LinearHead, list[Tensor]]:
    """Take steps of plain gradient descent on weights and head: w ← w - rate ∇loss(w).

    Args:
        compute: Computes features from weights and rows.
        weights: Weights of the body; empty to train the head alone.
        head: The initial head.
        steps: The rows of each step and their classes (rows,).
        rate: Learning rate.
        second_order: Whether the result can be differentiated through the gradients of the steps.

    Returns:
        Weights and head after the steps, and the loss before each, detached.
    """

    def loss_of(state: tuple[Weights, LinearHead], rows: Tensors, classes: Tensor) -> Tensor:
        return functional.cross_entropy(state[1](compute(state[0], rows)), classes)

    losses = []
    for rows, classes in steps:
        at = (weights, head) if second_order else (_detached(weights), _cut(head))
        (slopes, of_head), loss = grad_and_value(loss_of)(at, rows, classes)
        if not second_order:  # features computed before have a graph too
            slopes, of_head = _detached(slopes), _cut(of_head)
        weights = {name: one - rate * slopes[name] for name, one in weights.items()}
        head = LinearHead(*(one - rate * by for one, by in zip(head, of_head, strict=True)))
        losses.append(loss.detach())
    return weights, head, losses


def _detached(weights: Weights) -> Weights:
    return {name: one.detach() for name, one in weights.items()}


def _cut(head: LinearHead) -> LinearHead:
    return LinearHead(head.weight.detach(), head.bias.detach())


def take_head_off(model: PooledClassifier) -> None:
    """Replace the last layer by the identity, so that the model returns features."""
    model.classifier[-1] = nn.Identity()


def put_head_on(model: PooledClassifier, head: LinearHead) -> None:
    """Make a head the model's last layer."""
    n_classes, width = head.weight.shape
    layer = nn.Linear(width, n_classes, device="meta")  # its weights are replaced at once
    layer.weight = nn.Parameter(head.weight.detach().clone())
    layer.bias = nn.Parameter(head.bias.detach().clone())
    model.classifier[-1] = layer
    model.settings["n_outputs"] = n_classes


def adapt(
    model: PooledClassifier,
    rows: Tensors,
    labels: Tensor,
    names: Sequence[str],
    *,
    temperature: float | None = None,
    inner_steps: int = 0,
    inner_learning_rate: float = 0.01,
    body: bool = False,
    head: str = "prototypes",
) -> PooledClassifier:
    """Teach a trained model new classes from a few rows, without training it again.

    Args:
        model: A model trained on episodes, as `fit` returned it or as loaded from its run.
        rows: Model inputs of the labelled rows, each (rows, tokens).
        labels: Class of each row, (rows,).
        names: Names of the classes.
        temperature: The temperature used in training.
        inner_steps: Number of steps of gradient descent; 0 uses class means alone.
        inner_learning_rate: Learning rate of these steps.
        body: Whether they train the body too (MAML), or the head alone (ANIL).
        head: Initial head, `prototypes` or `zeros`.

    Returns:
        A model of the new classes; the given model is not changed.

    Raises:
        DataError: A class has no rows.
    """
    model = copy.deepcopy(model).eval()
    take_head_off(model)
    compute = features_by(model)
    weights = _detached(trained_weights(model)) if body else {}
    with torch.no_grad():
        features = compute(weights, rows)
        begin = head if inner_steps else "prototypes"
        begun = begin_head(features, labels, len(names), begin=begin, temperature=temperature)
    steps = [(rows if body else {"features": features}, labels)] * inner_steps
    weights, begun, _ = descend(
        compute if body else stored_features,
        weights,
        begun,
        steps,
        rate=inner_learning_rate,
        second_order=False,
    )
    with torch.no_grad():
        for name, values in weights.items():
            model.get_parameter(name).copy_(values)
    put_head_on(model, begun)
    model.config.id2label = dict(enumerate(names))
    model.config.label2id = {name: index for index, name in enumerate(names)}
    return model
