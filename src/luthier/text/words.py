"""From text to words, in any script, as spans of characters.

Letters, digits and their marks that stand together are one word; every other sign is a word of its
own. Scripts that write no spaces between words (Han, Hiragana, Katakana, Thai, Lao, Khmer,
Myanmar) are cut into their signs. Nothing is cut inside a grapheme: combining marks and joined
emoji stay whole (Unicode Standard Annex 29).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import pairwise

import regex

ALONE = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
INSIDE = rf"[[\p{{L}}\p{{N}}\p{{M}}_]--[{ALONE}]]"
WORD = regex.compile(rf"{INSIDE}(?:{INSIDE}|[\u200c\u200d](?={INSIDE}))*|\X", regex.V1)
Border = tuple[int, int]


def split_words(text: str) -> list[Border]:
    """Find the words.

    >>> [("It's 5°C")[a:b] for a, b in split_words("It's 5°C")]
    ['It', "'", 's', '5', '°', 'C']
    """
    found = (match.span() for match in WORD.finditer(text))
    return [(a, b) for a, b in found if not text[a:b].isspace()]


def words_around(text: str, spans: Iterable[Border]) -> list[Border]:
    """Find the words, cut also at the borders of spans: each span is then a number of words."""
    borders = sorted({border for span in spans for border in span})
    words: list[Border] = []
    for first, past in split_words(text):
        inside = borders[bisect_right(borders, first) : bisect_left(borders, past)]
        ends = [first, *inside, past]
        words += pairwise(ends)
    return words


def word_range(words: Sequence[Border], start: int, end: int) -> tuple[int, int]:
    """Give the first word and one past the last that lie between two characters."""
    first = bisect_left(words, (start, -1))
    past = first
    while past < len(words) and words[past][1] <= end:
        past += 1
    return first, past
