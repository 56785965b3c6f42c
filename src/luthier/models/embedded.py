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

from luthier.models.structure import pretrained

Replace = Callable[[int, Tensor, Tensor], Tensor]


def tables(model: nn.Module) -> list[nn.Module]:
    """Return the modules that turn tokens into vectors.

    One, or the encoder's and the decoder's; none where a model reads no tokens.
    """
    inner: Any = pretrained(model)
    if inner is None:
        return []
    if not getattr(inner.config, "is_encoder_decoder", False):
        try:
            return [inner.get_input_embeddings()]
        except NotImplementedError:  # a head on stored states
            return []
    both = [inner.get_encoder().get_input_embeddings(), inner.get_decoder().get_input_embeddings()]
    return list({id(one): one for one in both}.values())


@contextmanager
def replacing(model: nn.Module, replace: Replace) -> Iterator[None]:
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
