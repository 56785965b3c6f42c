"""What tasks need to be explained: the words of their items, and the window that decided.

Used by the codecs of tasks that read texts; `explaining/` asks them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from luthier.columns import Limits
from luthier.explanation import Words
from luthier.items import Items
from luthier.ragged import Array, Ragged
from luthier.records import Rows
from luthier.text.places import places_of, words_of


class Encoder(Protocol):
    """What encoded the rows: the part of a codec that is needed to find words again."""

    @property
    def processor(self) -> Any:
        """The tokenizer."""
        ...

    @property
    def limits(self) -> Limits | None:
        """How much of a row is read."""
        ...


def words_of_texts(
    codec: Encoder,
    texts: Sequence[str],
    roles: Sequence[str],
    items: Items,
    item: int,
    *,
    windowed: bool | None = None,
    given: Sequence[Sequence[tuple[int, int]]] | None = None,
) -> Words:
    """Find the words of an item that was made of one or two texts of a row.

    Args:
        codec: The codec that encoded the row.
        texts: The row's texts, as they were encoded.
        roles: The column of each.
        items: The encoded rows.
        item: The item.
        windowed: Whether `tokenize_windows` encoded them; None: only where rows have windows.
        given: Words of each text, where they are known.
    """
    ids = tokens_of(items, item)
    window = item - int(np.flatnonzero(items.rows == items.rows[item])[0])
    if windowed is None:
        windowed = codec.limits is not None and codec.limits.stride is not None
    return words_of_tokens(codec, texts, roles, ids, window=window, windowed=windowed, given=given)


def words_of_tokens(
    codec: Encoder,
    texts: Sequence[str],
    roles: Sequence[str],
    ids: Array,
    *,
    window: int = 0,
    windowed: bool = False,
    given: Sequence[Sequence[tuple[int, int]]] | None = None,
) -> Words:
    """Find the words of tokens that were made of one or two texts.

    Args:
        codec: The codec that encoded them.
        texts: The texts, as they were encoded.
        roles: The column of each.
        ids: The tokens, (tokens,).
        window: Number of the window that they are, from 0.
        windowed: Whether `tokenize_windows` encoded them.
        given: Words of each text, where they are known.
    """
    if codec.limits is None:
        raise ValueError("a codec that encodes rows has limits")
    made = places_of(
        codec.processor,
        texts,
        max_tokens=codec.limits.max_tokens,
        stride=codec.limits.stride,
        windowed=windowed,
    )
    if not np.array_equal(ids, made[window].ids):
        raise ValueError("the places found are those of other tokens")
    return words_of(texts, roles, made[window], given=given)


def tokens_of(items: Items, item: int) -> Array:
    """Return the tokens of an item, (tokens,)."""
    ids = items.inputs["input_ids"].values
    if not isinstance(ids, Ragged):
        raise TypeError("token ids are sequences of unequal length")
    return ids[item]


def deciding_item(items: Items, index: int, worth: Callable[[int], float]) -> tuple[int, str]:
    """Choose the window of a row that speaks most for a decision, and say which it is.

    Args:
        items: The encoded rows.
        index: The row.
        worth: Maps an item to the log-odds of the decision there.
    """
    windows = np.flatnonzero(items.rows == index)
    best = max(windows.tolist(), key=worth)
    if len(windows) == 1:
        return best, ""
    number = best - int(windows[0]) + 1
    return best, f"of {len(windows)} windows, number {number} speaks most for it and is shown"


def cut_note(items: Items, index: int) -> str:
    """Say how much of a row was not read; empty if all of it was."""
    full, kept = int(items.full_lengths[index]), int(items.kept[index])
    return f"{full - kept} of {full} tokens were not read" if kept < full else ""


def texts_at(rows: Rows, roles: Sequence[str], index: int) -> list[str]:
    """Return a row's texts, missing ones as empty strings."""
    cells = (rows[role][index] for role in roles)
    return ["" if cell is None else str(cell) for cell in cells]


def log_odds(values: Array, chosen: int) -> float:
    """Return the log-odds of one of several logits, (outputs,).

    >>> round(log_odds(np.array([1.0, 0.0]), 0), 3)
    1.0
    """
    others = np.delete(values.astype(np.float64), chosen)
    return float(values[chosen] - np.logaddexp.reduce(others))
