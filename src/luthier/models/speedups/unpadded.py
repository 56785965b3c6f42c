"""Run a stack's blocks on real tokens alone, and its last block on the tokens the head reads.

From a stack's first block to its last, states have the shape (1, real tokens, width), so layers
that treat each token alone (linear layers, norms, activations) do no work for padding. Attention
is replaced through Transformers' interface for attention functions (`hf_attention.py`). In families
with attention code of their own, states are padded to (batch, tokens, width) before it and
flattened after it. Everything else is the model's own code. An encoder and a decoder are a stack
each, and a decoder's tokens attend to the real tokens of the encoder.

If a head reads one token of each row, the last block need not compute the others. It is called
twice: once on all tokens, up to the point where it has keys and values; then on the chosen tokens
alone, which attend to those keys and values.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn

from luthier.hf_types import Model
from luthier.models.speedups.hf_attention import NAME, KeysSeenError, bias_of_rows, skip_masks
from luthier.models.speedups.host_copies import is_far, on_host
from luthier.models.speedups.layout import Asking, Layout
from luthier.models.structure import attentions

Chosen = Literal["first", "last"]
TOKENS_FIRST = frozenset({"xlnet"})  # families whose states are (tokens, batch, width)
STEP, STEP_IN_16_BITS = 16, 32  # numbers of tokens are multiples of this
STORED = ("past_key_values", "mems", "output_hidden_states", "output_attentions")


class Unpadded:
    """Makes one stack compute without padding, and holds its state for the current batch.

    Args:
        trunk: A model of Transformers, or its encoder or decoder; it takes an `attention_mask`.
        blocks: The stack's blocks, in order; blocks below them see the batch with its padding.
        n_calls: Number of calls of these blocks for a batch; more than there are blocks if a block
            is shared by several layers.
        chosen: Which token of each row the head reads; None: any.
        own_attention: Whether the model's own attention runs, on states with padding.
        is_whole: Whether the stack has no other blocks.
    """

    def __init__(
        self,
        trunk: Model,
        blocks: list[nn.Module],
        n_calls: int,
        chosen: Chosen | None = None,
        *,
        own_attention: bool = False,
        is_whole: bool = True,
    ):
        self.trunk, self.blocks, self.n_calls, self.chosen = trunk, blocks, n_calls, chosen
        self.own_attention, self.is_whole = own_attention, is_whole
        self.is_swapped = trunk.config.model_type in TOKENS_FIRST
        self.layout: Layout | None = None
        self.source: Layout | None = None  # layout of the encoder's states, in a decoder
        self.read: tuple[Tensor, Tensor] | None = None  # these states, with padding and without
        self.asking: Asking | None = None
        self.called = 0
        self.keys: tuple[Tensor, Tensor] | None = None
        self.stops = self.asks = False
        self._undo: list[Callable[[], Any]] = []

    def put_in(self) -> None:
        """Make the stack compute without padding."""
        inside = [part for block in self.blocks for part in block.modules()]
        if self.own_attention:
            for part in (one for block in self.blocks for one in attentions(block)):
                self._replace(part, "forward", self._with_padding(part.forward))
        else:
            config = self.trunk.config
            self._undo.append(
                partial(setattr, config, "_attn_implementation", config._attn_implementation)
            )
            config._attn_implementation = NAME
            for module in inside:
                module.__dict__["unpadded"] = self
                self._undo.append(partial(module.__dict__.pop, "unpadded", None))
                if callable(own := getattr(module, "compute_bias", None)):
                    self._replace(module, "compute_bias", bias_of_rows(self, own))
        for block in self.blocks:
            self._replace(block, "forward", self._around(block.forward))
        begin = self.trunk.register_forward_pre_hook(self._begin, with_kwargs=True)
        end = self.trunk.register_forward_hook(self._end, always_call=True)
        self._undo += [begin.remove, end.remove]

    def take_out(self) -> None:
        """Restore the stack."""
        while self._undo:
            self._undo.pop()()

    def _replace(self, module: nn.Module, name: str, function: Callable[..., Any]) -> None:
        setattr(module, name, function)
        self._undo.append(
            partial(delattr, module, name)
        )  # the class's method becomes visible again

    def _begin(self, module: nn.Module, args: Any, given: dict[str, Any]) -> Any:
        """Lay out a batch before the stack runs; leave it padded if that is not possible."""
        self.called, self.layout, self.asking, self.source, self.read = 0, None, None, None, None
        mask = given.get("attention_mask")
        if not isinstance(mask, Tensor) or mask.dim() != 2 or given.get("use_cache"):
            return None
        if any(given.get(name) is not None and given[name] is not False for name in STORED):
            return None
        if module.training and getattr(module, "layerdrop", False):
            return None  # its first or its last block may be skipped
        if not self._find(given, mask):
            return None
        skip_masks(self.is_whole and not self.own_attention)
        # a cache without padding would be of no use to a later call
        return (args, {**given, "use_cache": False}) if "use_cache" in given else None

    def _find(self, given: dict[str, Any], mask: Tensor) -> bool:
        """Lay out a batch; False if that would synchronise with a device."""
        device, far = mask.device, is_far(mask.device)
        real = on_host(mask)
        ids = given.get("input_ids") if self.chosen == "last" else None
        said = None if ids is None else on_host(ids)
        if real is None or (ids is not None and said is None):
            return False
        layout = Layout.far(real) if far else Layout.of(real, step=_step(self.trunk))
        states = None if self.own_attention else given.get("encoder_hidden_states")
        if states is not None:
            other = given.get("encoder_attention_mask")
            seen = torch.ones(states.shape[:2]) if other is None else on_host(other)
            if seen is None:
                return False
            together = layout.groups_of_rows
            source = Layout.far(seen) if far else Layout.of(seen, together, step=_step(self.trunk))
            self.source = source.to(device) if far else source
            self.read = (states, self.source.flatten(states))
        if self.chosen is not None:
            asking = layout.asking(self._places(layout.mask, said))
            self.asking = asking.to(device) if far else asking
        self.layout = layout.to(device) if far else layout
        return True

    def _end(self, *_: Any) -> None:
        self.read = None
        skip_masks(False)

    def _around(self, forward: Callable[..., Any]) -> Callable[..., Any]:
        """Return a block's replacement forward."""

        def unpadded(states: Tensor, *args: Any, **given: Any) -> Any:
            layout = self.layout
            if layout is None:
                return forward(states, *args, **given)
            self.called += 1
            is_last = self.called == self.n_calls
            if self.called == 1:
                states = self._flat(states, layout)
            if is_last and self.asking is not None:
                return self._last(forward, states, args, given, layout, self.asking)
            few = [self._given("", one, layout) for one in args]
            said = forward(states, *few, **self._all_given(given, layout))
            return _changed(said, partial(self._padded, layout=layout)) if is_last else said

        return unpadded

    def _with_padding(self, forward: Callable[..., Any]) -> Callable[..., Any]:
        """Return an attention module's replacement forward, which pads its input."""

        def padded(*args: Any, **given: Any) -> Any:
            layout = self.layout
            if layout is None:
                return forward(*args, **given)
            if args:
                args = (self._padded(args[0], layout), *args[1:])
            else:
                given["hidden_states"] = self._padded(given["hidden_states"], layout)
            return _changed(forward(*args, **given), partial(self._flat, layout=layout))

        return padded

    def _flat(self, states: Tensor, layout: Layout) -> Tensor:
        return layout.flatten(states.transpose(0, 1) if self.is_swapped else states)

    def _padded(self, states: Tensor, layout: Layout) -> Tensor:
        laid = layout.unflatten(states)
        return laid.transpose(0, 1) if self.is_swapped else laid

    def _all_given(
        self, given: dict[str, Any], layout: Layout, slots: Tensor | None = None
    ) -> dict[str, Any]:
        return {name: self._given(name, one, layout, slots) for name, one in given.items()}

    def _given(self, name: str, value: Any, layout: Layout, slots: Tensor | None = None) -> Any:
        """Flatten an argument of a block that has one entry per token."""
        if self.own_attention:
            return value
        if self.read is not None and value is self.read[0]:
            return self.read[1]
        if name == "position_embeddings" and isinstance(value, tuple):
            return tuple(layout.flatten(one, slots) for one in value)
        if name == "position_ids" and isinstance(value, Tensor):
            return layout.flatten(value, slots)
        return value

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
        try:  # first call: attention stores all keys and values and raises
            forward(states, *args, **self._all_given(given, layout))
        except KeysSeenError:
            pass
        finally:
            self.stops = False
        self.asks = True
        try:  # second call: the chosen tokens, (1, batch, width), attend to them
            few = self._all_given(given, layout, asking.slots)
            said = forward(states.index_select(1, asking.tokens), *args, **few)
        finally:
            self.asks, self.keys = False, None
        return _changed(said, partial(layout.unflatten, slots=asking.slots))

    def _places(self, mask: Tensor, ids: Tensor | None) -> Tensor:
        """Return the position of the token that the head reads in each row, (batch,).

        For heads of Transformers, the last token is the last whose id is not the padding token's.
        """
        if self.chosen == "first":
            return torch.zeros(len(mask), dtype=torch.long, device=mask.device)
        real = mask
        if ids is not None and self.trunk.config.pad_token_id is not None:
            real = mask * (ids != self.trunk.config.pad_token_id)
        places = torch.arange(mask.shape[1], device=mask.device)
        return (real * places).argmax(dim=1)


def _step(module: Model) -> int:
    """Return what the number of tokens is rounded up to; in 16 bits, kernels depend on it."""
    in_16_bits = torch.is_autocast_enabled("cpu") or module.dtype.itemsize < 4
    return STEP_IN_16_BITS if in_16_bits else STEP


def _changed(said: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """Apply a change to the states in the outputs of a block or of its attention: the first."""
    return change(said) if isinstance(said, Tensor) else (change(said[0]), *said[1:])
