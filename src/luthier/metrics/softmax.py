"""Probabilities from logits, without SciPy, which is slow to import where one text is asked."""

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
