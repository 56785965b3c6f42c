"""Words and their tokens: labels of words as targets, logits of tokens as outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from luthier.items import Items
from luthier.padding import IGNORED
from luthier.ragged import Array, Ragged
from luthier.text.windows import Windows


@dataclass(frozen=True)
class Pieces:
    """Outputs for the tokens of every row; baselines have one token per word.

    Args:
        logits: Logit of every label, (tokens, labels) per row.
        word_of: Word that each token is part of, from 0, (tokens,) per row.
        spans: Characters of each token, (tokens, 2) per row; None for baselines.
        n_words: Words of every row, (rows,).
        transitions: Score of each label after each other, (labels + 1, labels); None without a CRF.
    """

    logits: Ragged
    word_of: Ragged
    spans: Ragged | None
    n_words: Array
    transitions: Array | None = None

    def __len__(self) -> int:
        return len(self.n_words)

    @property
    def offsets(self) -> Array:
        """Start of every row's tokens, (rows + 1,)."""
        return self.logits.offsets

    def take(self, chosen: Sequence[int] | Array) -> Pieces:
        """Keep the rows at `chosen`, in that order."""
        return Pieces(
            self.logits.take(chosen),
            self.word_of.take(chosen),
            None if self.spans is None else self.spans.take(chosen),
            self.n_words[chosen],
            self.transitions,
        )

    def of_words(self) -> tuple[Ragged, Array]:
        """Return the logits of each word's first token, and whether the model saw it.

        Returns:
            Logits, (words, labels) per row, zeros for unseen words; and a mask, (all words,).
        """
        ends = np.concatenate([[0], np.cumsum(self.n_words)])
        row = np.repeat(np.arange(len(self)), self.logits.lengths)  # of every token, (all tokens,)
        word = ends[row] + self.word_of.values  # among all words of all rows
        seen, first = np.unique(word, return_index=True)
        logits = np.zeros((int(ends[-1]), self.logits.values.shape[-1]), dtype=np.float32)
        is_seen = np.zeros(int(ends[-1]), dtype=bool)
        logits[seen] = self.logits.values[first]
        is_seen[seen] = True
        return Ragged(logits, ends), is_seen

    @staticmethod
    def of_each_word(logits: Array, n_words: Array) -> Pieces:
        """Make outputs with one token per word from logits of all words, (all words, labels)."""
        offsets = np.concatenate([[0], np.cumsum(n_words)])
        places = np.arange(len(logits)) - np.repeat(offsets[:-1], n_words)
        return Pieces(Ragged(logits, offsets), Ragged(places, offsets), None, n_words)


def label_pieces(
    made: Windows, words: Sequence[Sequence[tuple[int, int]]], gold: Ragged | None
) -> tuple[Ragged, Ragged | None]:
    """Find the word of every token, and give each word's label to its first token.

    Where windows overlap, a word is learned in the one with most context around it.

    Args:
        made: The windows.
        words: Characters of the words of every row.
        gold: Label ids of the words of every row, or None.

    Returns:
        Word of every token, -1 for none, (tokens,) per window; and labels likewise, -100 for
        tokens without a target.
    """
    word_of = np.full(len(made.places.values), -1, dtype=np.int64)
    borders: dict[int, tuple[Array, Array]] = {}
    for window, row in enumerate(made.row_of.tolist()):
        if row not in borders:
            borders = {row: (_column(words[row], 0), _column(words[row], 1))}
        starts, ends = borders[row]
        if not len(starts):
            continue
        here = slice(made.places.offsets[window], made.places.offsets[window + 1])
        span = made.spans.values[here]
        found = np.searchsorted(starts, span[:, 0], side="right") - 1  # last word begun, (tokens,)
        inside = (made.places.values[here] >= 0) & (found >= 0) & (span[:, 1] > span[:, 0])
        inside &= span[:, 0] < ends[found]
        word_of[here] = np.where(inside, found, -1)
    word_of_tokens = Ragged(word_of, made.places.offsets)
    if gold is None:
        return word_of_tokens, None
    labels = np.full(len(word_of), IGNORED, dtype=np.int64)
    counted = np.flatnonzero(made.owned() & (word_of >= 0))
    row = np.repeat(made.row_of, made.places.lengths)[counted]
    key = gold.offsets[row] + word_of[counted]  # number of the word among all words
    # sorted by word, then by place: the first token of each word is the one that is learned
    order = np.lexsort((made.places.values[counted], key))
    _, first = np.unique(key[order], return_index=True)
    chosen = counted[order[first]]
    labels[chosen] = gold.values[key[order[first]]]
    return word_of_tokens, Ragged(labels, made.places.offsets)


def _column(spans: Sequence[tuple[int, int]], side: int) -> Array:
    return np.array([span[side] for span in spans], dtype=np.int64)


@dataclass(frozen=True)
class WordLayout:
    """Which words the tokens of every window belong to.

    Args:
        words: Word of every token, -1 for none, (tokens,) per window.
        spans: Characters of every token, (tokens, 2) per window.
        owned: Tokens whose own window sees most around them, (all tokens,).
    """

    words: Ragged
    spans: Ragged
    owned: Array


def gather_pieces(
    logits: Ragged, items: Items, n_words: Array, *, transitions: Array | None
) -> Pieces:
    """Merge the windows of every row: each token comes from the window with most context.

    Args:
        logits: Logits of the tokens of every window, (tokens, labels) per window.
        items: Their layout says which tokens count, and which words they belong to.
        n_words: Words of every row, (rows,).
        transitions: Transition scores of a CRF; None without one.
    """
    layout: WordLayout = items.layout
    words = layout.words
    # tokens that belong to a word and whose own window has most context around them, (kept,)
    kept = np.flatnonzero(layout.owned & (words.values >= 0))
    row = np.repeat(items.rows, words.lengths)[kept]
    order = np.argsort(row, kind="stable")  # windows of a row follow one another already
    kept, row = kept[order], row[order]
    counts = np.bincount(row, minlength=len(n_words))
    offsets = np.concatenate([[0], np.cumsum(counts)])
    values = logits.values.reshape(len(words.values), -1)
    return Pieces(
        Ragged(values[kept], offsets),
        Ragged(words.values[kept], offsets),
        Ragged(layout.spans.values[kept], offsets),
        n_words,
        transitions,
    )
