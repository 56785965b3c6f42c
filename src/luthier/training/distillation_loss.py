"""The loss of a student that learns from labels and from a teacher's outputs.

    L = Σ r [ (1 - α) hard + α T² soft + hidden ]        over the rows of a batch, divided by Σ r

Soft targets at a temperature T: Hinton, Vinyals and Dean 2015, section 2,
https://arxiv.org/abs/1503.02531. The gradient of the soft part shrinks with 1/T², so it is
multiplied by T². We use the KL divergence from the teacher instead of the cross-entropy: the
gradient is the same, and a student that agrees with its teacher has no loss. `hidden`: the mean
squared difference of pooled states, as between the layers of TinyBERT (Jiao et al. 2019, section
3.1, https://arxiv.org/abs/1909.10351). r is the weight of a row in the hard loss, class weights
included. Next: `losses.py`, which has the hard losses.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from luthier.hf_types import ModelOutput
from luthier.objective import Teaching

Total = Callable[
    [ModelOutput, Tensor, Tensor | None], Tensor
]  # outputs, targets, item weights -> loss
Weight = Callable[[Tensor, Tensor | None], Tensor]  # (targets, item weights) -> its divisor


def distilled(
    teaching: Teaching, hard: Total, weight: Weight, class_weights: Tensor | None
) -> tuple[Total, Weight]:
    """Make the loss of the objective `distillation`, as a sum and the weight of that sum.

    Args:
        teaching: Temperature, share and layout of the targets.
        hard: The summed loss against the gold answers.
        weight: The weight of that sum.
        class_weights: Weight of each label, (labels,), or None.
    """
    soft = SOFT[teaching.hard.name]
    is_label = soft is divergence_of_labels

    def total(outputs: ModelOutput, targets: Tensor, weights: Tensor | None) -> Tensor:
        answers, taught, states = parts(targets, teaching)
        logits = outputs.logits.float()
        if is_label and class_weights is not None:
            rows = class_weights[answers]  # (batch,)
        else:
            rows = (weight(answers, None) / len(targets)).expand(len(targets))
        if weights is not None:
            rows = rows * weights
        loss = teaching.alpha * (rows * soft(logits, taught, teaching.temperature)).sum()
        if teaching.alpha < 1:
            loss = loss + (1 - teaching.alpha) * hard(outputs, answers, weights)
        if states.shape[1]:
            apart = ((outputs.states.float() - states) ** 2).mean(dim=1)  # (batch,)
            loss = loss + (rows * apart).sum()
        return loss

    return total, lambda targets, weights: weight(parts(targets, teaching)[0], weights)


def parts(labels: Tensor, teaching: Teaching) -> tuple[Tensor, Tensor, Tensor]:
    """Split targets (batch, columns) into gold answers, teacher outputs and teacher states."""
    n_left = labels.shape[1] - teaching.n_answers - teaching.n_outputs
    answers, taught, states = labels.split([teaching.n_answers, teaching.n_outputs, n_left], dim=1)
    if teaching.is_id:
        answers = answers.squeeze(1).long()  # (batch,): ids of labels
    elif teaching.hard.name == "mean-squared-error":
        answers = answers.squeeze(1)  # (batch,)
    return answers, taught, states


def divergence_of_labels(logits: Tensor, taught: Tensor, temperature: float) -> Tensor:
    """T² KL(softmax(taught / T) ‖ softmax(logits / T)), (batch,)."""
    wanted = functional.log_softmax(taught / temperature, dim=-1)
    given = functional.log_softmax(logits / temperature, dim=-1)
    apart = functional.kl_div(given, wanted, reduction="none", log_target=True)
    return temperature**2 * apart.sum(dim=-1)


def divergence_of_each(logits: Tensor, taught: Tensor, temperature: float) -> Tensor:
    """Average the divergences of independent yes-or-no labels, (batch,)."""
    pairs = [torch.stack([scores, -scores], dim=-1) / 2 for scores in (logits, taught)]
    apart = divergence_of_labels(pairs[0], pairs[1], temperature)  # sigmoid(x) = softmax(x/2, -x/2)
    return apart.mean(dim=-1)


def squared_difference(logits: Tensor, taught: Tensor, temperature: float) -> Tensor:
    """Squared difference of numbers, which have no temperature, (batch,)."""
    return ((logits - taught) ** 2).mean(dim=-1)


SOFT: dict[str, Callable[[Tensor, Tensor, float], Tensor]] = {
    "cross-entropy": divergence_of_labels,
    "focal": divergence_of_labels,
    "binary-cross-entropy": divergence_of_each,
    "binary-focal": divergence_of_each,
    "mean-squared-error": squared_difference,
}
