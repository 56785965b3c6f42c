"""Register attention among real tokens as an attention function of Transformers.

Attention modules of an unpadded stack hold a reference to the stack's state (`StackState`) in their
`__dict__`; all other modules use PyTorch's attention. Next: `unpadded.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from luthier.models.speedups import attention, jagged
from luthier.models.speedups.attention import Among
from luthier.models.speedups.layout import Asking, Layout

NAME = "luthier-unpadded"
_is_unpadded = False  # whether no module needs a mask of (batch, 1, tokens, tokens)


class StackState(Protocol):
    """What attention needs to know about the batch that passes through an unpadded stack.

    Args:
        layout: Positions of the real tokens; None if the batch is computed with its padding.
        source: Positions of the encoder's real tokens, in a decoder.
        asking: The one token per row that the head reads, if it reads one.
        keys: Keys and values of the last block, once they are stored.
        stops: Whether to store keys and values, and stop there.
        asks: Whether queries are the tokens that the head reads, attending to the stored keys.
    """

    layout: Layout | None
    source: Layout | None
    asking: Asking | None
    keys: tuple[Tensor, Tensor] | None
    stops: bool
    asks: bool


class KeysSeenError(Exception):
    """Raised to leave a block as soon as its keys and values are stored."""


def skip_masks(skip: bool) -> None:
    """Set whether Transformers skips making masks of (batch, 1, tokens, tokens)."""
    global _is_unpadded
    _is_unpadded = skip


def bias_of_rows(state: StackState, compute: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Make a module compute its position bias for the length of rows, not for all real tokens."""

    def compute_bias(n_queries: int, n_keys: int, *args: Any, **given: Any) -> Tensor:
        if state.layout is not None:
            n_queries = n_keys = state.layout.mask.shape[1]
        return compute(n_queries, n_keys, *args, **given)

    return compute_bias


def _attention(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Any, **given: Any
) -> tuple[Tensor, None]:
    """Compute attention, (1, heads, tokens, width) to (1, tokens, heads, width)."""
    state: StackState | None = module.__dict__.get("unpadded")
    if state is None or state.layout is None:
        said: tuple[Tensor, None] = sdpa_attention_forward(
            module, query, key, value, attention_mask, **given
        )
        return said
    if state.stops:
        state.keys = (key, value)
        raise KeysSeenError
    if state.asks and state.keys is not None:
        key, value = state.keys
    is_causal = bool(getattr(module, "is_causal", False))
    is_across = state.source is not None and not is_causal  # cross-attention
    among = Among(
        causal=is_causal,
        window=_window(given.get("sliding_window")),
        asking=state.asking if state.asks else None,
    )
    scaling = given.get("scaling")
    attend = attention.attend if state.layout.offsets is None else jagged.attend
    answer = attend(
        query[0].transpose(0, 1),
        key[0].transpose(0, 1),
        value[0].transpose(0, 1),
        state.layout,
        among=among,
        scaling=query.shape[-1] ** -0.5 if scaling is None else scaling,
        dropout=given.get("dropout") or 0.0,
        source=state.source if is_across else None,
        bias=None
        if is_across
        else _bias(given.get("position_bias"), state, state.layout.mask.shape[1]),
    )
    return answer[None], None


def _bias(given: Tensor | None, state: StackState, tokens: int) -> Tensor | None:
    """Check a position bias. It is not used between two texts, where T5's is zero.

    Raises:
        ValueError: It differs between rows, or does not have their length.
    """
    if given is None:
        return None
    if state.asks or given.shape[0] != 1 or given.shape[2:] != (tokens, tokens):
        raise ValueError(
            f"expected a bias of (1, heads, {tokens}, {tokens}), received {tuple(given.shape)}"
        )
    return given


def _window(asked: int | None) -> int | None:
    """Return the largest distance of a key; Transformers counts the token itself too."""
    return None if asked is None else asked - 1


def _mask(*args: Any, **given: Any) -> Any:
    return None if _is_unpadded else sdpa_mask(*args, **given)


AttentionInterface.register(NAME, _attention)
AttentionMaskInterface.register(NAME, _mask)
