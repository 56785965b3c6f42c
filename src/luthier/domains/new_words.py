"""Words of a domain that a tokenizer cuts into many pieces, as candidates for its vocabulary.

Ranked by what they save: how often a word occurs times the pieces that it is cut into more. How a
new word's row starts: `models/new_tokens.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass

from luthier.hf_types import Tokenizer
from luthier.models.new_tokens import add_words
from luthier.text.words import split_words

LEAST_TEXTS = 5  # that a word must occur in
LEAST_LETTERS = 3
PROBE = "qzxqjv"  # a word that no tokenizer has


@dataclass(frozen=True)
class NewWord:
    """A word that is cut into pieces.

    Args:
        word: The word, as the tokenizer compares words.
        count: How often it occurs.
        n_texts: How many texts it occurs in.
        n_pieces: The pieces that it is cut into.
        saved: Tokens that a text becomes shorter by where it stands as one.
    """

    word: str
    count: int
    n_texts: int
    n_pieces: int
    saved: int


def new_words(texts: Sequence[str], tokenizer: Tokenizer, most: int) -> list[NewWord]:
    """Choose the words whose addition saves most tokens, the best first.

    Left out are words of fewer than five texts, of fewer than three letters, those without any,
    and those that the tokenizer would not find again.

    Args:
        texts: Texts of the domain.
        tokenizer: The tokenizer, which is not changed.
        most: How many words at most.
    """
    counts, n_texts = Counter[str](), Counter[str]()
    for text in texts:
        words = [_normal(text[first:past], tokenizer) for first, past in split_words(text)]
        counts.update(words)
        n_texts.update(set(words))
    overhead = _overhead(tokenizer)
    found = []
    for word, often in n_texts.items():
        if often < LEAST_TEXTS or sum(map(str.isalpha, word)) < LEAST_LETTERS:
            continue
        n_pieces = _length(tokenizer, f"a {word}") - _length(tokenizer, "a")
        if (saved := n_pieces - 1 - overhead) > 0:
            found.append(NewWord(word, counts[word], often, n_pieces, saved))
    found.sort(key=lambda one: (-one.count * one.saved, one.word))
    return _kept_whole(found[:most], tokenizer)


def pieces_per_word(texts: Sequence[str], tokenizer: Tokenizer) -> tuple[float, float]:
    """Count the tokens of a word on average, and the share of them that are unknown."""
    words = sum(len(split_words(text)) for text in texts)
    tokens = [one for text in texts for one in _ids(tokenizer, text)]
    n_unknown = sum(one == tokenizer.unk_token_id for one in tokens)
    return len(tokens) / max(1, words), n_unknown / max(1, len(tokens))


def with_words(tokenizer: Tokenizer, words: Sequence[str]) -> Tokenizer:
    """Copy a tokenizer and add words to it."""
    longer = deepcopy(tokenizer)
    add_words(longer, list(words))
    return longer


def dropped(words: Sequence[str], tokenizer: Tokenizer) -> list[str]:
    """List those of the words that a tokenizer was given and does not find in a text."""
    known = tokenizer.get_added_vocab()
    return [word for word in words if known.get(word) not in _ids(tokenizer, f"a {word} a")]


def _kept_whole(found: list[NewWord], tokenizer: Tokenizer) -> list[NewWord]:
    """Leave out the words that the tokenizer would not find: it compares other forms of them."""
    if not found:
        return []
    longer = with_words(tokenizer, [one.word for one in found])
    lost = {*dropped([one.word for one in found], longer)}
    return [one for one in found if one.word not in lost]


def _overhead(tokenizer: Tokenizer) -> int:
    """Count the tokens that stand beside an added word: byte-level ones keep its blank."""
    longer = with_words(tokenizer, [PROBE])
    return _length(longer, f"a {PROBE}") - _length(longer, "a") - 1


def _normal(word: str, tokenizer: Tokenizer) -> str:
    """Write a word as the tokenizer compares it: in small letters, say."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    normalizer = getattr(backend, "normalizer", None)
    normal = word if normalizer is None else str(normalizer.normalize_str(word))
    return word if normal.startswith("▁") else normal.strip()


def _ids(tokenizer: Tokenizer, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])


def _length(tokenizer: Tokenizer, text: str) -> int:
    return len(_ids(tokenizer, text))
