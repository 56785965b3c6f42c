"""Which labels are probably wrong, by confident learning (Northcutt et al. 2021).

https://arxiv.org/abs/1911.00068. A row is thought to be of another label if that has a probability
as high as rows that have it usually get. What is given and what is thought are counted; beside the
diagonal stand the labels that are probably wrong. Probabilities must come from models that did not
learn from the row.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from luthier.ragged import Array


@dataclass(frozen=True)
class LabelNoise:
    """What probabilities say of the labels that were given.

    Args:
        quality: Probability of the given label, (rows,): near 0, it is probably wrong.
        suggested: What a suspect row is thought to be; of others the likeliest label, (rows,).
        is_suspect: Whether another label is as sure as rows that have it are, (rows,).
        share: Estimated share of wrong labels.
        joint: Estimated number of rows by given and true label, (labels, labels).
    """

    quality: Array
    suggested: Array
    is_suspect: Array
    share: float
    joint: Array


def label_noise(given: Array, probabilities: Array) -> LabelNoise:
    """Compare the labels that were given with out-of-fold probabilities.

    Args:
        given: Label ids, (rows,).
        probabilities: Probability of each label, (rows, labels), in the order of the ids.

    >>> given = np.array([0, 0, 0, 1, 1, 1])
    >>> sure = np.array([0.9, 0.8, 0.1, 0.1, 0.2, 0.1])  # of label 0
    >>> found = label_noise(given, np.stack([sure, 1 - sure], axis=1))
    >>> found.is_suspect.tolist(), int(found.suggested[2])
    ([False, False, True, False, False, False], 1)
    """
    rows, n_labels = np.arange(len(given)), probabilities.shape[1]
    counts = np.bincount(given, minlength=n_labels)
    own = probabilities[rows, given]
    thresholds = np.bincount(given, own, n_labels) / np.maximum(counts, 1)
    is_sure = (probabilities >= thresholds - 1e-12) & (counts > 0)
    thought = np.where(is_sure, probabilities, -1.0).argmax(axis=1)
    counted = is_sure.any(axis=1)
    confident = np.zeros((n_labels, n_labels))
    np.add.at(confident, (given[counted], thought[counted]), 1.0)
    totals = confident.sum(axis=1, keepdims=True)
    shares = np.where(totals > 0, confident / np.maximum(totals, 1), np.eye(n_labels))
    joint = shares * counts[:, None]
    is_suspect = counted & (thought != given)
    return LabelNoise(
        own,
        np.where(is_suspect, thought, probabilities.argmax(axis=1)),
        is_suspect,
        float(1 - np.trace(joint) / max(1, len(given))),
        joint,
    )
