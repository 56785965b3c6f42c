"""The losses of `training/losses.py` in TensorFlow: a sum over the batch, and its weight.

That file defines each loss and names its source.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import tensorflow as tf
from tensorflow import Tensor

from luthier.keras_engine.backend import no_twin
from luthier.keras_engine.kinds import Tensors
from luthier.objective import Objective
from luthier.padding import IGNORED
from luthier.training.model_calls import BORDERS


@dataclass(frozen=True)
class Loss:
    """A loss as a sum and the weight of that sum.

    Args:
        total: Computes the summed loss from the twin's outputs, the labels, and the attention mask
            (batch, tokens).
        weight: Computes from the labels alone what the sum is divided by.
        decoder: Whether the labels are written by a decoder.
    """

    total: Callable[[Tensors, Tensor, Tensor], Tensor]
    weight: Callable[[Tensor], Tensor]
    decoder: bool = False


def make_loss(objective: Objective) -> Loss:
    """Make the loss of an objective.

    Raises:
        ModelError: Only PyTorch has this loss.
    """
    weights = objective.class_weights
    tensor = None if weights is None else tf.constant(weights, tf.float32)
    smoothing, gamma = objective.label_smoothing, objective.focal_gamma

    def of_ids(outputs: Tensors, labels: Tensor, _: Tensor, *, gamma: float = 0.0) -> Tensor:
        return _of_ids(outputs["logits"], labels, tensor, smoothing, gamma=gamma)

    def of_tokens(outputs: Tensors, labels: Tensor, _: Tensor) -> Tensor:
        counts = labels != IGNORED
        logits = tf.boolean_mask(outputs["logits"], counts)
        return _of_ids(logits, tf.boolean_mask(labels, counts), tensor, smoothing, gamma=0.0)

    def binary(outputs: Tensors, labels: Tensor, _: Tensor, *, gamma: float = 0.0) -> Tensor:
        return _binary(outputs["logits"], labels, tensor, smoothing, gamma=gamma)

    def squared(outputs: Tensors, labels: Tensor, _: Tensor) -> Tensor:
        return tf.reduce_sum((outputs["logits"][:, 0] - tf.cast(labels, tf.float32)) ** 2)

    def span(outputs: Tensors, labels: Tensor, mask: Tensor) -> Tensor:
        start, end = (
            _border(outputs[name], labels[:, column], mask, smoothing)
            for column, name in enumerate(BORDERS)
        )
        return (start + end) / 2

    def rows(labels: Tensor) -> Tensor:
        return tf.cast(tf.shape(labels)[0], tf.float32)

    def entries(labels: Tensor) -> Tensor:
        return tf.cast(tf.size(labels), tf.float32)

    def weight_of_ids(labels: Tensor) -> Tensor:
        return rows(labels) if tensor is None else tf.reduce_sum(tf.gather(tensor, labels))

    def weight_of_tokens(labels: Tensor) -> Tensor:
        counts = labels != IGNORED
        if tensor is None:
            return tf.maximum(tf.reduce_sum(tf.cast(counts, tf.float32)), 1.0)
        return tf.reduce_sum(tf.gather(tensor, tf.boolean_mask(labels, counts)))

    losses = {
        "cross-entropy": Loss(of_ids, weight_of_ids),
        "focal": Loss(partial(of_ids, gamma=gamma), weight_of_ids),
        "binary-cross-entropy": Loss(binary, entries),
        "binary-focal": Loss(partial(binary, gamma=gamma), entries),
        "mean-squared-error": Loss(squared, entries),
        "token-cross-entropy": Loss(of_tokens, weight_of_tokens),
        "sequence-to-sequence": Loss(of_tokens, weight_of_tokens, decoder=True),
        "span": Loss(span, rows),
    }
    if objective.name not in losses:
        raise no_twin("this loss", f"engine=tensorflow and the loss {objective.name}")
    return losses[objective.name]


def _of_ids(
    logits: Tensor, labels: Tensor, weights: Tensor | None, smoothing: float, *, gamma: float
) -> Tensor:
    """Sum -Σ_c w_c q_c (1 - p_c)^γ log p_c, with q the smoothed one-hot target."""
    log_p = tf.nn.log_softmax(tf.cast(logits, tf.float32))
    n_labels = log_p.shape[-1]
    if weights is None and smoothing == 0 and not gamma:  # no one-hot: vocabularies are long
        return -tf.reduce_sum(tf.gather(log_p, tf.cast(labels, tf.int32), batch_dims=1))
    target = tf.one_hot(labels, n_labels) * (1 - smoothing) + smoothing / n_labels
    each = -target * log_p  # (rows, labels)
    if gamma:
        each *= (1 - tf.exp(log_p)) ** gamma
    return tf.reduce_sum(each if weights is None else each * weights)


def _binary(
    logits: Tensor, labels: Tensor, weights: Tensor | None, smoothing: float, *, gamma: float
) -> Tensor:
    """Sum the binary losses of the labels; class weights apply to the positive part alone."""
    target = tf.cast(labels, tf.float32) * (1 - smoothing) + smoothing / 2
    log_p, log_not_p = tf.math.log_sigmoid(logits), tf.math.log_sigmoid(-logits)
    positive, negative = target * log_p, (1 - target) * log_not_p
    if gamma:
        positive *= tf.exp(log_not_p) ** gamma
        negative *= tf.exp(log_p) ** gamma
    return -tf.reduce_sum((positive if weights is None else positive * weights) + negative)


def _border(logits: Tensor, border: Tensor, mask: Tensor, smoothing: float) -> Tensor:
    """Sum the cross-entropies of one end of the span; the softmax skips padding."""
    real = tf.cast(mask, tf.bool)
    log_p = tf.nn.log_softmax(tf.where(real, logits, -1e30))  # (batch, tokens)
    loss = -tf.gather(log_p, tf.cast(border, tf.int32), batch_dims=1)
    if smoothing:
        spread = -tf.reduce_sum(tf.where(real, log_p, 0.0), axis=-1)
        spread /= tf.reduce_sum(tf.cast(mask, tf.float32), axis=-1)
        loss = (1 - smoothing) * loss + smoothing * spread
    return tf.reduce_sum(loss)
