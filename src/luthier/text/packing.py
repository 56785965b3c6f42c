"""From texts of tokens to blocks that are full: nothing of a text sees another one.

    segments ─► blocks of at most `max_tokens`; positions begin anew with each segment

Models that are told positions, and no padding, keep what stands in one block apart by the places
where positions begin again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from luthier.ragged import Ragged

IGNORED = -100


@dataclass(frozen=True)
class Packed:
    """Blocks of tokens: their ids, the position of each in its segment, and its label."""

    input_ids: Ragged
    position_ids: Ragged
    labels: Ragged


def shift(ids: Sequence[int], *, n_given: int = 0) -> list[int]:
    """Give each token the next one as its label; the last, and those that are given, none.

    Args:
        ids: A segment.
        n_given: So many tokens at its beginning are given, not learned.

    >>> shift([5, 6, 7, 8], n_given=2)
    [-100, 7, 8, -100]
    """
    labels = [*ids[1:], IGNORED]
    return [IGNORED if place + 1 < n_given else label for place, label in enumerate(labels)]


def cut(ids: Sequence[int], *, max_tokens: int) -> list[list[int]]:
    """Cut a long text into parts of at most `max_tokens`; each begins with the last token before.

    So every token but the first is learned once, though with less before it.

    >>> cut([1, 2, 3, 4, 5], max_tokens=3)
    [[1, 2, 3], [3, 4, 5]]
    """
    if len(ids) <= max_tokens:
        return [list(ids)]
    step = max_tokens - 1
    return [list(ids[start : start + max_tokens]) for start in range(0, len(ids) - 1, step)]


def pack(segments: Iterable[tuple[Sequence[int], Sequence[int]]], *, max_tokens: int) -> Packed:
    """Put segments (ids, labels) into blocks, in their order, as many as fit.

    Args:
        segments: None is longer than `max_tokens`.
        max_tokens: Tokens of a block.
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
