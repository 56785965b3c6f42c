"""Padded batches of what a tokenizer gave, for tests of models."""

from luthier.inputs.text import token_fields
from luthier.padding import pad


def pad_tokens(inputs, chosen, *, tokenizer, side=None):
    """Pad token ids as a codec does: with the tokenizer's own padding, on its side or another."""
    fields = token_fields(inputs, tokenizer)
    return pad(fields, chosen, side=side or tokenizer.padding_side)
