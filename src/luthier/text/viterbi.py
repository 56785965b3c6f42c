"""Finds the best sequence of tags when some tags may not follow others.

Viterbi 1967, https://doi.org/10.1109/TIT.1967.1054010.
"""

from __future__ import annotations

import numpy as np

from luthier.ragged import Array, Ragged

NEVER = -1e6  # the score of a transition that is not allowed


def best_tags(emissions: Ragged, transitions: Array) -> Ragged:
    """Find the highest-scoring sequence of tags for every row.

    Rows are processed together, sorted by length, so that the only Python loop is over words.

    Args:
        emissions: The score of each tag at each word, (words, labels) for each row.
        transitions: The score of each transition, (labels + 1, labels): from tag i in row i, from
            the start of the sentence in the last row.

    Returns:
        Tag ids, (words,) for each row.
    """
    n_rows, n_labels = len(emissions), transitions.shape[1]
    order = np.argsort(-emissions.lengths, kind="stable")  # longest rows first
    lengths = emissions.lengths[order]
    starts = emissions.offsets[:-1][order]
    longest = int(lengths.max(initial=0))
    total = np.zeros((n_rows, n_labels))  # score of the best path that ends in each tag
    back = np.zeros((longest, n_rows, n_labels), dtype=np.int16)
    tags = np.zeros(len(emissions.values), dtype=np.int64)
    for word in range(longest):
        n_open = int(
            (lengths > word).sum()
        )  # rows with this word: the first ones, as they are sorted
        emitted = emissions.values[starts[:n_open] + word]  # (rows, labels)
        if word == 0:
            total[:n_open] = transitions[-1] + emitted
            continue
        paths = total[:n_open, :, None] + transitions[:-1]  # (rows, from, to)
        back[word, :n_open] = paths.argmax(axis=1)
        total[:n_open] = paths.max(axis=1) + emitted
    best = total.argmax(axis=1)  # (rows,); traced back below, from the last word to the first
    for word in range(longest - 1, -1, -1):
        n_open = int((lengths > word).sum())
        tags[starts[:n_open] + word] = best[:n_open]
        if word:
            best[:n_open] = back[word, np.arange(n_open), best[:n_open]]
    return Ragged(tags, emissions.offsets)


def worth_of(allowed: Array) -> Array:
    """Score transitions: 0 if allowed, else so low that they never win."""
    return np.where(allowed, 0.0, NEVER)
