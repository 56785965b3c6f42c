"""Where tokens stand in their texts, and which of them make up a word.

Words are those of `words.py`: runs of letters, and single characters in scripts without spaces. A
token that reaches over several of them joins them, so that every token has one word.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from luthier.explanation import Words
from luthier.hf_types import Tokenizer
from luthier.ragged import Array
from luthier.text.spelled import spell_tokens
from luthier.text.tokenize import token_of_nothing
from luthier.text.windows import encode_windows
from luthier.text.words import split_words


@dataclass(frozen=True)
class Places:
    """Where the tokens of one item stand.

    Args:
        ids: The token ids, (tokens,).
        text_of: Number of the text of every token, -1 for special tokens, (tokens,).
        spans: Characters of every token in its text, (tokens, 2).
        texts: The texts that the tokens spell, where only these are known; None: the given ones.
    """

    ids: Array
    text_of: Array
    spans: Array
    texts: tuple[str, ...] | None = None


def places_of(
    tokenizer: Tokenizer,
    texts: Sequence[str],
    *,
    max_tokens: int,
    stride: int | None,
    windowed: bool,
) -> list[Places]:
    """Find the places of the tokens of one row, window by window.

    Args:
        tokenizer: A tokenizer of Transformers.
        texts: The row's one or two texts.
        max_tokens: Most tokens of a window.
        stride: Tokens that windows share; None for one window.
        windowed: Whether the row was encoded by `tokenize_windows` rather than `tokenize`.
    """
    if not getattr(tokenizer, "is_fast", False):
        return [_spelled(tokenizer, texts, max_tokens)]
    if windowed:
        first, second = [texts[0]], [texts[1]] if len(texts) == 2 else None
        parts, *_ = encode_windows(tokenizer, first, second, max_tokens=max_tokens, stride=stride)
    else:
        parts = tokenizer(
            *([text] for text in texts),
            truncation=True,
            max_length=max_tokens,
            return_offsets_mapping=True,
            verbose=False,
        ).encodings
    found = []
    for part in parts:
        text_of = np.array([-1 if one is None else one for one in part.sequence_ids], np.int64)
        spans = np.array(part.offsets, dtype=np.int64).reshape(-1, 2)
        if not part.ids:
            text_of, spans = np.array([-1]), np.zeros((1, 2), dtype=np.int64)
        ids = np.array(part.ids or [token_of_nothing(tokenizer)], dtype=np.int64)
        found.append(Places(ids, text_of, without_blanks(texts, text_of, spans)))
    return found


def _spelled(tokenizer: Tokenizer, texts: Sequence[str], max_tokens: int) -> Places:
    """Find places by a tokenizer that does not tell them, in the texts that its tokens spell."""
    given = tokenizer(*texts, truncation=True, max_length=max_tokens, verbose=False)["input_ids"]
    ids = np.array(given or [token_of_nothing(tokenizer)], dtype=np.int64)
    names = ("cls_token_id", "sep_token_id", "bos_token_id", "eos_token_id", "pad_token_id")
    borders = [token for name in names if (token := getattr(tokenizer, name, None)) is not None]
    is_text = ~np.isin(ids, borders)
    # each run of tokens between special ones is a text
    number = np.cumsum(np.diff(is_text, prepend=False) & is_text) - 1
    text_of = np.where(is_text, np.minimum(number, len(texts) - 1), -1)
    spans = np.zeros((len(ids), 2), dtype=np.int64)
    spelled = []
    for text in range(len(texts)):
        tokens = np.flatnonzero(text_of == text)
        found, spans[tokens] = spell_tokens(tokenizer, ids[tokens])
        spelled.append(found)
    return Places(ids, text_of, without_blanks(spelled, text_of, spans), tuple(spelled))


def without_blanks(texts: Sequence[str], text_of: Array, spans: Array) -> Array:
    """Remove leading blanks from the spans of tokens: some tokenizers include them.

    Args:
        texts: The texts.
        text_of: Number of the text of every token, -1 for special tokens, (tokens,).
        spans: Characters of every token in its text, (tokens, 2).
    """
    trimmed = spans.copy()
    for token, (text, (first, past)) in enumerate(zip(text_of, spans.tolist(), strict=True)):
        while text >= 0 and first < past and texts[text][first].isspace():
            first += 1
        trimmed[token, 0] = first
    return trimmed


def words_of(
    texts: Sequence[str],
    roles: Sequence[str],
    places: Places,
    *,
    given: Sequence[Sequence[tuple[int, int]]] | None = None,
) -> Words:
    """Find the words that have tokens, and the word of every token.

    Args:
        texts: The row's texts.
        roles: The column of each text.
        places: Where the tokens stand.
        given: Words of each text, where they are known; None: those of `words.py`.
    """
    texts = texts if places.texts is None else places.texts
    of_tokens = np.full(len(places.ids), -1, dtype=np.int64)
    found_roles: list[str] = []
    found_spans: list[tuple[int, int]] = []
    for number, text in enumerate(texts):
        borders = list(split_words(text) if given is None else given[number])
        starts = np.array([first for first, _ in borders], dtype=np.int64)
        ends = np.array([past for _, past in borders], dtype=np.int64)
        lasts: list[int] = []  # the last word that each joined word reaches to
        firsts: list[int] = []
        tokens = np.flatnonzero(
            (places.text_of == number) & (places.spans[:, 1] > places.spans[:, 0])
        )
        for token in tokens[np.argsort(places.spans[tokens, 0], kind="stable")]:
            begins, past = places.spans[token].tolist()
            first = int(np.searchsorted(ends, begins, side="right"))
            last = int(np.searchsorted(starts, past, side="left")) - 1
            if last < first:  # the token covers no word: a blank
                continue
            if firsts and first <= lasts[-1]:
                lasts[-1] = max(last, lasts[-1])
            else:
                firsts.append(first)
                lasts.append(last)
            of_tokens[token] = len(found_spans) + len(firsts) - 1
        found_roles += [roles[number]] * len(firsts)
        found_spans += [(int(starts[a]), int(ends[b])) for a, b in zip(firsts, lasts, strict=True)]
    spans = np.array(found_spans, dtype=np.int64).reshape(-1, 2)
    return Words(tuple(found_roles), spans, of_tokens, dict(zip(roles, texts, strict=True)))
