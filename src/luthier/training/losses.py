"""The losses, by the names of an `Objective`.

Each is a sum over the batch and the weight of that sum, never a mean: only then does the mean over
accumulated batches equal the mean over one large batch, however unequal their sizes. All accept a
weight for every item. A third party adds a loss with an entry point in the group `luthier.losses`:
a function like those below. Next: `loop.py`, which divides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from luthier.hf_types import ModelOutput
from luthier.models.crf import negative_log_likelihood
from luthier.objective import Objective
from luthier.padding import IGNORED
from luthier.registry import find
from luthier.training.distillation_loss import distilled
from luthier.training.divergences import between_indicators, between_labels
from luthier.training.model_calls import BORDERS, labelled, logits_at_labels

Weights = Tensor | None  # weight of every item, (batch,); None: all weigh 1
Apart = Callable[[ModelOutput, ModelOutput, Tensor, Weights], Tensor]


@dataclass(frozen=True)
class Loss:
    """A loss as a sum and the weight of that sum.

    Args:
        total: Maps model outputs, targets and item weights to the summed loss. Targets are ids or
            numbers (batch,), probabilities or indicators (batch, labels), token ids
            (batch, tokens), or answer borders (batch, 2).
        weight: Maps targets and item weights to the divisor of the sum.
        decoder: Whether the model is an encoder-decoder that learns to generate the targets.
        by_rows: Whether items contribute independently, so that batches may be split.
        apart: Maps two passes' outputs, targets and item weights to how far apart the passes'
            answers are, summed like the loss (`divergences.py`); None where that has no meaning.
    """

    total: Callable[[ModelOutput, Tensor, Weights], Tensor]
    weight: Callable[[Tensor, Weights], Tensor]
    decoder: bool = False
    by_rows: bool = True
    apart: Apart | None = None


def make_loss(objective: Objective, device: torch.device) -> Loss:
    """Make the loss of an objective, its class weights on `device`."""
    made: Loss = find("losses", objective.name)(objective, device)
    return made


def cross_entropy(objective: Objective, device: torch.device) -> Loss:
    """Cross-entropy with ids (batch, …), or with probabilities (batch, labels)."""
    class_weights = class_weights_of(objective, device)

    def total(outputs: ModelOutput, targets: Tensor, weights: Weights) -> Tensor:
        losses = functional.cross_entropy(
            outputs.logits.float(),
            targets,
            weight=class_weights,
            label_smoothing=objective.label_smoothing,
            reduction="none",
        )
        return summed(losses, weights)

    def apart(one: ModelOutput, other: ModelOutput, targets: Tensor, weights: Weights) -> Tensor:
        far = between_labels(one.logits, other.logits)
        return summed(_times_class(far, targets, class_weights), weights)

    return Loss(
        total,
        lambda targets, weights: _weight_of_rows(targets, class_weights, weights),
        apart=apart,
    )


def focal(objective: Objective, device: torch.device) -> Loss:
    """Focal loss: -Σ_c q_c (1 - p_c)^γ log p_c, with q the smoothed target.

    Lin et al. 2017, section 3, https://arxiv.org/abs/1708.02002. For γ = 0 it is cross-entropy.
    """
    class_weights = class_weights_of(objective, device)

    def total(outputs: ModelOutput, targets: Tensor, weights: Weights) -> Tensor:
        log_p = functional.log_softmax(outputs.logits.float(), dim=-1)  # (batch, labels)
        n_labels = log_p.shape[-1]
        q = targets if targets.is_floating_point() else functional.one_hot(targets, n_labels)
        q = q.to(log_p) * (1 - objective.label_smoothing) + objective.label_smoothing / n_labels
        losses = -q * (1 - log_p.exp()) ** objective.focal_gamma * log_p
        return summed(losses if class_weights is None else losses * class_weights, weights)

    return replace(cross_entropy(objective, device), total=total)


def binary_cross_entropy(objective: Objective, device: torch.device) -> Loss:
    """Cross-entropy of independent labels, with indicators (batch, labels)."""
    positive = class_weights_of(objective, device)

    def total(outputs: ModelOutput, targets: Tensor, weights: Weights) -> Tensor:
        softened = soften(targets, objective)
        losses = functional.binary_cross_entropy_with_logits(
            outputs.logits.float(), softened, pos_weight=positive, reduction="none"
        )
        return summed(losses, weights)

    return Loss(total, count, apart=_apart_as_indicators)


def binary_focal(objective: Objective, device: torch.device) -> Loss:
    """Focal loss of independent labels, as in the paper's detector."""
    positive = class_weights_of(objective, device)

    def total(outputs: ModelOutput, targets: Tensor, weights: Weights) -> Tensor:
        softened = soften(targets, objective)
        log_p = functional.logsigmoid(outputs.logits.float())
        log_not = functional.logsigmoid(-outputs.logits.float())
        gain = softened * log_not.exp() ** objective.focal_gamma * log_p
        if positive is not None:
            gain = gain * positive
        gain = gain + (1 - softened) * log_p.exp() ** objective.focal_gamma * log_not
        return summed(-gain, weights)

    return Loss(total, count, apart=_apart_as_indicators)


