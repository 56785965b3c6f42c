"""Attention among the real tokens of each row, group by group: softmax(Q Kᵀ / √d) V.

Queries, keys and values come as (real tokens, heads, head width) and so does the answer. Padding is
at most what rows of like length differ by. Forwards and backwards are written out, since gathering
tokens and scattering gradients is a copy each way here, and no sum: a token stands in one place.
Dropout (Vaswani et al. 2017, section 5.4) is on the softmax, by `dropout.py`. Next: `unpadded.py`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from luthier.models.exact.dropout import Mask, draw_mask
from luthier.models.exact.layout import Asking, Group, Layout


class Among(NamedTuple):
    """Which tokens a token looks at.

    Args:
        causal: Only itself and those before it.
        window: Only those at most so far away; None: all.
        asking: The one token of each row that looks at others; None: all do.
    """

    causal: bool = False
    window: int | None = None
    asking: Asking | None = None


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    layout: Layout,
    *,
    among: Among,
    scaling: float,
    dropout: float = 0.0,
) -> Tensor:
    """Attend among real tokens.

    Args:
        query: (real tokens, heads, head width), or (batch, …) where one of each row asks.
        key: (real tokens, heads or a divisor of them, head width).
        value: Likewise.
        layout: Where the tokens stand.
        among: Which tokens look at which.
        scaling: Of the scores, before the softmax.
        dropout: Share of the softmax that is dropped.

    Returns:
        As `query`.
    """
    n_heads = query.shape[1]
    if key.shape[1] != n_heads:  # heads that share keys
        key = key.repeat_interleave(n_heads // key.shape[1], dim=1)
        value = value.repeat_interleave(n_heads // value.shape[1], dim=1)
    return _Attention.apply(
        query.contiguous(), key.contiguous(), value.contiguous(), layout, among, scaling, dropout
    )


class _Attention(torch.autograd.Function):
    """All groups at once: one gather before them and one after."""

    @staticmethod
    def forward(
        ctx: Any,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        layout: Layout,
        among: Among,
        scaling: float,
        dropout: float,
    ) -> Tensor:
        """Give the answers; keep each group's softmax or graph for the way back."""
        n_heads, width = key.shape[1:]
        gather = _Gather(layout, n_heads, width, is_one=among.asking is not None)
        queries, keys, values = gather.asking(query), gather.tokens(key), gather.tokens(value)
        answers = torch.empty_like(queries)
        needs = torch.is_grad_enabled() or any(ctx.needs_input_grad[:3])
        kept = []
        for group in layout.groups:
            q, o = gather.asked(queries, group), gather.asked(answers, group)
            k, v = gather.of(keys, group), gather.of(values, group)
            allowed = _allowed_once(layout, group, among)
            if dropout > 0:
                kept.append(_dropped(o, q, k, v, allowed, scaling, dropout))
            else:
                kept.append(_whole(o, q, k, v, allowed, scaling, needs=needs))
        ctx.gather, ctx.kept, ctx.scaling, ctx.layout = gather, kept, scaling, layout
        ctx.save_for_backward(queries, keys, values)
        return gather.answered(answers)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Any:
        """Give the gradients of queries, keys and values."""
        queries, keys, values = ctx.saved_tensors
        gather = ctx.gather
        above = gather.asking(gradient.contiguous(), fill=True)
        to_queries, to_keys = torch.empty_like(queries), torch.empty_like(keys)
        to_values = torch.empty_like(values)
        for group, kept in zip(ctx.layout.groups, ctx.kept, strict=True):
            q, k, v = gather.asked(queries, group), gather.of(keys, group), gather.of(values, group)
            go = gather.asked(above, group)
            gq, gk = gather.asked(to_queries, group), gather.of(to_keys, group)
            gv = gather.of(to_values, group)
            if isinstance(kept, _Softmax):
                _dropped_back(gq, gk, gv, go, q, k, v, kept, ctx.scaling)
            else:
                found = torch.autograd.grad(kept[0], kept[1:], go)
                for place, one in zip((gq, gk, gv), found, strict=True):
                    place.copy_(one)
        ctx.kept = None
        return (
            gather.answered(to_queries),
            gather.back(to_keys),
            gather.back(to_values),
            *(None,) * 4,
        )


