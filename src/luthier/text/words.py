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
from operator import itemgetter

import regex

ALONE = r"\p{Han}\p{Hiragana}\p{Katakana}\u30fc\uff70\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
INSIDE = rf"[[\p{{L}}\p{{N}}\p{{M}}_]--[{ALONE}]]"  # what a grapheme inside a word begins with
WORD = regex.compile(rf"(?:(?={INSIDE})\X)+|\X", regex.V1)
Border = tuple[int, int]


def split_words(text: str) -> list[Border]:
    """Find the words.

    >>> [("It's 5°C")[a:b] for a, b in split_words("It's 5°C")]
    ['It', "'", 's', '5', '°', 'C']
    """
    return _without_blanks(text, (match.span() for match in WORD.finditer(text)))


def _without_blanks(text: str, pieces: Iterable[Border]) -> list[Border]:
    return [(first, past) for first, past in pieces if not text[first:past].isspace()]


def words_around(text: str, spans: Iterable[Border]) -> list[Border]:
    """Find the words, cut also at the borders of spans: each span is then a number of words."""
    borders = sorted({border for span in spans for border in span})
    words: list[Border] = []
    for first, past in split_words(text):
        inside = borders[bisect_right(borders, first) : bisect_left(borders, past)]
        words += _without_blanks(text, pairwise((first, *inside, past)))
    return words


def word_range(words: Sequence[Border], start: int, end: int) -> tuple[int, int]:
    """Give the first word and one past the last of those that lie between two characters.

    >>> word_range([(0, 3), (4, 7), (8, 9)], 4, 9)
    (1, 3)
    """
    first = bisect_left(words, start, key=itemgetter(0))
    return first, max(first, bisect_right(words, end, key=itemgetter(1)))