def mean_squared_error(objective: Objective, device: torch.device) -> Loss:
    """Squared differences from numbers (batch,)."""

    def total(outputs: ModelOutput, targets: Tensor, weights: Weights) -> Tensor:
        return summed((outputs.logits.float().squeeze(-1) - targets.float()) ** 2, weights)

    def apart(one: ModelOutput, other: ModelOutput, targets: Tensor, weights: Weights) -> Tensor:
        return summed((one.logits - other.logits).float().squeeze(-1) ** 2, weights)

    return Loss(total, count, apart=apart)


def token_cross_entropy(objective: Objective, device: torch.device) -> Loss:
    """Cross-entropy of labelled tokens, (batch, tokens)."""
    class_weights = class_weights_of(objective, device)

    def total(outputs: ModelOutput, targets: Tensor, weights: Weights) -> Tensor:
        losses = functional.cross_entropy(
            logits_at_labels(outputs.logits, targets).float(),  # vocabularies are large
            _labels_that_count(targets),
            weight=class_weights,
            label_smoothing=objective.label_smoothing,
            reduction="none",
        )  # (labelled,)
        return losses.sum() if weights is None else (losses * _per_label(weights, targets)).sum()

    def weight(targets: Tensor, weights: Weights) -> Tensor:
        if class_weights is None and weights is None:
            return (targets != IGNORED).sum().float().clamp(min=1)
        each = torch.ones_like(_labels_that_count(targets), dtype=torch.float32)
        if class_weights is not None:
            each = class_weights[_labels_that_count(targets)]
        return (each if weights is None else each * _per_label(weights, targets)).sum()

    def apart(one: ModelOutput, other: ModelOutput, targets: Tensor, weights: Weights) -> Tensor:
        far = between_labels(
            logits_at_labels(one.logits, targets), logits_at_labels(other.logits, targets)
        )
        far = _times_class(far, _labels_that_count(targets), class_weights)
        return (far if weights is None else far * _per_label(weights, targets)).sum()

    return Loss(total, weight, apart=apart)


def sequence_to_sequence(objective: Objective, device: torch.device) -> Loss:
    """Cross-entropy of the next token that a decoder generates."""
    tokens = token_cross_entropy(objective, device)
    return replace(tokens, decoder=True)


def span(objective: Objective, device: torch.device) -> Loss:
    """Mean of the cross-entropies of the first and the last token, as Devlin et al. 2018 (4.2).

    Padding has logits of -∞ and takes no part in the softmax or in label smoothing, so the loss of
    a row does not depend on the other rows of its batch.
    """

    def total(outputs: ModelOutput, targets: Tensor, weights: Weights) -> Tensor:
        first, last = (
            _cross_entropy_of_real(
                getattr(outputs, name).float(), targets[:, column], objective.label_smoothing
            )
            for column, name in enumerate(BORDERS)
        )
        return summed((first + last) / 2, weights)

    def apart(one: ModelOutput, other: ModelOutput, targets: Tensor, weights: Weights) -> Tensor:
        first, last = (between_labels(getattr(one, name), getattr(other, name)) for name in BORDERS)
        return summed((first + last) / 2, weights)

    return Loss(total, count_rows, apart=apart)


def crf(objective: Objective, device: torch.device) -> Loss:
    """Negative log likelihood of whole label sequences under a CRF head."""

    def total(outputs: ModelOutput, targets: Tensor, weights: Weights) -> Tensor:
        logits = outputs.logits.float()
        losses = negative_log_likelihood(outputs.transitions, logits, targets)  # (batch,)
        return summed(losses, weights)

    return Loss(total, count_rows)


