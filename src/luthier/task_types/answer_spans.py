"""Answers as tokens of windows, and back as characters of the whole text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from luthier.items import Items
from luthier.ragged import Array, Ragged
from luthier.text.windows import Windows


def label_windows(made: Windows, nulls: Array, spans: Sequence[Sequence[tuple[int, int]]]) -> Array:
    """Find the first and last token of each row's first answer in every window of the row.

    Args:
        made: The windows.
        nulls: The token of each window that stands for no answer, (windows,).
        spans: Characters of the answers of every row; only the first is learned.

    Returns:
        (windows, 2) tokens; twice the token of no answer where a window lacks part of the answer.
    """
    labels = np.repeat(nulls[:, None], 2, axis=1)
    for window, row in enumerate(made.row_of):
        if not len(spans[row]):
            continue
        first, past = spans[row][0]
        span, inside = made.spans[window], made.places[window] >= 0
        covers = inside & (span[:, 1] > first) & (span[:, 0] < past)
        places = np.flatnonzero(covers)
        if not len(places):
            continue
        texts = np.flatnonzero(inside)
        begins = span[places[0], 0] <= first or places[0] > texts[0]
        ends = span[places[-1], 1] >= past or places[-1] < texts[-1]
        if begins and ends:
            labels[window] = places[0], places[-1]
    return labels


@dataclass(frozen=True)
class AnswerLayout:
    """What the tokens of every window stand for.

    Args:
        spans: Characters of every token in its context, (tokens, 2) per window.
        places: Place of every token in its context, -1 for others, (tokens,) per window.
        nulls: Token of every window that stands for no answer, (windows,).
    """

    spans: Ragged
    places: Ragged
    nulls: Array


def best_spans(
    inferred: Ragged, items: Items, n_rows: int, *, n_best: int, max_tokens: int
) -> Array:
    """Find the best answers of every row over all its windows.

    The score of an answer is the sum of the logits of its first and last token. The score of no
    answer is the lowest of the row's windows.

    Args:
        inferred: Logits of every token as a start and as an end, (tokens, 2) per window.
        items: The windows; their layout maps tokens to characters.
        n_rows: Number of rows.
        n_best: Number of answers kept per row.
        max_tokens: Most tokens that an answer may have.

    Returns:
        (rows, 1 + n_best, 3): first character, one past the last, score; none comes first.
    """
    layout: AnswerLayout = items.layout
    found = np.full((n_rows, 1 + n_best, 3), -1.0)
    found[:, 1:, 2] = -1e4
    found[:, 0, 2] = np.inf
    candidates: list[list[tuple[float, int, int]]] = [[] for _ in range(n_rows)]
    for window, row in enumerate(items.rows.tolist()):
        logits, span = inferred[window], layout.spans[window]
        null = int(layout.nulls[window])
        found[row, 0, 2] = min(found[row, 0, 2], float(logits[null].sum()))
        texts = np.flatnonzero((layout.places[window] >= 0) & (span[:, 1] > span[:, 0]))
        starts = texts[np.argsort(-logits[texts, 0], kind="stable")[:n_best]]
        ends = texts[np.argsort(-logits[texts, 1], kind="stable")[:n_best]]
        length = ends[None, :] - starts[:, None] + 1  # of every pair, (starts, ends)
        score = logits[starts, 0][:, None] + logits[ends, 1][None, :]  # (starts, ends)
        for a, b in np.argwhere((length > 0) & (length <= max_tokens)):
            candidates[row].append(
                (float(score[a, b]), int(span[starts[a], 0]), int(span[ends[b], 1]))
            )
    for row, all_of_row in enumerate(candidates):
        seen: set[tuple[int, int]] = set()
        for score, first, past in sorted(all_of_row, key=lambda one: (-one[0], one[1], one[2])):
            if (first, past) not in seen:
                seen.add((first, past))
                found[row, len(seen)] = first, past, score
            if len(seen) == n_best:
                break
    found[np.isinf(found)] = 0.0
    return found
