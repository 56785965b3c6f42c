"""Attention as Transformers asks for it, among real tokens: its interface, and ours behind it.

Attention modules of a stack that is left unpadded carry what their stack knows of the batch
(`Unpadded`) in their `__dict__`; all others attend as ever. Next: `unpadded.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from luthier.models.speedups import attention, jagged
from luthier.models.speedups.attention import Among

NAME = "luthier-unpadded"
_is_unpadded = False  # whether masks of all tokens by all tokens are of no use


class KeysSeenError(Exception):
    """The keys and values that were wanted have been seen."""


def skip_masks(skip: bool) -> None:
    """Say whether masks of all tokens by all tokens need not be made."""
    global _is_unpadded
    _is_unpadded = skip


def bias_of_rows(state: Any, compute: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Have a module's bias by distance be that of rows, not of all real tokens in one row."""

    def compute_bias(n_queries: int, n_keys: int, *args: Any, **given: Any) -> Tensor:
        if state.layout is not None:
            n_queries = n_keys = state.layout.mask.shape[1]
        return compute(n_queries, n_keys, *args, **given)

    return compute_bias


def _attention(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Any, **given: Any
) -> tuple[Tensor, None]:
    """Attend as Transformers asks: (1, heads, tokens, width) to (1, tokens, heads, width)."""
    state: Any = module.__dict__.get("unpadded")
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
    is_across = state.source is not None and not is_causal  # at the text that an encoder read
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
        bias=None if is_across else _bias(given.get("position_bias"), state),
    )
    return answer[None], None


def _bias(given: Tensor | None, state: Any) -> Tensor | None:
    """Check a bias by distance. Between two texts there is no distance: T5 gives zeros there.

    Raises:
        ValueError: It is not the same for all rows, or not one of rows.
    """
    if given is None:
        return None
    tokens = state.layout.mask.shape[1]
    if state.asks or given.shape[0] != 1 or given.shape[2:] != (tokens, tokens):
        raise ValueError(f"a bias of rows was expected, and {tuple(given.shape)} was given")
    return given


def _window(asked: int | None) -> int | None:
    """Say how far a token looks; Transformers counts the token itself too."""
    return None if asked is None else asked - 1


def _mask(*args: Any, **given: Any) -> Any:
    return None if _is_unpadded else sdpa_mask(*args, **given)


AttentionInterface.register(NAME, _attention)
AttentionMaskInterface.register(NAME, _mask)
