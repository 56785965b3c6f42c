"""Packs tokenized texts into full blocks in which no text attends to another.

    segments ─► blocks of at most `max_tokens`; positions restart with each segment

A model that gets positions and no padding mask separates the segments of a block where the
positions restart.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from luthier.ragged import Ragged

IGNORED = -100


@dataclass(frozen=True)
class Packed:
    """Blocks of tokens: the id of each token, its position in its segment, and its label."""

    input_ids: Ragged
    position_ids: Ragged
    labels: Ragged


def shift(ids: Sequence[int], *, n_given: int = 0) -> list[int]:
    """Label each token with its successor; the last token and given tokens get no label.

    Args:
        ids: The token ids of a segment.
        n_given: Number of tokens at its beginning that are given and not learned, such as a prompt.

    >>> shift([5, 6, 7, 8], n_given=2)
    [-100, 7, 8, -100]
    """
    labels = [*ids[1:], IGNORED]
    return [IGNORED if place + 1 < n_given else label for place, label in enumerate(labels)]


def cut(ids: Sequence[int], *, max_tokens: int) -> list[list[int]]:
    """Cut a long text into parts of at most `max_tokens`, which overlap by one token.

    So every token but the first is predicted exactly once, though from a shorter context.

    >>> cut([1, 2, 3, 4, 5], max_tokens=3)
    [[1, 2, 3], [3, 4, 5]]
    """
    if len(ids) <= max_tokens:
        return [list(ids)]
    step = max_tokens - 1
    return [list(ids[start : start + max_tokens]) for start in range(0, len(ids) - 1, step)]


def pack(segments: Iterable[tuple[Sequence[int], Sequence[int]]], *, max_tokens: int) -> Packed:
    """Fill blocks with segments, in their order, as many as fit.

    Args:
        segments: The ids and labels of each segment; none is longer than `max_tokens`.
        max_tokens: Number of tokens that a block can hold.
    """
    ids: list[list[int]] = []
    positions: list[list[int]] = []
    labels: list[list[int]] = []
    for given, wanted in segments:
        if not ids or len(ids[-1]) + len(given) > max_tokens:
            ids.append([])
            positions.append([])
            labels.append([])
        ids[-1] += given
        positions[-1] += range(len(given))
        labels[-1] += wanted
    return Packed(Ragged.of(ids), Ragged.of(positions), Ragged.of(labels))
