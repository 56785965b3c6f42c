"""Holes in a text, and what fills them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import zip_longest
from typing import Any

from luthier.errors import DataError
from luthier.hf_types import Tokenizer
from luthier.ragged import Array

HOLE = re.compile(r"\[MASK\]|<mask>")


def no_hole(text: str) -> DataError:
    """Make the error that a text has no hole to fill."""
    return DataError(
        "No word is masked in this text.",
        received=text[:60],
        hint="put the tokenizer's mask, such as [MASK] or <mask>, where a word is missing",
    )


def fillings(guesses: Array, n_holes: int, tokenizer: Tokenizer) -> list[list[dict[str, Any]]]:
    """List what fills each mask, best first, from (holes × guesses, 2) ids and probabilities."""
    if n_holes == 0:
        return []
    each = guesses.reshape(n_holes, -1, 2)
    return [
        [
            {
                "score": float(score),
                "token": int(token),
                "token_str": str(tokenizer.decode([int(token)])).strip(),
            }
            for token, score in hole
        ]
        for hole in each
    ]


def fill(text: str, guess: Mapping[str, Any], hole: int) -> str:
    """Put a guess in place of one of a text's masks.

    >>> fill("a [MASK] and a [MASK]", {"token_str": "cat"}, 1)
    'a [MASK] and a cat'
    """
    parts = HOLE.split(text)
    marks = HOLE.findall(text)
    if hole >= len(marks):
        return text
    marks[hole] = str(guess["token_str"])
    return "".join(one for pair in zip_longest(parts, marks, fillvalue="") for one in pair)
