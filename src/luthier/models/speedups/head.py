"""The head of a language model where there is a label, and nowhere else.

    states (batch, tokens, width) → those that have a label (1, labelled, width) → logits over words

A vocabulary is long: for small models its projection is most of the work, and in masked language
modelling 85 % of it is of tokens that are not asked for. Heads of Transformers go token by token,
so they may be given fewer. Next: `apply.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from luthier.hf_types import Model
from luthier.models.speedups.host_copies import to_device
from luthier.models.structure import pretrained, trunk


@contextmanager
def head_only_at(model: Model, places: Tensor | None) -> Iterator[None]:
    """Have a language model's head see some tokens alone, in their order, as one row.

    Args:
        model: A model with a head over words, or what is around one.
        places: True at those tokens, (batch, tokens); a decoder's where there is one. None: all.
            States of another shape are left as they are. Best on the host: a device is waited for.
    """
    if places is None:
        yield
        return
    slots = torch.nonzero(places.flatten()).flatten()  # (labelled,)

    def select(module: nn.Module, args: Any, said: Any) -> Any:
        states = said[0]  # (batch, tokens, width)
        if states.shape[:2] != places.shape:
            return said
        few = states.flatten(0, 1).index_select(0, to_device(slots, states.device))[None]
        if isinstance(said, tuple):
            return (few, *said[1:])
        said.last_hidden_state = few
        return said

    hook = stack_below_head(model).register_forward_hook(select)
    try:
        yield
    finally:
        hook.remove()


def has_word_head(model: Model) -> bool:
    """Say whether a model's head is one over words."""
    inner = pretrained(model)
    return inner is not None and inner.get_output_embeddings() is not None


def stack_below_head(model: Model) -> nn.Module:
    """Give what a language model's head reads the states of: its decoder, or its trunk."""
    inner = pretrained(model)
    if inner is None:
        raise TypeError("a language model of Transformers was expected")
    return inner.get_decoder() if inner.config.is_encoder_decoder else trunk(inner)
