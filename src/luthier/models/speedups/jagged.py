"""Attention among the real tokens of each row on a GPU: all rows at once, without synchronisation.

GPUs have kernels for rows of unequal length (FlashAttention: Dao 2023, section 3,
https://arxiv.org/abs/2307.08691). PyTorch offers them for nested tensors: the tokens of all rows
concatenated, and the offset at which each row starts. The host knows the longest row
(`host_copies.py`). These kernels support neither a position bias nor a window. For those, and on
devices without such kernels, tokens are padded to (batch, tokens) for attention alone, with a mask.
Next: `hf_attention.py`.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nested import nested_tensor_from_jagged
from torch.nn import functional

from luthier.models.speedups.attention import Among, share_keys
from luthier.models.speedups.layout import Layout

KERNELS = frozenset({"cuda"})  # types of devices that have kernels for unequal rows


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    layout: Layout,
    *,
    among: Among,
    scaling: float,
    dropout: float = 0.0,
    source: Layout | None = None,
    bias: Tensor | None = None,
) -> Tensor:
    """Compute attention as `attention.attend` does, with layouts that were moved to a device."""
    key, value = share_keys(query, key, value)
    seen = source or layout
    if among.window is not None and among.window >= max(layout.lengths) - 1:
        among = among._replace(window=None)  # the window covers whole rows
    asking = among.asking
    is_plain = bias is None and among.window is None
    if asking is not None and among.causal and not asking.is_end:
        is_plain = False  # tokens after it must be masked
    if is_plain and query.device.type in KERNELS:
        answers = functional.scaled_dot_product_attention(
            _rows(query, layout) if asking is None else _one_each(query),
            _rows(key, seen),
            _rows(value, seen),
            dropout_p=dropout,
            is_causal=among.causal and asking is None,
            scale=scaling,
        )
        return answers.transpose(1, 2).values()
    answers = functional.scaled_dot_product_attention(
        _padded(query, layout) if asking is None else query[:, :, None],
        _padded(key, seen),
        _padded(value, seen),
        attn_mask=_mask(layout, seen, among, bias, query.dtype),
        dropout_p=dropout,
        scale=scaling,
    )
    return answers[:, :, 0] if asking is not None else layout.flatten(answers.transpose(1, 2))[0]


def _rows(values: Tensor, layout: Layout) -> Tensor:
    """Nest tokens (tokens, heads, head width) by rows, (batch, heads, tokens of a row, width)."""
    shortest, longest = min(layout.lengths), max(layout.lengths)
    return nested_tensor_from_jagged(
        values.contiguous(), layout.offsets, min_seqlen=shortest, max_seqlen=longest
    ).transpose(1, 2)


def _one_each(values: Tensor) -> Tensor:
    """Nest one token per row, (batch, heads, head width), as (batch, heads, 1, width)."""
    offsets = torch.arange(len(values) + 1, device=values.device)
    return nested_tensor_from_jagged(
        values.contiguous(), offsets, min_seqlen=1, max_seqlen=1
    ).transpose(1, 2)


def _padded(values: Tensor, layout: Layout) -> Tensor:
    """Pad tokens (tokens, heads, head width) to (batch, heads, tokens, head width)."""
    laid = layout.unflatten(values.flatten(1)[None])
    return laid.reshape(*laid.shape[:2], *values.shape[1:]).transpose(1, 2)


def _mask(
    layout: Layout, seen: Layout, among: Among, bias: Tensor | None, dtype: torch.dtype
) -> Tensor:
    """Return which keys each query may attend to, or, given a bias, the additive mask.

    A padding query may attend to every key, as the softmax over no key at all would be NaN.

    Returns:
        (batch, 1 or heads, queries, tokens).
    """
    slots = torch.arange(seen.mask.shape[1], device=seen.mask.device)
    own = torch.arange(layout.mask.shape[1], device=seen.mask.device)[:, None]
    if among.asking is not None:
        own = (among.asking.slots % layout.mask.shape[1])[:, None, None, None]
    allowed = seen.mask[:, None, None]
    if among.causal:
        allowed = allowed & (slots <= own)
    if among.window is not None:
        allowed = allowed & ((slots - own).abs() <= among.window)
    if among.asking is None:
        allowed = allowed | ~layout.mask[:, None, :, None]
    return allowed if bias is None else bias.to(dtype).masked_fill(~allowed, float("-inf"))
