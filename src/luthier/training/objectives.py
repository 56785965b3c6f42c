"""The losses, by the names that an `Objective` carries.

Each gives a sum over the batch and the weight of that sum, never a mean: only then does the mean
over several accumulated batches equal the mean over one large batch, however unequal their sizes.
Next: `loop.py`, which divides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from luthier.records import Objective

Total = Callable[[Tensor, Tensor], Tensor]  # outputs, labels -> summed loss
Weight = Callable[[Tensor], Tensor]  # labels -> weight of that sum


@dataclass(frozen=True)
class Loss:
    """A loss as a sum and the weight of that sum.

    Args:
        total: From outputs (batch, outputs) and labels ((batch,) ids or numbers, or
            (batch, outputs) indicators) to the summed loss.
        weight: From the labels alone to what the sum is to be divided by.
    """

    total: Total
    weight: Weight


def make_loss(objective: Objective, device: torch.device) -> Loss:
    """Make the loss of an objective, its class weights on `device`."""
    weights = objective.class_weights
    tensor = None if weights is None else torch.tensor(weights, dtype=torch.float32, device=device)
    totals: dict[str, tuple[Callable[[Objective, Tensor | None], Total], Weight]] = {
        "cross-entropy": (_cross_entropy, lambda labels: _weight_of_rows(labels, tensor)),
        "focal": (_focal, lambda labels: _weight_of_rows(labels, tensor)),
        "binary-cross-entropy": (_binary_cross_entropy, _count),
        "binary-focal": (_binary_focal, _count),
        "mean-squared-error": (_squared_error, _count),
    }
    make_total, weight = totals[objective.name]
    return Loss(make_total(objective, tensor), weight)


def _weight_of_rows(labels: Tensor, weights: Tensor | None) -> Tensor:
    return _count(labels) if weights is None else weights[labels].sum()


def _count(labels: Tensor) -> Tensor:
    return torch.tensor(float(labels.numel()), device=labels.device)


def _cross_entropy(objective: Objective, weights: Tensor | None) -> Total:
    def total(outputs: Tensor, labels: Tensor) -> Tensor:
        return functional.cross_entropy(
            outputs.float(),
            labels,
            weight=weights,
            label_smoothing=objective.label_smoothing,
            reduction="sum",
        )

    return total


def _focal(objective: Objective, weights: Tensor | None) -> Total:
    """Focal loss: -Σ_c q_c (1 - p_c)^γ log p_c, with q the smoothed one-hot target.

    Lin et al. 2017, section 3, https://arxiv.org/abs/1708.02002. For γ = 0 it is cross-entropy.
    """

    def total(outputs: Tensor, labels: Tensor) -> Tensor:
        log_p = functional.log_softmax(outputs.float(), dim=-1)  # (batch, labels)
        n_labels = outputs.shape[-1]
        target = functional.one_hot(labels, n_labels).to(log_p)
        target = target * (1 - objective.label_smoothing) + objective.label_smoothing / n_labels
        per_label = -target * (1 - log_p.exp()) ** objective.focal_gamma * log_p
        return per_label.sum() if weights is None else (per_label * weights).sum()

    return total


def _binary_cross_entropy(objective: Objective, weights: Tensor | None) -> Total:
    def total(outputs: Tensor, labels: Tensor) -> Tensor:
        return functional.binary_cross_entropy_with_logits(
            outputs.float(), _soften(labels, objective), pos_weight=weights, reduction="sum"
        )

    return total


def _binary_focal(objective: Objective, weights: Tensor | None) -> Total:
    """Focal loss of each label by itself, as in the paper's detector."""

    def total(outputs: Tensor, labels: Tensor) -> Tensor:
        target = _soften(labels, objective)
        positive = functional.logsigmoid(outputs.float())
        negative = functional.logsigmoid(-outputs.float())
        gamma = objective.focal_gamma
        gain = target * negative.exp() ** gamma * positive
        if weights is not None:
            gain = gain * weights
        gain = gain + (1 - target) * positive.exp() ** gamma * negative
        return -gain.sum()

    return total


def _soften(labels: Tensor, objective: Objective) -> Tensor:
    """Pull indicators towards one half: label smoothing for yes-or-no questions.

    Szegedy et al. 2016, section 7, https://arxiv.org/abs/1512.00567, has it for one label of many.
    """
    return labels.float() * (1 - objective.label_smoothing) + objective.label_smoothing / 2


def _squared_error(objective: Objective, weights: Tensor | None) -> Total:
    def total(outputs: Tensor, labels: Tensor) -> Tensor:
        return ((outputs.float().squeeze(-1) - labels.float()) ** 2).sum()

    return total
