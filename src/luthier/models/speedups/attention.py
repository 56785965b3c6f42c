"""Attention among the real tokens of each row, group by group: softmax(Q Kᵀ / √d) V.

Queries, keys and values have the shape (real tokens, heads, head width), and so has the output.
Rows of similar length form a group, which is padded to its own longest row only. Forward and
backward are written by hand: each token has exactly one slot, so gathering tokens and scattering
gradients are plain copies, where autograd would use a scatter-add. Dropout on the attention weights
(Vaswani et al. 2017, section 5.4) uses the masks of `dropout.py`. In cross-attention, queries come
from the decoder's text and keys from the encoder's; both sides use the same groups of rows. T5's
relative position bias (Raffel et al. 2020, section 2.1, https://arxiv.org/abs/1910.10683) is added
to the scores. Next: `jagged.py`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from luthier.models.speedups.dropout import draw_mask
from luthier.models.speedups.layout import Asking, Group, Layout


class Among(NamedTuple):
    """Which keys a query attends to.

    Args:
        causal: Whether a token attends only to itself and to tokens before it.
        window: Largest distance between a query and its keys; None sets no limit.
        asking: The single query token of each row; None makes every token a query.
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
    source: Layout | None = None,
    bias: Tensor | None = None,
) -> Tensor:
    """Compute attention among real tokens.

    Args:
        query: Queries, (real tokens, heads, head width), or (batch, heads, head width) if each row
            has a single one.
        key: Keys, (real tokens, key heads, head width); key heads divide heads.
        value: Values, shaped as `key`.
        layout: Positions of the query tokens in the batch.
        among: Which keys a query attends to.
        scaling: Factor of the scores, before the softmax.
        dropout: Share of the attention weights that is dropped.
        source: Positions of the key tokens, in the same groups of rows; None: as `layout`.
        bias: Position bias added to the scores, (1, heads, tokens, tokens); None adds nothing.

    Returns:
        The attended values, shaped as `query`.
    """
    key, value = share_keys(query, key, value)
    laid = query.contiguous(), key.contiguous(), value.contiguous()
    answer: Tensor = _Attention.apply(  # type: ignore[no-untyped-call]
        *laid, bias, layout, source or layout, among, scaling, dropout
    )
    return answer


