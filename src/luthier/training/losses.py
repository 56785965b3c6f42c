"""The losses, by the names that an `Objective` carries.

Each gives a sum over the batch and the weight of that sum, never a mean: only then does the mean
over several accumulated batches equal the mean over one large batch, however unequal their sizes.
Next: `loop.py`, which divides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from luthier.models.crf import negative_log_likelihood
from luthier.models.speedups.host_copies import derived, where
from luthier.records import Objective
from luthier.training.distillation_loss import Total, Weight, distilled

IGNORED = -100  # the label of tokens that do not count
BORDERS = ("start_logits", "end_logits")  # of answers


@dataclass(frozen=True)
class Loss:
    """A loss as a sum and the weight of that sum.

    Args:
        total: From what the model said and the labels ((batch,) ids or numbers, (batch, outputs)
            indicators, (batch, tokens) ids, (batch, 2) borders) to the summed loss.
        weight: From the labels alone to what the sum is to be divided by.
        decoder: Whether the model is an encoder-decoder that learns to say the labels.
        by_rows: Whether the sum is one over rows, each by itself.
    """

    total: Total
    weight: Weight
    decoder: bool = False
    by_rows: bool = True


def run_model(model: Any, batch: dict[str, Tensor], *, decoder: bool = False) -> Any:
    """Run a model on a batch without its labels; a decoder is given them, shifted by one.

    Transformers keeps texts of one block apart by their positions, but only where no cache is kept.
    What stands after a row's last label reaches no label, so it is padding to a decoder. No answer
    begins or ends in padding: scores of such borders are -∞.
    """
    inputs: dict[str, Any] = {name: one for name, one in batch.items() if name != "labels"}
    if "position_ids" in inputs:
        inputs["use_cache"] = False
    if decoder:
        inner = getattr(model, "module", model)  # inside a wrapper for several processes
        labels = batch["labels"]
        inputs["decoder_input_ids"] = inner.prepare_decoder_input_ids_from_labels(labels=labels)
        inputs["decoder_attention_mask"] = derived(labels, _until_last)
    said = model(**inputs)
    real = batch.get("attention_mask")
    for name in BORDERS:
        scores = getattr(said, name, None)
        if scores is not None and real is not None and scores.shape == real.shape:
            setattr(said, name, scores.masked_fill(~real.bool(), float("-inf")))
    return said


def _until_last(labels: Tensor) -> Tensor:
    """Mark all tokens up to the last that has a label, and the first one, (batch, tokens)."""
    kept = (labels != IGNORED).flip(1).cumsum(dim=1).flip(1) > 0
    kept[:, 0] = True
    return kept.long()


def outputs_of(said: Any) -> list[Tensor]:
    """Give what a model said, by the fields that heads have for it."""
    names = ("logits", *BORDERS)
    return [one for name in names if (one := getattr(said, name, None)) is not None]


def outputs_that_count(said: Any, batch: dict[str, Tensor], *, decoder: bool) -> list[Tensor]:
    """Give what a model said, without what it said of padding.

    Args:
        said: By the model.
        batch: Of what.
        decoder: Whether it is said of the labels rather than of the text.
    """
    labels = batch["labels"]
    real = _until_last(labels) if decoder else batch["attention_mask"]
    borders = [one for name in BORDERS if (one := getattr(said, name, None)) is not None]
    logits = getattr(said, "logits", None)
    if logits is not None and logits.ndim == 3 and logits.shape[:2] == real.shape:
        return [logits[real.bool()]]
    kept = [one[real.bool()] if one.shape == real.shape else one for one in borders]
    return kept if logits is None else [logits, *kept]


def at_labels(logits: Tensor, labels: Tensor) -> Tensor:
    """Give the logits of tokens that have a label, (labelled, outputs).

    Args:
        logits: (batch, tokens, outputs); or (1, labelled, outputs), of a head that saw no others.
        labels: (batch, tokens).
    """
    if logits.shape[:2] != labels.shape:
        return logits[0]
    return logits.flatten(0, 1).index_select(0, labelled(labels))


def labelled(labels: Tensor) -> Tensor:
    """Say which of all tokens have a label, (labelled,)."""
    return where(labels, lambda one: one != IGNORED)


def true_labels(labels: Tensor) -> Tensor:
    """Give the labels that count, (labelled,)."""
    return labels.flatten().index_select(0, labelled(labels))


def make_loss(objective: Objective, device: torch.device) -> Loss:
    """Make the loss of an objective, its class weights on `device`."""
    if objective.teaching is not None:  # `distillation`, around the loss of the true answers
        hard = objective.teaching.hard
        inner, tensor = make_loss(hard, device), _tensor_of(hard.class_weights, device)
        return Loss(*distilled(objective.teaching, inner.total, inner.weight, tensor))
    tensor = _tensor_of(objective.class_weights, device)
    totals: dict[str, tuple[Callable[[Objective, Tensor | None], Total], Weight]] = {
        "cross-entropy": (_cross_entropy, lambda labels: _weight_of_rows(labels, tensor)),
        "focal": (_focal, lambda labels: _weight_of_rows(labels, tensor)),
        "binary-cross-entropy": (_binary_cross_entropy, _count),
        "binary-focal": (_binary_focal, _count),
        "mean-squared-error": (_squared_error, _count),
        "token-cross-entropy": (
            _token_cross_entropy,
            lambda labels: _weight_of_tokens(labels, tensor),
        ),
        "sequence-to-sequence": (_token_cross_entropy, _count_tokens),
        "span": (_span, _count_rows),
        "crf": (_crf, _count_rows),
        "contrastive": (_contrastive, _count),
        "own": (_own, _count_rows),
    }
    make_total, weight = totals[objective.name]
    return Loss(
        make_total(objective, tensor),
        weight,
        decoder=objective.name == "sequence-to-sequence",
        by_rows=objective.name != "contrastive",
    )


def _tensor_of(weights: tuple[float, ...] | None, device: torch.device) -> Tensor | None:
    return None if weights is None else torch.tensor(weights, dtype=torch.float32, device=device)


def _weight_of_rows(labels: Tensor, weights: Tensor | None) -> Tensor:
    return _count(labels) if weights is None else weights[labels].sum()


def _count(labels: Tensor) -> Tensor:
    return torch.full((), float(labels.numel()), device=labels.device)


def _count_rows(labels: Tensor) -> Tensor:
    return torch.full((), float(len(labels)), device=labels.device)


def _count_tokens(labels: Tensor) -> Tensor:
    return (labels != IGNORED).sum().float().clamp(min=1)


def _weight_of_tokens(labels: Tensor, weights: Tensor | None) -> Tensor:
    if weights is None:
        return _count_tokens(labels)
    return weights[true_labels(labels)].sum()


def _token_cross_entropy(objective: Objective, weights: Tensor | None) -> Total:
    """Sum over the tokens that have a label; logits (batch, tokens, labels), or of these alone."""

    def total(said: Any, labels: Tensor) -> Tensor:
        return functional.cross_entropy(
            at_labels(said.logits, labels).float(),  # vocabularies are long
            true_labels(labels),
            weight=weights,
            label_smoothing=objective.label_smoothing,
            reduction="sum",
        )

    return total


def _span(objective: Objective, weights: Tensor | None) -> Total:
    """Average the cross-entropies of the first and the last token, as Devlin et al. 2018 (4.2).

    The softmax is over the tokens of the row itself: padding, whose scores are -∞, has no part in
    it nor in the smoothing of labels. So what a row costs does not depend on those beside it.
    """
    smoothing = objective.label_smoothing

    def total(said: Any, labels: Tensor) -> Tensor:
        both = [
            _cross_entropy_of_real(getattr(said, name).float(), labels[:, column], smoothing)
            for column, name in enumerate(BORDERS)
        ]
        return (both[0] + both[1]) / 2

    return total


def _cross_entropy_of_real(logits: Tensor, border: Tensor, smoothing: float) -> Tensor:
    """Sum (1 - ε) (-log p_border) + ε (mean of -log p over the tokens that are there)."""
    log_p = logits.log_softmax(dim=-1)  # (batch, tokens)
    loss = -log_p.gather(1, border[:, None]).sum()
    if smoothing == 0:
        return loss
    is_real = logits > float("-inf")
    spread = -log_p.where(is_real, 0.0).sum(dim=-1) / is_real.sum(dim=-1)
    return (1 - smoothing) * loss + smoothing * spread.sum()


def _crf(objective: Objective, weights: Tensor | None) -> Total:
    """Sum the negative log likelihoods that a CRF head gives whole label sequences."""

    def total(said: Any, labels: Tensor) -> Tensor:
        return negative_log_likelihood(said.transitions, said.logits.float(), labels)

    return total


def _contrastive(objective: Objective, weights: Tensor | None) -> Total:
    """Pull features (batch, width) of one label together and those of two apart, pair by pair.

    The squared distance of each pair's cosine from 1 or 0 (Reimers & Gurevych 2019, section 3,
    https://arxiv.org/abs/1908.10084), over all pairs of the batch; equal and unequal pairs weigh
    the same, however many there are.
    """

    def total(said: Any, labels: Tensor) -> Tensor:
        features = functional.normalize(said.logits.float(), dim=-1)
        rows, others = torch.triu_indices(len(labels), len(labels), 1, device=labels.device)
        cosines = (features @ features.T)[rows, others]
        equal = labels[rows] == labels[others]
        far = (cosines - equal.float()) ** 2
        sums = torch.stack([(far * kind).sum() for kind in (equal, ~equal)])
        counts = torch.stack([kind.sum() for kind in (equal, ~equal)])
        mean = (sums / counts.clamp(min=1)).sum() / (counts > 0).sum().clamp(min=1)
        return mean * len(labels)

    return total


def _own(objective: Objective, weights: Tensor | None) -> Total:
    """Take the loss that the model itself gives, summed over the items of the batch."""

    def total(said: Any, labels: Tensor) -> Tensor:
        return said.loss

    return total


def _cross_entropy(objective: Objective, weights: Tensor | None) -> Total:
    def total(said: Any, labels: Tensor) -> Tensor:
        return functional.cross_entropy(
            said.logits.float(),
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

    def total(said: Any, labels: Tensor) -> Tensor:
        log_p = functional.log_softmax(said.logits.float(), dim=-1)  # (batch, labels)
        n_labels = log_p.shape[-1]
        target = functional.one_hot(labels, n_labels).to(log_p)
        target = target * (1 - objective.label_smoothing) + objective.label_smoothing / n_labels
        per_label = -target * (1 - log_p.exp()) ** objective.focal_gamma * log_p
        return per_label.sum() if weights is None else (per_label * weights).sum()

    return total


def _binary_cross_entropy(objective: Objective, weights: Tensor | None) -> Total:
    def total(said: Any, labels: Tensor) -> Tensor:
        return functional.binary_cross_entropy_with_logits(
            said.logits.float(), _soften(labels, objective), pos_weight=weights, reduction="sum"
        )

    return total


def _binary_focal(objective: Objective, weights: Tensor | None) -> Total:
    """Focal loss of each label by itself, as in the paper's detector."""

    def total(said: Any, labels: Tensor) -> Tensor:
        target = _soften(labels, objective)
        positive = functional.logsigmoid(said.logits.float())
        negative = functional.logsigmoid(-said.logits.float())
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
    def total(said: Any, labels: Tensor) -> Tensor:
        return ((said.logits.float().squeeze(-1) - labels.float()) ** 2).sum()

    return total
