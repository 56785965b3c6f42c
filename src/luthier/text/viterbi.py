"""The best sequence of tags, where not every tag may follow every other.

Viterbi 1967, https://doi.org/10.1109/TIT.1967.1054010.
"""

from __future__ import annotations

import numpy as np

from luthier.ragged import Array, Ragged

NEVER = -1e6  # the worth of a step that may not be


def best_tags(emissions: Ragged, transitions: Array) -> Ragged:
    """Find the best sequence of tags for every row.

    Rows are worked on together, the longest first, so that the loop is over words alone.

    Args:
        emissions: What each tag is worth at each word, (words, labels) a row.
        transitions: What each step is worth, (labels + 1, labels); the last row is the start.

    Returns:
        Tag ids, (words,) a row.
    """
    n_rows, n_labels = len(emissions), transitions.shape[1]
    order = np.argsort(-emissions.lengths, kind="stable")
    lengths = emissions.lengths[order]
    starts = emissions.offsets[:-1][order]
    longest = int(lengths.max(initial=0))
    total = np.zeros((n_rows, n_labels))
    back = np.zeros((longest, n_rows, n_labels), dtype=np.int16)
    tags = np.zeros(len(emissions.values), dtype=np.int64)
    for word in range(longest):
        n_open = int((lengths > word).sum())
        said = emissions.values[starts[:n_open] + word]
        if word == 0:
            total[:n_open] = transitions[-1] + said
            continue
        paths = total[:n_open, :, None] + transitions[:-1]  # (rows, from, to)
        back[word, :n_open] = paths.argmax(axis=1)
        total[:n_open] = paths.max(axis=1) + said
    best = total.argmax(axis=1)
    for word in range(longest - 1, -1, -1):
        n_open = int((lengths > word).sum())
        tags[starts[:n_open] + word] = best[:n_open]
        if word:
            best[:n_open] = back[word, np.arange(n_open), best[:n_open]]
    return Ragged(tags, emissions.offsets)


def worth_of(allowed: Array) -> Array:
    """Turn what may follow what into worths: 0, or so little that it never happens."""
    return np.where(allowed, 0.0, NEVER)
