"""What a tokenizer makes of every character, as a table for lookup in a TensorFlow graph.

BERT cleans texts character by character: some characters are dropped, some are replaced, some are
words of their own. The table is filled by running the tokenizer itself on every character, so it
is right whichever version of Unicode either library has.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from itertools import chain
from typing import Any

import numpy as np
from tokenizers import Tokenizer
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from luthier.ragged import Array

SPACE = ord(" ")
ITSELF, NOTHING = -1, -2
LAST, BLOCK = 0x110000, 0x100
SURROGATES = range(0xD800, 0xE000)  # code points that are not characters


def table_of(tokenizer: Tokenizer, *, apart: Iterable[str] = ()) -> tuple[Array, Array]:
    """Compute what becomes of every character in a tokenizer.

    Args:
        tokenizer: A tokenizer with a `BertNormalizer` and a `BertPreTokenizer`.
        apart: Characters to keep, each as a word of its own, whatever the tokenizer does.

    Returns:
        The first character of each row of the table, (rows,), which holds up to the next row; and
        what such a character becomes, (rows, width): characters, `ITSELF`, or `NOTHING` as
        filling. Words are separated by spaces.
    """
    asked = tokenizer.normalizer
    how = (asked.clean_text, asked.handle_chinese_chars, asked.strip_accents, asked.lowercase)
    return _table(how, frozenset(map(ord, apart)))


@lru_cache(maxsize=8)
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
    """Yield what becomes of every character; a block that is treated alike is yielded once."""
    clean, kinds = normalizer.normalize_str, _kinds()
    for start in range(0, LAST, BLOCK):
        block = range(start, start + BLOCK)
        text = "" if start in SURROGATES else "".join(map(chr, block))
        cleaned = clean(text)
        is_kept = cleaned == text and not kinds[start : start + BLOCK].any()
        if kept.isdisjoint(block) and (is_kept or not cleaned):
            yield start, [ITSELF] if cleaned else []
            continue
        for number in block:
            if number in kept:
                yield number, _parted(ITSELF, 2)
                continue
            parts = [(one, kinds[one]) for one in map(ord, clean(chr(number)))]
            made = [_parted(ITSELF if one == number else one, kind) for one, kind in parts]
            yield number, list(chain(*made))


def _parted(character: int, kind: int) -> list[int]:
    """Add spaces by kind: 0 part of a word, 1 a separator, 2 a word of its own."""
    return [[character], [SPACE], [SPACE, character, SPACE]][kind]


@cache
def _kinds() -> Array:
    """Classify every character: 0 part of a word, 1 a space, 2 a word of its own, (characters,)."""
    numbers = [number for number in range(LAST) if number not in SURROGATES]
    text = "a" + "a".join(map(chr, numbers)) + "a"  # each between letters, in one call
    kinds = np.ones(len(text), dtype=np.int8)
    for _, (start, end) in BertPreTokenizer().pre_tokenize_str(text):
        kinds[start:end] = 2 if end - start == 1 else 0
    found = np.zeros(LAST, dtype=np.int8)
    found[numbers] = kinds[1::2]
    return found
