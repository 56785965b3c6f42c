"""Run the head of a language model only at positions that have a label.

    states (batch, tokens, width) → those with a label (1, labelled, width) → logits over words

The projection to the vocabulary is most of the work in small models, and in masked language
modelling 85 % of it is for tokens without a label. Heads of Transformers treat each token by
itself, so they can be given fewer. Next: `apply.py`.
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
    """Pass only some tokens to a language model's head, in their order, as one row.

    Args:
        model: A model with a head over the vocabulary, or a wrapper around one.
        places: True at the tokens to pass, (batch, tokens), of the decoder if there is one; None
            passes all. States of another shape are passed whole. Give it on the host, as finding
            the positions on a device would synchronise with it.
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
    """Return whether a model's head is one over the vocabulary."""
    inner = pretrained(model)
    return inner is not None and inner.get_output_embeddings() is not None


def stack_below_head(model: Model) -> nn.Module:
    """Return the stack whose states the head reads: the decoder, or the trunk."""
    inner = pretrained(model)
    if inner is None:
        raise TypeError("a language model of Transformers was expected")
    return inner.get_decoder() if inner.config.is_encoder_decoder else trunk(inner)
