"""Finds where a model turns tokens into vectors, and lets these vectors be replaced.

The output of the table of embeddings is replaced rather than `inputs_embeds` passed: some families
scale their embeddings outside of the table (Marian), some inside (Gemma), and models with an
encoder and a decoder read the text twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from luthier.hf_types import Model
from luthier.models.structure import pretrained

Replace = Callable[[int, Tensor, Tensor], Tensor]


def tables(model: Model) -> list[nn.Module]:
    """Return the modules that turn tokens into vectors: one, or the encoder's and the decoder's."""
    inner: Any = pretrained(model)
    inner = model if inner is None else inner
    if not getattr(model.config, "is_encoder_decoder", False):
        return [model.get_input_embeddings()]
    both = [inner.get_encoder().get_input_embeddings(), inner.get_decoder().get_input_embeddings()]
    return list({id(one): one for one in both}.values())


@contextmanager
def replacing(model: Model, replace: Replace) -> Iterator[None]:
    """Replace the vectors of tokens while a model runs.

    Args:
        model: The model.
        replace: Maps the number of the call, from 0, the token ids and their vectors
            (…, tokens, width) to the vectors to use.
    """
    n_calls = 0

    def hook(_: nn.Module, given: tuple[Tensor, ...], vectors: Tensor) -> Tensor:
        nonlocal n_calls
        n_calls += 1
        return replace(n_calls - 1, given[0], vectors)

    handles = [table.register_forward_hook(hook) for table in tables(model)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
