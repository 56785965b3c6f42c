"""Which texts of two sets are compared, so that nothing tells them apart but what they say.

As many of each, cut to equal lengths, for the vectors; as many words of each, for vocabularies.
Next: `distance.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from luthier.text.words import split_words

MOST_WORDS = 200_000  # of each set, whose vocabularies are compared
LEAST_TEXTS = 3  # that a word of a vocabulary occurs in
COMMONEST = 100  # words of each set, at most a twentieth, that say nothing: the, of, and …


def drawn(texts: Sequence[str], n: int, draw: np.random.Generator) -> list[str]:
    """Draw some of the texts."""
    return [texts[row] for row in draw.permutation(len(texts))[:n]]


def of_equal_length(first: Sequence[str], second: Sequence[str]) -> tuple[list[str], list[str]]:
    """Pair texts by length and cut both to a word less than the shorter one has.

    So no text of two words or more keeps its end, and a full stop tells nothing.

    >>> of_equal_length(["One two three ."], ["Ein zwei drei vier fünf ."])
    (['One two three'], ['Ein zwei drei'])
    """
    ordered = [sorted(one, key=lambda text: len(split_words(text))) for one in (first, second)]
    cut: tuple[list[str], list[str]] = ([], [])
    for pair in zip(*ordered, strict=True):
        words = [split_words(text) for text in pair]
        most = max(1, min(map(len, words)) - 1)
        for kept, text, borders in zip(cut, pair, words, strict=True):
            kept.append(text[: borders[most - 1][1]])
    return cut


def in_equal_amounts(
    first: Sequence[str], second: Sequence[str], draw: np.random.Generator
) -> tuple[list[str], list[str]]:
    """Draw texts of each set until they have as many words as the smaller set, or enough."""
    counts = [[len(split_words(text)) for text in one] for one in (first, second)]
    most = min(MOST_WORDS, *map(sum, counts))
    kept: tuple[list[str], list[str]] = ([], [])
    for texts, of_texts, some in zip((first, second), counts, kept, strict=True):
        n_words = 0
        for row in draw.permutation(len(texts)):
            if n_words >= most:
                break
            some.append(texts[row])
            n_words += of_texts[row]
    return kept


def halved(texts: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """Split texts, which are in an order of chance, in two."""
    return texts[::2], texts[1::2]


def vocabulary(texts: Sequence[str]) -> set[str]:
    """Gather the words of three texts and more, without the commonest, which are everywhere."""
    n_texts = Counter[str]()
    for text in texts:
        n_texts.update({text[a:b].casefold() for a, b in split_words(text) if text[a:b].isalpha()})
    n_common = min(COMMONEST, len(n_texts) // 20)
    common = {word for word, _ in n_texts.most_common(n_common)}
    return {word for word, n in n_texts.items() if n >= LEAST_TEXTS and word not in common}


def jaccard(first: set[str], second: set[str]) -> float:
    """Return the share of all words that are in both sets.

    >>> jaccard({"a", "b"}, {"b", "c"})
    0.3333333333333333
    """
    return len(first & second) / max(1, len(first | second))
