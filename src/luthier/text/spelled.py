"""Where tokens stand in the text that they spell, for tokens that were written rather than read.

Tokenizers say where tokens stand in a text that they are given. What a model wrote, a conversation
laid out by a template, and the texts of tokenizers without such places are only known as tokens:
their text is decoded, and each token stands where it makes the text longer.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from luthier.hf_types import Tokenizer
from luthier.ragged import Array


def spell_tokens(tokenizer: Tokenizer, ids: Sequence[int] | Array) -> tuple[str, Array]:
    """Decode tokens, and find the characters of each.

    Args:
        tokenizer: The tokenizer.
        ids: The tokens, (tokens,).

    Returns:
        The text; and (tokens, 2) characters: the same ones for tokens that only together make a
        character, and none for special tokens.
    """
    given = [int(one) for one in ids]
    text = str(tokenizer.decode(given, skip_special_tokens=True))
    ends = np.zeros(len(given) + 1, dtype=np.int64)
    for n in range(1, len(given) + 1):
        begun = str(tokenizer.decode(given[:n], skip_special_tokens=True))
        ends[n] = max(ends[n - 1], _n_alike(begun, text))
    spans = np.stack([ends[:-1], ends[1:]], axis=1)
    special = set(tokenizer.all_special_ids)
    for token in range(len(given) - 2, -1, -1):
        if spans[token, 0] == spans[token, 1] and given[token] not in special:
            spans[token] = spans[token + 1]
    return text, spans


def _n_alike(one: str, other: str) -> int:
    """Count the characters with which both texts begin."""
    differ = (place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)
    return next(differ, min(len(one), len(other)))
