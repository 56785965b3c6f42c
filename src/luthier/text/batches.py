"""Pads flat token ids to batches, each only as wide as its longest sequence."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from luthier.hf_types import Tokenizer
from luthier.records import Array, Batch, Ragged

IGNORED = -100  # the label of tokens that the loss ignores, as in Transformers


def pad(
    inputs: Mapping[str, Ragged | Array],
    indices: Array,
    *,
    tokenizer: Tokenizer,
    side: str | None = None,
) -> Batch:
    """Collect items into a batch, padded to the longest of them.

    Args:
        inputs: Maps each model argument to sequences (items, tokens), or to a dense array, which
            is indexed without padding. `labels` are padded with -100.
        indices: The items of the batch, (batch,).
        tokenizer: The tokenizer, which defines the padding token and side.
        side: The padding side, `left` or `right`; None keeps the tokenizer's.

    Returns:
        The inputs as (batch, tokens) int64, and `attention_mask`: 1 for tokens, 0 for padding.
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
        place = np.arange(width)  # of each column in its sequence, (tokens,)
        if (side or tokenizer.padding_side) == "left":
            place = place - (width - lengths)[:, None]  # negative in the padding, (batch, tokens)
            is_token = place >= 0  # (batch, tokens)
        else:
            place = np.broadcast_to(place, (len(indices), width))
            is_token = place < lengths[:, None]
        padded = np.full((len(indices), width), fill.get(name, 0), dtype=np.int64)
        # Boolean indexing writes all tokens of the batch at once, row by row.
        padded[is_token] = values.values[(values.offsets[indices][:, None] + place)[is_token]]
        batch[name] = padded
        if name != "labels":
            batch.setdefault("attention_mask", is_token.astype(np.int64))
    return batch
