"""Splits text of any script into words, as spans of characters.

A run of letters, digits and their combining marks is one word; any other character is a word of its
own. Scripts without spaces between words (Han, Hiragana, Katakana, Thai, Lao, Khmer, Myanmar) are
split into single characters. Graphemes are never split: combining marks and joined emoji stay whole
(Unicode Standard Annex 29).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import pairwise
from operator import itemgetter

import regex

ALONE = r"\p{Han}\p{Hiragana}\p{Katakana}\u30fc\uff70\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
INSIDE = rf"[[\p{{L}}\p{{N}}\p{{M}}_]--[{ALONE}]]"  # first characters of graphemes inside words
WORD = regex.compile(rf"(?:(?={INSIDE})\X)+|\X", regex.V1)
Border = tuple[int, int]


def split_words(text: str) -> list[Border]:
    """Return the words of a text.

    >>> [("It's 5°C")[a:b] for a, b in split_words("It's 5°C")]
    ['It', "'", 's', '5', '°', 'C']
    """
    return _without_blanks(text, (match.span() for match in WORD.finditer(text)))


def _without_blanks(text: str, pieces: Iterable[Border]) -> list[Border]:
    return [(first, past) for first, past in pieces if not text[first:past].isspace()]


def words_around(text: str, spans: Iterable[Border]) -> list[Border]:
    """Return the words, also split at the borders of spans: a span then has whole words."""
    borders = sorted({border for span in spans for border in span})
    words: list[Border] = []
    for first, past in split_words(text):
        inside = borders[bisect_right(borders, first) : bisect_left(borders, past)]
        words += _without_blanks(text, pairwise((first, *inside, past)))
    return words


def word_range(words: Sequence[Border], start: int, end: int) -> tuple[int, int]:
    """Return the range (first, past) of the words that lie between two characters.

    >>> word_range([(0, 3), (4, 7), (8, 9)], 4, 9)
    (1, 3)
    """
    first = bisect_left(words, start, key=itemgetter(0))
    return first, max(first, bisect_right(words, end, key=itemgetter(1)))
