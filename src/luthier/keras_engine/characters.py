"""What a tokenizer makes of every character, as a table that a graph of TensorFlow can look up.

BERT's way of cleaning texts goes character by character: some are dropped, some become others,
some stand alone. What becomes of each is asked of the tokenizer itself, so the table is right
whatever edition of Unicode either side has.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from itertools import chain
from typing import Any

import numpy as np
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from luthier.ragged import Array

SPACE = ord(" ")
ITSELF, NOTHING = -1, -2
LAST, BLOCK = 0x110000, 0x100
SURROGATES = range(0xD800, 0xE000)  # no characters


def table_of(tokenizer: Any, *, apart: Iterable[str] = ()) -> tuple[Array, Array]:
    """Ask a tokenizer what becomes of every character.

    Args:
        tokenizer: A `tokenizers.Tokenizer` with a `BertNormalizer` and a `BertPreTokenizer`.
        apart: Characters that are to be kept, each as a word, whatever the tokenizer does.

    Returns:
        Characters from which on something else holds, (rows,); and what then becomes of one,
        (rows, width): characters, the one itself, or nothing. Words stand between spaces.
    """
    asked = tokenizer.normalizer
    how = (asked.clean_text, asked.handle_chinese_chars, asked.strip_accents, asked.lowercase)
    return _table(how, frozenset(map(ord, apart)))


@lru_cache(maxsize=4)
def _table(how: tuple[Any, ...], kept: frozenset[int]) -> tuple[Array, Array]:
    """Make the table once for each way of cleaning: it takes a second."""
    firsts: list[int] = []
    becomes: list[list[int]] = []
    for number, made in _becomes(BertNormalizer(*how), kept):
        if not becomes or becomes[-1] != made:
            firsts.append(number)
            becomes.append(made)
    width = max(map(len, becomes))
    filled = [made + [NOTHING] * (width - len(made)) for made in becomes]
    return np.array(firsts, dtype=np.int32), np.array(filled, dtype=np.int32)


def _becomes(normalizer: BertNormalizer, kept: frozenset[int]) -> Iterator[tuple[int, list[int]]]:
    """Say what becomes of every character, or of the first where a whole block goes one way."""
    clean, kinds = normalizer.normalize_str, _kinds()
    for start in range(0, LAST, BLOCK):
        block = range(start, start + BLOCK)
        text = "" if start in SURROGATES else "".join(map(chr, block))
        cleaned = clean(text)
        if kept.isdisjoint(block) and not cleaned:
            yield start, []
            continue
        if kept.isdisjoint(block) and cleaned == text and not kinds[start : start + BLOCK].any():
            yield start, [ITSELF]
            continue
        for number in block:
            if number in kept:
                yield number, _parted(ITSELF, 2)
                continue
            parts = [(one, kinds[one]) for one in map(ord, clean(chr(number)))]
            made = [_parted(ITSELF if one == number else one, kind) for one, kind in parts]
            yield number, list(chain(*made))


def _parted(character: int, kind: int) -> list[int]:
    """Put spaces where a character parts words."""
    return [[character], [SPACE], [SPACE, character, SPACE]][kind]


@cache
def _kinds() -> Array:
    """Say of every character whether it is (0) part of a word, (1) a space, (2) a word itself."""
    numbers = [number for number in range(LAST) if number not in SURROGATES]
    text = "a" + "a".join(map(chr, numbers)) + "a"
    kinds = np.ones(len(text), dtype=np.int8)
    for _, (start, end) in BertPreTokenizer().pre_tokenize_str(text):
        kinds[start:end] = 2 if end - start == 1 else 0
    found = np.zeros(LAST, dtype=np.int8)
    found[numbers] = kinds[1::2]
    return found
