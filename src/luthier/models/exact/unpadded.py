"""A model's blocks on real tokens alone, and the last block on what the head reads.

Between a model's first block and its last, padding is left out: states go as (1, real tokens,
width), so all that goes token by token (linear layers, norms, activations) does no work in vain;
attention, the one thing that does not, is ours (`attention.py`), by way of the interface that
Transformers has for attention functions. Everything else is the model's own code.

Where a head reads one token of each row, the last block need not compute the others. It is asked
twice: once for its keys and values, all tokens', and there it is stopped; then it is run on the
chosen tokens alone, and these look at the keys and values of before.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from luthier.models.exact.attention import Among, attend
from luthier.models.exact.layout import Asking, Layout

NAME = "luthier-unpadded"
Chosen = Literal["first", "last"]


class _KeysSeenError(Exception):
    """The keys and values that were wanted have been seen."""


class Unpadded:
    """What the blocks of one model know of the batch that passes through.

    Args:
        trunk: A model of Transformers, told of padding by `attention_mask`.
        blocks: Its blocks, in order.
        n_calls: How often a batch passes one of these; more often than there are where one serves
            as several. Blocks below them see the batch with its padding.
        chosen: Which token of each row the head reads; None: any.
    """

    def __init__(self, trunk: Any, blocks: list[nn.Module], n_calls: int, chosen: Chosen | None):
        self.trunk, self.blocks, self.n_calls, self.chosen = trunk, blocks, n_calls, chosen
        self.layout: Layout | None = None
        self.asking: Asking | None = None
        self.called = 0
        self.keys: tuple[Tensor, Tensor] | None = None
        self.stops = self.asks = False
        self._undo: list[Callable[[], Any]] = []

    def put_in(self) -> None:
        """Have the model compute so from here on."""
        config = self.trunk.config
        before = config._attn_implementation
        config._attn_implementation = NAME
        self._undo.append(partial(setattr, config, "_attn_implementation", before))
        for module in (part for block in self.blocks for part in block.modules()):
            module.__dict__["unpadded"] = self
            self._undo.append(partial(module.__dict__.pop, "unpadded", None))
        for block in self.blocks:
            block.forward = self._around(block.forward)
            self._undo.append(partial(delattr, block, "forward"))
        begin = self.trunk.register_forward_pre_hook(self._begin, with_kwargs=True)
        end = self.trunk.register_forward_hook(self._end, always_call=True)
        self._undo += [begin.remove, end.remove]

    def take_out(self) -> None:
        """Have the model compute as ever."""
        while self._undo:
            self._undo.pop()()

    def _begin(self, module: nn.Module, args: Any, given: dict[str, Any]) -> None:
        global _is_unpadded
        mask = given.get("attention_mask")
        self.called, self.layout, self.asking = 0, None, None
        if isinstance(mask, Tensor) and mask.dim() == 2 and given.get("past_key_values") is None:
            self.layout = Layout.of(mask)
            _is_unpadded = self.n_calls == self.trunk.config.num_hidden_layers
            if self.chosen is not None:
                self.asking = self.layout.asking(self._places(mask, given.get("input_ids")))

    def _end(self, *_: Any) -> None:
        global _is_unpadded
        _is_unpadded = False

    def _around(self, forward: Callable[..., Any]) -> Callable[..., Any]:
        """Make what stands in for a block's own forward."""

        def unpadded(states: Tensor, *args: Any, **given: Any) -> Any:
            layout = self.layout
            if layout is None:
                return forward(states, *args, **given)
            self.called += 1
            is_last = self.called == self.n_calls
            if self.called == 1:
                states = layout.flatten(states)
            if is_last and self.asking is not None:
                return self._last(forward, states, args, given, layout, self.asking)
            flat = {name: _flatten(name, one, layout) for name, one in given.items()}
            said = forward(states, *args, **flat)
            if not is_last:
                return said
            if isinstance(said, Tensor):
                return layout.unflatten(said)
            return (layout.unflatten(said[0]), *said[1:])

        return unpadded

    def _last(
        self,
        forward: Callable[..., Any],
        states: Tensor,
        args: Any,
        given: dict[str, Any],
        layout: Layout,
        asking: Asking,
    ) -> Any:
        """Run the last block on the chosen tokens alone."""
        self.stops = True
        try:
            flat = {name: _flatten(name, one, layout) for name, one in given.items()}
            forward(states, *args, **flat)
        except _KeysSeenError:
            pass
        finally:
            self.stops = False
        self.asks = True
        try:
            few = {name: _flatten(name, one, layout, asking.slots) for name, one in given.items()}
            said = forward(states.index_select(1, asking.tokens), *args, **few)
        finally:
            self.asks, self.keys = False, None
        if isinstance(said, Tensor):
            return layout.unflatten(said, asking.slots)
        return (layout.unflatten(said[0], asking.slots), *said[1:])

    def _places(self, mask: Tensor, ids: Tensor | None) -> Tensor:
        """Say which token of each row the head reads, (batch,).

        The last one is, to heads of Transformers, the last that is no padding token by its id.
        """
        if self.chosen == "first":
            return torch.zeros(len(mask), dtype=torch.long, device=mask.device)
        real = mask
        if ids is not None and self.trunk.config.pad_token_id is not None:
            real = mask * (ids != self.trunk.config.pad_token_id)
        places = torch.arange(mask.shape[1], device=mask.device)
        return (real * places).argmax(dim=1)


_is_unpadded = False  # whether masks of all tokens by all tokens are of no use


def _flatten(name: str, value: Any, layout: Layout, slots: Tensor | None = None) -> Any:
    """Take real tokens of what a block is given beside states, where it goes by positions."""
    if name == "position_embeddings" and isinstance(value, tuple):
        return tuple(layout.flatten(one, slots) for one in value)
    if name == "position_ids" and isinstance(value, Tensor):
        return layout.flatten(value, slots)
    return value


def _attention(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Any, **given: Any
) -> tuple[Tensor, None]:
    """Attend as Transformers asks: (1, heads, tokens, width) to (1, tokens, heads, width)."""
    state: Unpadded | None = module.__dict__.get("unpadded")
    if state is None or state.layout is None:
        said: tuple[Tensor, None] = sdpa_attention_forward(
            module, query, key, value, attention_mask, **given
        )
        return said
    if state.stops:
        state.keys = (key, value)
        raise _KeysSeenError
    if state.asks and state.keys is not None:
        key, value = state.keys
    among = Among(
        causal=bool(getattr(module, "is_causal", False)),
        window=_window(given.get("sliding_window")),
        asking=state.asking if state.asks else None,
    )
    scaling = given.get("scaling")
    answer = attend(
        query[0].transpose(0, 1),
        key[0].transpose(0, 1),
        value[0].transpose(0, 1),
        state.layout,
        among=among,
        scaling=query.shape[-1] ** -0.5 if scaling is None else scaling,
        dropout=given.get("dropout") or 0.0,
    )
    return answer[None], None


def _window(asked: int | None) -> int | None:
    """Say how far a token looks; Transformers counts the token itself too."""
    return None if asked is None else asked - 1


def _mask(*args: Any, **given: Any) -> Any:
    return None if _is_unpadded else sdpa_mask(*args, **given)


AttentionInterface.register(NAME, _attention)
AttentionMaskInterface.register(NAME, _mask)
