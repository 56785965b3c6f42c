"""Probabilities from logits without SciPy, which is slow to import and may be absent."""

from __future__ import annotations

import numpy as np

from luthier.ragged import Array


def softmax(logits: Array) -> Array:
    """Return exp(logits) over their sum along the last axis, in the logits' own shape and type.

    >>> softmax(np.array([[0.0, 0.0], [0.0, np.log(3.0)]]))
    array([[0.5 , 0.5 ],
           [0.25, 0.75]])
    """
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))  # largest 1: never too large
    shares: Array = raised / raised.sum(axis=-1, keepdims=True)
    return shares


def log_softmax(logits: Array) -> Array:
    """Return the logarithm of `softmax`, without its underflow.

    >>> log_softmax(np.array([0.0, 0.0])).round(3)
    array([-0.693, -0.693])
    """
    below = logits - logits.max(axis=-1, keepdims=True)
    logs: Array = below - np.log(np.exp(below).sum(axis=-1, keepdims=True))
    return logs


def sigmoid(logits: Array) -> Array:
    """Return 1 / (1 + exp(-logits)), in the logits' own shape and type.

    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])
    """
    small = np.exp(-np.abs(logits))  # never too large
    shares: Array = np.where(logits >= 0, 1, small) / (1 + small)
    return shares.astype(logits.dtype, copy=False)