def share_keys(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """Repeat keys and values that several heads share, as in grouped-query attention.

    Returns:
        Keys and values, (tokens, heads, head width) each.
    """
    n_sharing = query.shape[1] // key.shape[1]
    if n_sharing == 1:
        return key, value
    return key.repeat_interleave(n_sharing, dim=1), value.repeat_interleave(n_sharing, dim=1)


class _Attention(torch.autograd.Function):
    """Attention over all groups: one gather before them and one after."""

    @staticmethod
    def forward(
        ctx: Any,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        bias: Tensor | None,
        layout: Layout,
        source: Layout,
        among: Among,
        scaling: float,
        dropout: float,
    ) -> Tensor:
        """Return the attended values; keep each group's attention weights or graph for backward."""
        n_heads, width = key.shape[1:]
        gather = _Gather(layout, n_heads, width, is_one=among.asking is not None)
        seen = gather if source is layout else _Gather(source, n_heads, width, is_one=False)
        # one index_select per tensor lays out all groups in turn: (slots × heads, head width)
        queries, keys, values = gather.asking(query), seen.tokens(key), seen.tokens(value)
        answers = torch.empty_like(queries)
        needs = torch.is_grad_enabled() or any(ctx.needs_input_grad[:4])
        kept = []
        for group, looked_at in zip(layout.groups, source.groups, strict=True):
            # views, (rows, heads, tokens, head width); `o` is written in place
            q, o = gather.asked(queries, group), gather.asked(answers, group)
            k, v = seen.of(keys, looked_at), seen.of(values, looked_at)
            scores = _Scores(scaling, _barred_once(q, source, looked_at, among), _cut(bias, q, k))
            if dropout > 0:
                kept.append(_dropped(o, q, k, v, scores, dropout))
            else:
                kept.append(_whole(o, q, k, v, scores, needs=needs))
        ctx.gather, ctx.seen, ctx.kept, ctx.scaling = gather, seen, kept, scaling
        ctx.groups = list(zip(layout.groups, source.groups, strict=True))
        ctx.save_for_backward(queries, keys, values)
        ctx.bias = None if bias is None else torch.zeros_like(bias)  # becomes the bias's gradient
        return gather.answered(answers)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Any:
        """Return the gradients of queries, keys, values and the bias."""
        queries, keys, values = ctx.saved_tensors
        gather, seen = ctx.gather, ctx.seen
        # padding slots repeat a real token, so their incoming gradient is set to zero
        above = gather.asking(gradient.contiguous(), fill=True)
        to_queries, to_keys = torch.empty_like(queries), torch.empty_like(keys)
        to_values = torch.empty_like(values)
        for (group, looked_at), kept in zip(ctx.groups, ctx.kept, strict=True):
            q, go = gather.asked(queries, group), gather.asked(above, group)
            k, v = seen.of(keys, looked_at), seen.of(values, looked_at)
            to = _Gradients(
                gather.asked(to_queries, group),
                seen.of(to_keys, looked_at),
                seen.of(to_values, looked_at),
                _cut(ctx.bias, q, k),
            )
            if isinstance(kept, _Softmax):
                _dropped_back(to, go, q, k, v, kept, ctx.scaling)
                continue
            found = torch.autograd.grad(kept[0], kept[1:], go)
            for place, one in zip(to[:3], found[:3], strict=True):
                place.copy_(one)
            if to.bias is not None:
                to.bias.add_(found[3])
        ctx.kept = None
        return (
            gather.answered(to_queries),
            seen.back(to_keys),
            seen.back(to_values),
            ctx.bias,
            *(None,) * 5,
        )


class _Gather:
    """Converts tokens (tokens, heads, head width) to groups (rows, heads, tokens, head width)."""

    def __init__(self, layout: Layout, n_heads: int, width: int, *, is_one: bool):
        self.n_heads, self.width, self.is_one = n_heads, width, is_one
        self.places, self.padding, self.backs = layout.by_head(n_heads)
        self.n_spare = layout.n_spare
        if is_one:
            rows = [row for group in layout.groups for row in group.rows]
            self.order = torch.tensor(rows, device=self.places.device)
            self.first_row = {}
            first = 0
            for group in layout.groups:
                self.first_row[group.first] = first
                first += len(group.rows)

    def tokens(self, values: Tensor) -> Tensor:
        """Copy tokens into the order of the groups, (slots × heads, head width)."""
        return values.view(-1, self.width).index_select(0, self.places)

    def asking(self, values: Tensor, *, fill: bool = False) -> Tensor:
        """Copy query tokens into the order of the groups; `fill` sets their padding to zero."""
        if self.is_one:
            return values.index_select(0, self.order)  # (batch, heads, head width)
        laid = self.tokens(values)
        return laid.index_fill_(0, self.padding, 0) if fill and len(self.padding) else laid

    def of(self, laid: Tensor, group: Group) -> Tensor:
        """Return a view of one group, (rows, heads, tokens, head width)."""
        n_slots = len(group.rows) * group.width
        own = laid.narrow(0, group.first * self.n_heads, n_slots * self.n_heads)
        return own.view(len(group.rows), self.n_heads, group.width, self.width)

    def asked(self, laid: Tensor, group: Group) -> Tensor:
        """Return a view of one group's queries, (rows, heads, queries, head width)."""
        if not self.is_one:
            return self.of(laid, group)
        return laid.narrow(0, self.first_row[group.first], len(group.rows))[:, :, None]

    def back(self, laid: Tensor) -> Tensor:
        """Copy tokens back into their order, (tokens, heads, head width); spare ones are zeros."""
        if not self.n_spare:
            return laid.index_select(0, self.backs).view(-1, self.n_heads, self.width)
        n_real = len(self.backs)
        given = laid.new_empty(n_real + self.n_spare * self.n_heads, self.width)
        torch.index_select(laid, 0, self.backs, out=given[:n_real])
        given[n_real:] = 0
        return given.view(-1, self.n_heads, self.width)

    def answered(self, laid: Tensor) -> Tensor:
        """Copy what belongs to query tokens back into their order."""
        if not self.is_one:
            return self.back(laid)
        return torch.empty_like(laid).index_copy_(0, self.order, laid)


class _Scores(NamedTuple):
    """How scores follow from Q Kᵀ: scaled, a bias added, and -∞ at masked keys (`barred`)."""

    scaling: float
    barred: Tensor | None
    bias: Tensor | None


class _Gradients(NamedTuple):
    """Where a group's gradients are written; the bias is shared, so its gradient is accumulated."""

    queries: Tensor
    keys: Tensor
    values: Tensor
    bias: Tensor | None


def _cut(bias: Tensor | None, query: Tensor, key: Tensor) -> Tensor | None:
    """Cut a bias to the length of a group's rows."""
    return None if bias is None else bias[:, :, : query.shape[2], : key.shape[2]]


class _Softmax(NamedTuple):
    """What backward needs: the softmax, negated where it was dropped, and the scale of dropout."""

    signed: Tensor
    scale: float


def _barred_once(query: Tensor, layout: Layout, group: Group, among: Among) -> Tensor | None:
    """Return a group's additive mask, (0 or -∞), computed once for all layers of the same kind."""
    key = (group.first, among.causal, among.window, among.asking is None, query.dtype)
    if key not in layout.barred:
        allowed = _allowed(group, among)
        layout.barred[key] = (
            None
            if allowed is None
            else query.new_zeros(allowed.shape).masked_fill_(~allowed, float("-inf"))
        )
    return layout.barred[key]


def _allowed(group: Group, among: Among) -> Tensor | None:
    """Return which keys each query may attend to, (rows or 1, 1, queries or 1, tokens).

    None means all of them. A padding query may attend to every key, as the softmax over no key at
    all would be NaN.
    """
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
        # `asking >= lengths` are padding queries
        near = (places - asking).abs() <= among.window
        near = near | (places == asking) | (asking >= group.lengths[:, None, None, None])
        allowed = near if allowed is None else allowed & near
    return allowed


def _whole(
    answers: Tensor, q: Tensor, k: Tensor, v: Tensor, scores: _Scores, *, needs: bool
) -> Any:
    """Compute attention by PyTorch's kernel, without dropout; keep its graph for backward."""
    with torch.set_grad_enabled(needs):
        inputs = [one.detach().requires_grad_(needs) for one in (q, k, v)]
        mask = scores.barred
        if scores.bias is not None:
            bias = scores.bias.detach().requires_grad_(needs)
            inputs.append(bias)
            mask = bias if mask is None else bias + mask
        q, k, v = inputs[:3]
        said = functional.scaled_dot_product_attention(
            q, k, v, attn_mask=mask, scale=scores.scaling
        )
    answers.copy_(said.detach())
    return (said, *inputs) if needs else None


def _dropped(
    answers: Tensor, q: Tensor, k: Tensor, v: Tensor, scores: _Scores, dropout: float
) -> _Softmax:
    """Compute attention with dropout on the softmax."""
    found = _product(q, k.transpose(-1, -2), scores.scaling)  # (rows, heads, queries, tokens)
    if scores.bias is not None:
        found.add_(scores.bias)
    if scores.barred is not None:
        found.add_(scores.barred)
    shares = found.softmax(dim=-1)
    mask = draw_mask(shares, dropout)
    # one tensor holds both softmax and mask: relu gives the kept weights, abs the softmax
    signed = mask.sign(shares)
    _product(signed.relu(), v, mask.scale, into=answers)
    return _Softmax(signed, mask.scale)


def _dropped_back(
    to: _Gradients,
    above: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    kept: _Softmax,
    scaling: float,
) -> None:
    """Backward of `_dropped`: d scores = shares · (d shares - Σ shares · d shares)."""
    signed, scale = kept
    _product(signed.relu().transpose(-1, -2), above, scale, into=to.values)
    flow = _product(above, v.transpose(-1, -2), scale)  # gradient of the dropped-out softmax
    flow = torch.ops.aten.threshold_backward(flow, signed, 0)  # gradient of the softmax
    flow = torch.ops.aten._softmax_backward_data(flow, signed.abs_(), -1, flow.dtype)
    if to.bias is not None:
        to.bias.add_(flow.sum(dim=0, keepdim=True))
    _product(flow, k, scaling, into=to.queries)
    _product(flow.transpose(-1, -2), q, scaling, into=to.keys)


def _product(a: Tensor, b: Tensor, scale: float, *, into: Tensor | None = None) -> Tensor:
    """Compute scale · a @ b in one kernel, (rows, heads, m, n) by (rows, heads, n, p)."""
    rows, heads = a.shape[:2]
    if into is None:
        into = a.new_empty(rows, heads, a.shape[2], b.shape[3])
    flat = into.view(rows * heads, *into.shape[2:])
    a, b = a.reshape(rows * heads, *a.shape[2:]), b.reshape(rows * heads, *b.shape[2:])
    torch.baddbmm(flat, a, b, beta=0, alpha=scale, out=flat)
    return into
