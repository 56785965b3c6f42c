"""From flat token ids to padded batches: each is as wide as its longest row, and no wider."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from luthier.records import Array, Batch, Ragged

IGNORED = -100  # the label of tokens that do not count, as in Transformers


def pad(
    inputs: Mapping[str, Ragged | Array],
    indices: Array,
    *,
    tokenizer: Any,
    side: str | None = None,
) -> Batch:
    """Take rows and pad them to the longest of them, on the tokenizer's side.

    Args:
        inputs: Model argument to sequences (items, tokens), or to dense values, which are taken.
            `labels` are padded with -100.
        indices: Which items, (batch,).
        tokenizer: Says with what to pad, and on which side.
        side: On which side instead, `left` or `right`.

    Returns:
        The inputs as (batch, tokens) int64, and `attention_mask`: 1 where there is a token.
    """
    fill = {
        "input_ids": tokenizer.pad_token_id,
        "token_type_ids": getattr(tokenizer, "pad_token_type_id", 0),
        "labels": IGNORED,
    }
    batch: Batch = {}
    for name, values in inputs.items():
        if not isinstance(values, Ragged):
            batch[name] = values[indices]
            continue
        lengths = values.offsets[indices + 1] - values.offsets[indices]  # (batch,)
        width = int(lengths.max(initial=0))
        place = np.arange(width)  # (tokens,)
        if (side or tokenizer.padding_side) == "left":
            place = place - (width - lengths)[:, None]
            is_token = place >= 0  # (batch, tokens)
        else:
            place = np.broadcast_to(place, (len(indices), width))
            is_token = place < lengths[:, None]
        padded = np.full((len(indices), width), fill.get(name, 0), dtype=np.int64)
        padded[is_token] = values.values[(values.offsets[indices][:, None] + place)[is_token]]
        batch[name] = padded
        if name != "labels":
            batch.setdefault("attention_mask", is_token.astype(np.int64))
    return batch
