"""Pads items of any kind to the largest of a batch, and no further.

Used by every codec: tokens, features, pixels and targets are padded by the same function.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from luthier.items import Files, ItemField
from luthier.ragged import Array, Ragged

IGNORED = -100  # target of tokens without a label, as in Transformers


def pad(fields: Mapping[str, ItemField], chosen: Array, *, side: str = "right") -> dict[str, Array]:
    """Take items of every field and pad each field to its longest item.

    Args:
        fields: Field of every model argument.
        chosen: Indices of the items, (batch,).
        side: Side on which shorter sequences are filled, `left` or `right`.

    Returns:
        Arrays (batch, longest, …) or (batch, …), and the masks (batch, longest) that fields ask
        for: 1 where a place is real. Integers become int64, floats float32.
    """
    batch: dict[str, Array] = {}
    for name, field in fields.items():
        values = field.values
        if isinstance(values, Files):
            values = _stacked([values.read(values.paths[int(item)]) for item in chosen])
            field = ItemField(values, field.fill, field.mask)
            batch[name], is_real = _padded(field, np.arange(len(chosen)), side)
        else:
            batch[name], is_real = _padded(field, chosen, side)
        if field.mask is not None and field.mask not in batch and is_real is not None:
            batch[field.mask] = is_real.astype(np.int64)
    return batch


def _padded(field: ItemField, chosen: Array, side: str) -> tuple[Array, Array | None]:
    """Pad one field; the second value marks real places, (batch, longest)."""
    values = field.values
    if not isinstance(values, Ragged):
        dense = np.asarray(values)
        return dense[chosen].astype(_batch_dtype(dense.dtype), copy=False), None
    starts, lengths = values.offsets[chosen], values.offsets[chosen + 1] - values.offsets[chosen]
    longest = int(lengths.max(initial=0))
    place = np.broadcast_to(np.arange(longest), (len(chosen), longest))  # (batch, longest)
    if side == "left":
        place = place - (longest - lengths)[:, None]
    is_real = (place >= 0) & (place < lengths[:, None])
    shape = (len(chosen), longest, *values.values.shape[1:])
    padded = np.full(shape, field.fill, dtype=_batch_dtype(values.values.dtype))
    padded[is_real] = values.values[(starts[:, None] + place)[is_real]]
    return padded, is_real


def _batch_dtype(dtype: np.dtype[np.generic]) -> type[np.generic]:
    return np.float32 if np.issubdtype(dtype, np.floating) else np.int64


def _stacked(arrays: list[Array]) -> Array | Ragged:
    """Stack arrays of one shape; lay others end to end along their first axis."""
    if len({one.shape for one in arrays}) <= 1:
        return np.stack(arrays) if arrays else np.zeros(0, dtype=np.float32)
    return Ragged.of(arrays, dtype=arrays[0].dtype, width=arrays[0].shape[1:])