class _Gather:
    """From tokens (tokens, heads, head width) to groups (rows, heads, tokens, head width)."""

    def __init__(self, layout: Layout, n_heads: int, width: int, *, is_one: bool):
        self.n_heads, self.width, self.is_one = n_heads, width, is_one
        self.places, self.padding, self.backs = layout.by_head(n_heads)
        if is_one:
            rows = [row for group in layout.groups for row in group.rows]
            self.order = torch.tensor(rows, device=self.places.device)
            self.first_row = {}
            first = 0
            for group in layout.groups:
                self.first_row[group.first] = first
                first += len(group.rows)

    def tokens(self, values: Tensor) -> Tensor:
        """Lay tokens out by groups, (slots × heads, head width)."""
        return values.view(-1, self.width).index_select(0, self.places)

    def asking(self, values: Tensor, *, fill: bool = False) -> Tensor:
        """Lay out what belongs to tokens that ask; `fill` their padding with zeros."""
        if self.is_one:
            return values.index_select(0, self.order)  # (batch, heads, head width)
        laid = self.tokens(values)
        return laid.index_fill_(0, self.padding, 0) if fill and len(self.padding) else laid

    def of(self, laid: Tensor, group: Group) -> Tensor:
        """Give a group of what was laid out, (rows, heads, tokens, head width)."""
        n_slots = len(group.rows) * group.width
        own = laid.narrow(0, group.first * self.n_heads, n_slots * self.n_heads)
        return own.view(len(group.rows), self.n_heads, group.width, self.width)

    def asked(self, laid: Tensor, group: Group) -> Tensor:
        """Give a group of those that ask."""
        if not self.is_one:
            return self.of(laid, group)
        return laid.narrow(0, self.first_row[group.first], len(group.rows))[:, :, None]

    def back(self, laid: Tensor) -> Tensor:
        """Give tokens in their order again, (tokens, heads, head width)."""
        return laid.index_select(0, self.backs).view(-1, self.n_heads, self.width)

    def answered(self, laid: Tensor) -> Tensor:
        """Give those that asked in their order again."""
        if not self.is_one:
            return self.back(laid)
        return torch.empty_like(laid).index_copy_(0, self.order, laid)


class _Softmax(NamedTuple):
    """What the way back needs: the softmax, and what dropout left of it."""

    shares: Tensor
    mask: Mask


def _allowed_once(layout: Layout, group: Group, among: Among) -> Tensor | None:
    """Give `_allowed` of a group, found out once for all layers of a kind."""
    key = (group.first, among.causal, among.window, among.asking is None)
    if key not in layout.kept:
        layout.kept[key] = _allowed(group, among)
    return layout.kept[key]


def _allowed(group: Group, among: Among) -> Tensor | None:
    """Say who may look at whom, (rows or 1, 1, queries or 1, tokens); None: everybody at all."""
    places = torch.arange(group.width, device=group.lengths.device)
    asking = places[:, None]
    if among.asking is not None:
        asking = among.asking.places[list(group.rows)][:, None, None, None]
    allowed = None
    if not group.is_even:
        allowed = (places < group.lengths[:, None])[:, None, None]
    if among.causal:
        before = places <= asking
        allowed = before if allowed is None else allowed & before
    if among.window is not None and among.window < group.width:
        near = (places - asking).abs() <= among.window
        near = near | (places == asking)
        allowed = near if allowed is None else allowed & near
    return allowed


def _whole(
    answers: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    allowed: Tensor | None,
    scaling: float,
    *,
    needs: bool,
) -> Any:
    """Attend without dropout by PyTorch's own kernel; keep its graph where it is needed."""
    if not needs:
        said = functional.scaled_dot_product_attention(q, k, v, attn_mask=allowed, scale=scaling)
        answers.copy_(said)
        return None
    with torch.enable_grad():
        q, k, v = (one.detach().requires_grad_() for one in (q, k, v))
        said = functional.scaled_dot_product_attention(q, k, v, attn_mask=allowed, scale=scaling)
    answers.copy_(said.detach())
    return said, q, k, v


def _dropped(
    answers: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    allowed: Tensor | None,
    scaling: float,
    dropout: float,
) -> _Softmax:
    """Attend with dropout on the softmax."""
    scores = torch.matmul(q, k.transpose(-1, -2)).mul_(scaling)  # (rows, heads, queries, tokens)
    if allowed is not None:
        scores.masked_fill_(~allowed, float("-inf"))
    precise = torch.float32 if scores.dtype in (torch.bfloat16, torch.float16) else scores.dtype
    shares = scores.softmax(dim=-1, dtype=precise).to(scores.dtype)
    mask = draw_mask(shares, dropout)
    answers.copy_(torch.matmul(mask.apply(shares), v))
    return _Softmax(shares, mask)


def _dropped_back(
    to_q: Tensor,
    to_k: Tensor,
    to_v: Tensor,
    above: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    kept: _Softmax,
    scaling: float,
) -> None:
    """Go back through `_dropped`: d scores = shares · (d shares - Σ shares · d shares)."""
    shares, mask = kept
    dropped = mask.apply(shares)
    to_v.copy_(torch.matmul(dropped.transpose(-1, -2), above))
    flow = torch.matmul(above, v.transpose(-1, -2)).mul_(dropped)  # shares · d shares
    flow.sub_(shares * flow.sum(dim=-1, keepdim=True)).mul_(scaling)
    to_q.copy_(torch.matmul(flow, k))
    to_k.copy_(torch.matmul(flow.transpose(-1, -2), q))