def contrastive(objective: Objective, device: torch.device) -> Loss:
    """Pull features (batch, width) of equal labels together and push those of others apart.

    The squared distance of each pair's cosine from 1 or 0 (Reimers & Gurevych 2019, section 3,
    https://arxiv.org/abs/1908.10084), over all pairs of the batch; equal and unequal pairs have
    the same total weight. A pair is weighted by the product of its items' weights.
    """

    def total(outputs: ModelOutput, targets: Tensor, weights: Weights) -> Tensor:
        features = functional.normalize(outputs.logits.float(), dim=-1)
        n_items = len(targets)
        rows, others = torch.triu_indices(n_items, n_items, 1, device=targets.device)  # (pairs,)
        equal = targets[rows] == targets[others]
        far = ((features @ features.T)[rows, others] - equal.float()) ** 2
        pairs = torch.ones_like(far) if weights is None else weights[rows] * weights[others]
        sums = torch.stack([(far * pairs * kind).sum() for kind in (equal, ~equal)])
        counts = torch.stack([(pairs * kind).sum() for kind in (equal, ~equal)])
        least = torch.finfo(counts.dtype).tiny
        mean = (sums / counts.clamp(min=least)).sum() / (counts > 0).sum().clamp(min=1)
        return mean * n_items

    return Loss(total, lambda targets, weights: count(targets, None), by_rows=False)


def own(objective: Objective, device: torch.device) -> Loss:
    """The model's own loss, summed over the items of the batch."""

    def total(outputs: ModelOutput, targets: Tensor, weights: Weights) -> Tensor:
        if weights is not None:
            raise ValueError("a loss that the model computes itself supports no item weights")
        return outputs.loss

    return Loss(total, count_rows)


def distillation(objective: Objective, device: torch.device) -> Loss:
    """Loss against gold answers and a teacher's outputs (`distillation_loss.py`)."""
    if objective.teaching is None:
        raise ValueError("the objective names no teacher")
    hard = objective.teaching.hard
    inner = make_loss(hard, device)
    class_weights = class_weights_of(hard, device)
    return Loss(*distilled(objective.teaching, inner.total, inner.weight, class_weights))


def class_weights_of(objective: Objective, device: torch.device) -> Tensor | None:
    """Return the weight of every label, (labels,), on a device."""
    given = objective.class_weights
    return None if given is None else torch.tensor(given, dtype=torch.float32, device=device)


def summed(losses: Tensor, weights: Weights) -> Tensor:
    """Sum losses (batch, …), each row times its item's weight."""
    if weights is None:
        return losses.sum()
    return (losses.flatten(1).sum(dim=1) if losses.ndim > 1 else losses).mul(weights).sum()


def count(targets: Tensor, weights: Weights) -> Tensor:
    """Count the target values, each times its item's weight."""
    if weights is None:
        return torch.full((), float(targets.numel()), device=targets.device)
    return weights.sum() * (targets.numel() / max(1, len(targets)))


def count_rows(targets: Tensor, weights: Weights) -> Tensor:
    """Count the items, each times its weight."""
    if weights is None:
        return torch.full((), float(len(targets)), device=targets.device)
    return weights.sum()


def soften(targets: Tensor, objective: Objective) -> Tensor:
    """Move indicators towards one half: label smoothing for independent labels.

    After Szegedy et al. 2016, section 7, https://arxiv.org/abs/1512.00567, who smooth one label
    of many.
    """
    return targets.float() * (1 - objective.label_smoothing) + objective.label_smoothing / 2


def _apart_as_indicators(
    one: ModelOutput, other: ModelOutput, targets: Tensor, weights: Weights
) -> Tensor:
    return summed(between_indicators(one.logits, other.logits), weights)


def _times_class(values: Tensor, targets: Tensor, class_weights: Tensor | None) -> Tensor:
    """Weigh each value, (batch, …), by the class weights of its target."""
    if class_weights is None:
        return values
    soft = targets.is_floating_point()
    return values * (targets @ class_weights if soft else class_weights[targets])


def _weight_of_rows(targets: Tensor, class_weights: Tensor | None, weights: Weights) -> Tensor:
    soft = targets.is_floating_point()  # probabilities (batch, labels); else ids (batch, …)
    if class_weights is None:
        return count_rows(targets, weights) if soft else count(targets, weights)
    each = targets @ class_weights if soft else class_weights[targets]
    return summed(each, weights)


def _labels_that_count(targets: Tensor) -> Tensor:
    return targets.flatten().index_select(0, labelled(targets))  # (labelled,)


def _per_label(weights: Tensor, targets: Tensor) -> Tensor:
    """Repeat the weight of every item for each of its labels, (labelled,)."""
    return weights[:, None].expand_as(targets).flatten().index_select(0, labelled(targets))


def _cross_entropy_of_real(logits: Tensor, border: Tensor, smoothing: float) -> Tensor:
    """(1 - ε) (-log p_border) + ε (mean of -log p over the real tokens), (batch,)."""
    log_p = logits.log_softmax(dim=-1)  # (batch, tokens)
    loss = -log_p.gather(1, border[:, None]).squeeze(1)
    if smoothing == 0:
        return loss
    is_real = logits > float("-inf")
    spread = -log_p.where(is_real, 0.0).sum(dim=-1) / is_real.sum(dim=-1)
    return (1 - smoothing) * loss + smoothing * spread
