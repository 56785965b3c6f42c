"""The losses of `training/losses.py`, in TensorFlow: a sum over the batch, and its weight.

What a loss is and where it comes from is told there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from luthier.errors import ModelError
from luthier.objective import Objective
from luthier.padding import IGNORED
from luthier.training.model_calls import BORDERS

Said = Mapping[str, Any]


@dataclass(frozen=True)
class Loss:
    """A loss as a sum and the weight of that sum.

    Args:
        total: From what the twin said, the labels and the mask (batch, tokens) of what is no
            padding to the summed loss.
        weight: From the labels alone to what the sum is to be divided by.
        decoder: Whether the model learns to say the labels.
    """

    total: Callable[[Said, Any, Any], Any]
    weight: Callable[[Any], Any]
    decoder: bool = False


def make_loss(objective: Objective) -> Loss:
    """Make the loss of an objective.

    Raises:
        ModelError: It is PyTorch's alone.
    """
    weights = objective.class_weights
    tensor = None if weights is None else tf.constant(weights, tf.float32)
    smoothing, gamma = objective.label_smoothing, objective.focal_gamma

    def of_ids(said: Said, labels: Any, _: Any) -> Any:
        return _of_ids(said["logits"], labels, tensor, smoothing)

    def focal(said: Said, labels: Any, _: Any) -> Any:
        return _of_ids(said["logits"], labels, tensor, smoothing, gamma=gamma)

    def of_tokens(said: Said, labels: Any, _: Any) -> Any:
        counts = labels != IGNORED
        logits = tf.boolean_mask(said["logits"], counts)
        return _of_ids(logits, tf.boolean_mask(labels, counts), tensor, smoothing)

    def yes_or_no(said: Said, labels: Any, _: Any) -> Any:
        return _yes_or_no(said["logits"], labels, tensor, smoothing, gamma=0.0)

    def yes_or_no_focal(said: Said, labels: Any, _: Any) -> Any:
        return _yes_or_no(said["logits"], labels, tensor, smoothing, gamma=gamma)

    def squared(said: Said, labels: Any, _: Any) -> Any:
        errors = said["logits"][:, 0] - tf.cast(labels, tf.float32)
        return tf.reduce_sum(errors**2)

    def span(said: Said, labels: Any, mask: Any) -> Any:
        both = [
            _border(said[name], labels[:, column], mask, smoothing)
            for column, name in enumerate(BORDERS)
        ]
        return (both[0] + both[1]) / 2

    def rows(labels: Any) -> Any:
        return tf.cast(tf.shape(labels)[0], tf.float32)

    def all_of_them(labels: Any) -> Any:
        return tf.cast(tf.size(labels), tf.float32)

    def weight_of_ids(labels: Any) -> Any:
        return rows(labels) if tensor is None else tf.reduce_sum(tf.gather(tensor, labels))

    def weight_of_tokens(labels: Any) -> Any:
        counts = labels != IGNORED
        if tensor is None:
            return tf.maximum(tf.reduce_sum(tf.cast(counts, tf.float32)), 1.0)
        return tf.reduce_sum(tf.gather(tensor, tf.boolean_mask(labels, counts)))

    losses = {
        "cross-entropy": Loss(of_ids, weight_of_ids),
        "focal": Loss(focal, weight_of_ids),
        "binary-cross-entropy": Loss(yes_or_no, all_of_them),
        "binary-focal": Loss(yes_or_no_focal, all_of_them),
        "mean-squared-error": Loss(squared, all_of_them),
        "token-cross-entropy": Loss(of_tokens, weight_of_tokens),
        "sequence-to-sequence": Loss(of_tokens, weight_of_tokens, decoder=True),
        "span": Loss(span, rows),
    }
    if objective.name not in losses:
        raise ModelError(
            "This loss is PyTorch's alone.",
            received=f"engine=tensorflow and the loss {objective.name}",
            hint="engine=torch",
        )
    return losses[objective.name]


def _of_ids(
    logits: Any, labels: Any, weights: Any, smoothing: float, *, gamma: float | None = None
) -> Any:
    """Sum -Σ_c w_c q_c (1 - p_c)^γ log p_c, with q the smoothed one-hot target."""
    log_p = tf.nn.log_softmax(tf.cast(logits, tf.float32))
    n_labels = log_p.shape[-1]
    if weights is None and smoothing == 0 and gamma is None:  # vocabularies are long
        return -tf.reduce_sum(tf.gather(log_p, tf.cast(labels, tf.int32), batch_dims=1))
    target = tf.one_hot(labels, n_labels) * (1 - smoothing) + smoothing / n_labels
    each = -target * log_p
    if gamma is not None:
        each *= (1 - tf.exp(log_p)) ** gamma
    return tf.reduce_sum(each if weights is None else each * weights)


def _yes_or_no(logits: Any, labels: Any, weights: Any, smoothing: float, *, gamma: float) -> Any:
    """Sum the losses of each label by itself; weights are of those that are there."""
    target = tf.cast(labels, tf.float32) * (1 - smoothing) + smoothing / 2
    there, gone = tf.math.log_sigmoid(logits), tf.math.log_sigmoid(-logits)
    gain, other = target * there, (1 - target) * gone
    if gamma:
        gain, other = gain * tf.exp(gone) ** gamma, other * tf.exp(there) ** gamma
    return -tf.reduce_sum((gain if weights is None else gain * weights) + other)


def _border(logits: Any, border: Any, mask: Any, smoothing: float) -> Any:
    """Sum the cross-entropies of one border; the softmax is over the row's own tokens."""
    real = tf.cast(mask, tf.bool)
    log_p = tf.nn.log_softmax(tf.where(real, logits, -1e30))
    loss = -tf.gather(log_p, tf.cast(border, tf.int32), batch_dims=1)
    if smoothing:
        spread = -tf.reduce_sum(tf.where(real, log_p, 0.0), axis=-1)
        spread /= tf.reduce_sum(tf.cast(mask, tf.float32), axis=-1)
        loss = (1 - smoothing) * loss + smoothing * spread
    return tf.reduce_sum(loss)
