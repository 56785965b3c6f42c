"""Learn classes from a few rows: by class means, or by a few steps of gradient descent from there.

Squared Euclidean distance to class means is a linear head (Snell et al. 2017, section 2.4,
https://arxiv.org/abs/1703.05175): -|x - m|² = 2 m·x - |m|² - |x|², and |x|² is the same for all
classes. So what is learned from k rows is a plain head, and training goes on from it.
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
from luthier.hf_types import ModelOutput
from luthier.models.heads import PooledClassifier

Weights = dict[str, Tensor]
Tensors = dict[str, Tensor]  # model arguments
Compute = Callable[[Weights, Tensors], Tensor]  # weights, rows -> features (rows, width)


class LinearHead(NamedTuple):
    """A head's weights (classes, width) and bias (classes,)."""

    weight: Tensor
    bias: Tensor

    def __call__(self, features: Tensor) -> Tensor:
        """Give logits (rows, classes) of features (rows, width)."""
        return functional.linear(features, self.weight, self.bias)


def class_means(features: Tensor, labels: Tensor, n_classes: int) -> Tensor:
    """Average the features (rows, width) of every class, (classes, width).

    Raises:
        DataError: A class has no rows, or a row has none of the classes.
    """
    if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < n_classes:
        raise DataError(
            f"There are {n_classes} classes, numbered from 0, and a row is of another.",
            received=f"classes {int(labels.min())} to {int(labels.max())}",
            hint="name all classes, in the order of their numbers",
        )
    chosen = functional.one_hot(labels, n_classes).to(features)  # (rows, classes)
    counts = chosen.sum(dim=0)
    if not bool((counts > 0).all()):
        missing = [str(int(label)) for label in torch.nonzero(counts == 0).flatten()]
        raise DataError(
            "Each class needs a row to learn it from.",
            received=f"none of class {', '.join(missing)}",
            hint="give a row of each, or leave the class out",
        )
    return chosen.T @ features / counts[:, None]


def head_of_means(means: Tensor, *, temperature: float | None) -> LinearHead:
    """Write nearest class means (classes, width) as a linear head.

    Args:
        means: Of every class.
        temperature: What squared distances are divided by; None: the square root of the width.
    """
    scale = 1 / (temperature or means.shape[1] ** 0.5)
    return LinearHead(2 * scale * means, -scale * means.square().sum(dim=1))


def begin_head(
    features: Tensor, labels: Tensor, n_classes: int, *, begin: str, temperature: float | None
) -> LinearHead:
    """Begin a head at the class means (`prototypes`), or at `zeros`, where all are as likely.

    Raises:
        DataError: A class has no rows.
    """
    means = class_means(features, labels, n_classes)
    if begin == "zeros":
        return LinearHead(torch.zeros_like(means), means.new_zeros(n_classes))
    return head_of_means(means, temperature=temperature)


def trained_weights(model: nn.Module) -> Weights:
    """Name the weights that require gradients."""
    return {name: one for name, one in model.named_parameters() if one.requires_grad}


def features_by(model: PooledClassifier) -> Compute:
    """Make what computes features with other weights than the model's own.

    PyTorch's plain attention is chosen, since its fast ones cannot be differentiated twice.
    """

    def compute(weights: Weights, rows: Tensors) -> Tensor:
        with sdpa_kernel(SDPBackend.MATH):
            outputs: ModelOutput = functional_call(model, weights, args=(), kwargs=dict(rows))
            return outputs.logits

    return compute


def stored_features(weights: Weights, rows: Tensors) -> Tensor:
    """Give features that are known already, for a head that descends alone."""
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
        compute: From weights and rows to features.
        weights: Of the body; none: the head alone descends.
        head: Where it begins.
        steps: Of each, rows and their classes (rows,).
        rate: Size of a step.
        second_order: Whether the end is differentiated through the steps' gradients too.

    Returns:
        Weights and head after the steps, and the loss before each, without its history.
    """

    def loss_of(state: tuple[Weights, LinearHead], rows: Tensors, classes: Tensor) -> Tensor:
        return functional.cross_entropy(state[1](compute(state[0], rows)), classes)

    losses = []
    for rows, classes in steps:
        at = (weights, head) if second_order else (_detached(weights), _cut(head))
        (slopes, of_head), loss = grad_and_value(loss_of)(at, rows, classes)
        if not second_order:  # stored features have a history too
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
    """Replace the last layer by nothing, so that the model gives features."""
    cast("nn.Sequential", model.classifier)[-1] = nn.Identity()


def put_head_on(model: PooledClassifier, head: LinearHead) -> None:
    """Make a head the model's last layer."""
    n_classes, width = head.weight.shape
    layer = nn.utils.skip_init(nn.Linear, width, n_classes)
    layer.weight.data, layer.bias.data = head.weight.detach().clone(), head.bias.detach().clone()
    cast("nn.Sequential", model.classifier)[-1] = layer
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
        model: As `fit` of a method of episodes gave it, or read back from its run.
        rows: Model inputs of the labelled rows, each (rows, tokens).
        labels: Their classes, (rows,).
        names: Of the classes.
        temperature: As in training.
        inner_steps: Steps of gradient descent; 0: class means are all that is learned.
        inner_learning_rate: Size of those steps.
        body: Whether they change the body too (MAML), or the head alone (ANIL).
        head: Where the head begins: `prototypes` or `zeros`.

    Returns:
        A model of the new classes; the one given stays as it is.

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
