"""The mean of several models' calibrated answers, as the outputs of one model.

Each model's logits are divided by its own temperature before they become probabilities, so that
one that is too sure of itself has no more say than it deserves (Guo et al. 2017, section 4.2,
https://arxiv.org/abs/1706.04599). The logarithms of the mean probabilities are logits again, and
are decoded like any. Numbers have no probabilities: they are averaged as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from luthier.metrics.softmax import softmax
from luthier.ragged import Array
from luthier.records import Outputs, Target

DOCUMENTS = {"ensemble": "the models that answer together, and how they do on the test rows"}
LEAST = 1e-12  # probability of which a logarithm is taken


@dataclass(frozen=True)
class Voice:
    """What one model said.

    Args:
        outputs: Its outputs of all rows.
        target: What it predicts: its own labels, or unit.
        temperature: Divisor of its logits.
    """

    outputs: Outputs
    target: Target
    temperature: float


def mean_of(voices: Sequence[Voice], target: Target) -> Outputs:
    """Average what several models said of the same rows.

    Args:
        voices: The models' outputs; what a model has no label for, it gives no probability.
        target: What they predict together.

    Returns:
        Outputs that the task decodes with `target`.
    """
    return AVERAGED[target.kind](voices, target)


def _labels(voices: Sequence[Voice], target: Target) -> Array:
    """Average shares of one label among all, (rows, labels)."""
    shares = [
        in_order(softmax(one.outputs / one.temperature), one.target.names, target.names)
        for one in voices
    ]
    return _log(np.mean(shares, axis=0))


def _indicators(voices: Sequence[Voice], target: Target) -> Array:
    """Average probabilities of independent labels, (rows, labels)."""
    given = [
        in_order(sigmoid(one.outputs / one.temperature), one.target.names, target.names)
        for one in voices
    ]
    mean = np.mean(given, axis=0)
    return _log(mean) - _log(1 - mean)


def _numbers(voices: Sequence[Voice], target: Target) -> Array:
    """Average numbers, in the unit of `target`, (rows, 1)."""
    numbers = [one.outputs * one.target.scale + one.target.mean for one in voices]
    mean: Array = (np.mean(numbers, axis=0) - target.mean) / target.scale
    return mean


def _tags(voices: Sequence[Voice], target: Target) -> Outputs:
    """Average shares of one tag among all, for the tokens of every row."""
    tokens = [replace(one, outputs=one.outputs.logits.values) for one in voices]
    first = voices[0].outputs
    return replace(first, logits=replace(first.logits, values=_labels(tokens, target)))


AVERAGED: Mapping[str, Callable[[Sequence[Voice], Target], Outputs]] = {
    "single-label": _labels,
    "multi-label": _indicators,
    "number": _numbers,
    "tags": _tags,
}


def sigmoid(logits: Array) -> Array:
    """Return 1 / (1 + exp(-x)).

    >>> sigmoid(np.array([0.0, -800.0, 800.0])).tolist()
    [0.5, 0.0, 1.0]
    """
    return softmax(np.stack([logits, np.zeros_like(logits)], axis=-1))[..., 0]


def in_order(shares: Array, own: Sequence[str], names: Sequence[str]) -> Array:
    """Put the columns of a model's labels, (rows, labels), in another order; 0 for unknown ones."""
    if tuple(own) == tuple(names):
        return shares
    place = {name: number for number, name in enumerate(own)}
    columns = [
        shares[:, place[name]] if name in place else np.zeros(len(shares), shares.dtype)
        for name in names
    ]
    return np.stack(columns, axis=1)


def _log(shares: Array) -> Array:
    logs: Array = np.log(np.maximum(shares, LEAST)).astype(np.float32)
    return logs
