"""Words added to a vocabulary: matched as whole words, their vectors started from their pieces.

A domain's word that the tokenizer cuts into many pieces becomes one token, whose row in every table
over the vocabulary starts as the mean of the rows of those pieces. So nothing is random, and the
model knows of the word what it knew of its pieces. Next: `load.py`, which calls both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import regex
import torch
from tokenizers import AddedToken
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast
from transformers.tokenization_python import Trie

from luthier.hf_types import Model, Tokenizer

EDGE_OF_WORD = regex.compile(r"^\w|\w$")  # markers such as <NUM> match wherever they stand
NO_SPACES = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]")


def add_words(tokenizer: Tokenizer, words: Sequence[str]) -> None:
    """Add words that the tokenizer shall no longer cut, where they stand as whole words.

    `Tarceva` is then one token, and `preTarcevapost` is cut as before. Scripts that put no spaces
    between words have no such borders, so their words match everywhere.
    """
    tokenizer.add_tokens(
        [
            AddedToken(
                word,
                single_word=bool(EDGE_OF_WORD.search(word)) and not NO_SPACES.search(word),
                normalized=_is_found_normalized(tokenizer, word),
            )
            for word in words
        ]
    )
    match_whole_words(tokenizer)


def _is_found_normalized(tokenizer: Tokenizer, word: str) -> bool:
    """Return whether to match a word after normalization, that is, without regard to case.

    Llama's normalizer writes a space before every text, a single word too, so what it makes of the
    word is not found inside a text.
    """
    if not isinstance(tokenizer, PreTrainedTokenizerFast):
        return True
    normalizer = tokenizer.backend_tokenizer.normalizer
    normalized = word if normalizer is None else normalizer.normalize_str(word)
    return normalized.startswith("▁") == word.startswith("▁")


def match_whole_words(tokenizer: Tokenizer) -> None:
    """Have a tokenizer written in Python look for whole words where its added tokens ask for them.

    Transformers' own search glues the rest of a longer word back in two texts, not in one.
    """
    words = {
        token.content for token in tokenizer.added_tokens_decoder.values() if token.single_word
    }
    found = getattr(tokenizer, "tokens_trie", None)
    if found is not None and words:
        tokenizer.tokens_trie = WholeWords(found._tokens, words)


class WholeWords(Trie):
    """A search for added tokens that splits at some of them only between spaces.

    Args:
        tokens: All added tokens.
        words: Those of them that are whole words.
    """

    def __init__(self, tokens: set[str], words: set[str]):
        self.words = words
        super().__init__(tokens)  # type: ignore[no-untyped-call]

    def split(self, text: str) -> list[str]:
        """Split a text at the added tokens; the parts together are the text."""
        parts = [part for part in super().split(text) if part]
        joined: list[str] = []
        sticks = False  # whether the last part is a piece of a longer word
        for part, after in zip(parts, [*parts[1:], " "], strict=True):
            before = joined[-1] if joined else " "
            is_inside = part in self.words and not (before[-1].isspace() and after[0].isspace())
            if joined and (sticks or is_inside):
                joined[-1] += part
            else:
                joined.append(part)
            sticks = is_inside
        return joined


def pieces_of_new_words(tokenizer: Tokenizer, before: Tokenizer) -> dict[int, list[int]]:
    """Find the words that were added to a tokenizer, and how it cut them before.

    Args:
        tokenizer: The tokenizer with the words added.
        before: The tokenizer without them.

    Returns:
        The id of each new word to the ids of its pieces, at least one.
    """
    known = before.get_vocab()
    cut = {
        number: before(word, add_special_tokens=False)["input_ids"]
        for word, number in tokenizer.get_added_vocab().items()
        if word not in known
    }
    return {number: list(pieces) for number, pieces in cut.items() if len(pieces)}


@torch.no_grad()
def start_from_pieces(model: Model, pieces: dict[int, list[int]]) -> None:
    """Set the rows of new words to the mean of their pieces' rows, in every table of the model.

    Args:
        model: The model of Transformers, its tables already as long as the vocabulary.
        pieces: The id of each new word to the ids of the pieces it replaces.
    """
    for table in _tables(model):
        for number, replaced in pieces.items():
            table[number] = table[replaced].mean(dim=0)


def _tables(model: Model) -> Iterator[Tensor]:
    """Yield what has a row for each token: (vocabulary, width), and biases of the output."""
    n_tokens = len(model.get_input_embeddings().weight)
    for module in model.modules():
        if isinstance(module, nn.Embedding) and module.num_embeddings == n_tokens:
            yield module.weight
    output = model.get_output_embeddings()
    if output is not None:
        yield output.weight
    biases = getattr(output, "bias", None), getattr(model, "final_logits_bias", None)  # BART's
    yield from (one.flatten() for one in biases if one is not None)
