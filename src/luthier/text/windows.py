"""Divides long texts into overlapping windows of tokens, and maps windows back to rows.

    text ─► tokens ─► windows of at most `max_tokens`, each sharing `stride` tokens with the last

Every token keeps its span of characters and its place in the row's text, so that the outputs for
tokens can be put together again. Next: `padding.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from luthier.errors import ModelError
from luthier.hf_types import Tokenizer
from luthier.ragged import Array, Ragged
from luthier.text.tokenize import CHUNK, check_strings, token_of_nothing

if TYPE_CHECKING:
    from tokenizers import Encoding

Cut: TypeAlias = "list[tuple[int, list[Encoding]]]"  # tokens and windows of each row


@dataclass(frozen=True)
class Windows:
    """Texts as windows of tokens.

    Args:
        inputs: Maps each model argument to the tokens of every window.
        row_of: The row of every window, (windows,).
        spans: The characters of the last text that each token covers, (tokens, 2) for each window;
            (0, 0) for tokens that cover none.
        places: The position of each token among all tokens of its row's last text, from 0; -1 for
            special tokens and tokens of another text.
        words: The number of the word that each token belongs to, by the tokenizer's own words; -1
            for special tokens.
        full_lengths: Number of tokens of every row, including special tokens, (rows,).
        kept_lengths: Number of those tokens that are in at least one window, (rows,).
    """

    inputs: dict[str, Ragged]
    row_of: Array
    spans: Ragged
    places: Ragged
    words: Ragged
    full_lengths: Array
    kept_lengths: Array

    def owned(self) -> Array:
        """Select each place's token in the window where it has most context, (all tokens,).

        The context of a token is the smaller of the numbers of tokens on its two sides (the "max
        context" of Devlin et al. 2018, https://github.com/google-research/bert).
        """
        places, offsets = self.places.values, self.places.offsets
        is_text = places >= 0
        window = np.repeat(np.arange(len(self.places)), self.places.lengths)  # (all tokens,)
        inside = np.arange(len(places)) - offsets[:-1][window]  # index in the window
        context = np.minimum(inside, self.places.lengths[window] - 1 - inside)
        # Sorted by row, place and falling context, the first token of each place is its owner.
        order = np.lexsort((-context, places, self.row_of[window]))
        order = order[is_text[order]]
        key = np.stack([self.row_of[window][order], places[order]])  # (2, text tokens)
        is_first = np.ones(len(order), dtype=bool)
        is_first[1:] = (key[:, 1:] != key[:, :-1]).any(axis=0)
        owned = np.zeros(len(places), dtype=bool)
        owned[order[is_first]] = True
        return owned


def tokenize_windows(
    tokenizer: Tokenizer,
    texts: Sequence[str],
    pairs: Sequence[str] | None = None,
    *,
    max_tokens: int,
    stride: int | None,
) -> Windows:
    """Tokenize texts, long ones in several windows. Of a pair, the second text is divided.

    Args:
        tokenizer: A fast tokenizer of Transformers.
        texts: The first or only text of each row.
        pairs: The second text of each row; None if rows have one text.
        max_tokens: Maximum number of tokens of a window, including special tokens.
        stride: Number of tokens that neighbouring windows share; None makes one window of each row
            and truncates the rest.

    Raises:
        DataError: A text is not a string.
        ModelError: The tokenizer does not map tokens to characters.
    """
    parts, row_of, full, shared = encode_windows(
        tokenizer, texts, pairs, max_tokens=max_tokens, stride=stride
    )
    rows_of_parts = np.array(row_of, dtype=np.int64)
    last = 0 if pairs is None else 1
    made = _lay_out(tokenizer, parts, rows_of_parts, full, shared=shared, last=last)
    _trim(made.spans, made.row_of, texts if pairs is None else pairs)
    return made


def encode_windows(
    tokenizer: Tokenizer,
    texts: Sequence[str],
    pairs: Sequence[str] | None,
    *,
    max_tokens: int,
    stride: int | None,
) -> tuple[list[Encoding], list[int], Array, int]:
    """Encode texts in windows; see `tokenize_windows`.

    Returns:
        The windows, the row of each, the tokens of every row, and how many tokens windows share.
    """
    if not getattr(tokenizer, "is_fast", False):
        raise ModelError(
            "This task needs a tokenizer that maps tokens to characters.",
            received=f"{type(tokenizer).__name__}, which is not a fast tokenizer",
            hint="a model with a tokenizer.json",
        )
    for role in (texts, pairs or ()):
        check_strings(role)
    if pairs is not None:
        texts = [_shorten(tokenizer, text, max_tokens // 2) for text in texts]
    n_special = tokenizer.num_special_tokens_to_add(pair=pairs is not None)
    room = max_tokens - n_special - (max_tokens // 2 if pairs is not None else 0)
    shared = 0 if stride is None else max(0, min(stride, room // 2))
    parts: list[Encoding] = []
    row_of: list[int] = []
    full = np.empty(len(texts), dtype=np.int64)
    for start in range(0, len(texts), CHUNK):
        rows = slice(start, start + CHUNK)
        second = None if pairs is None else pairs[rows]
        cut = _encode(
            tokenizer,
            texts[rows],
            second,
            truncation=True if pairs is None else "only_second",
            max_length=max_tokens,
            stride=shared,
            return_overflowing_tokens=stride is not None,
        )
        for row, (n_tokens, windows) in enumerate(cut, start=start):
            full[row] = n_tokens
            parts += windows
            row_of += [row] * len(windows)
    return parts, row_of, full, shared


def _trim(spans: Ragged, row_of: Array, texts: Sequence[str]) -> None:
    """Remove leading spaces from the spans of tokens: some tokenizers include them."""
    for window, row in enumerate(row_of):
        text, span = texts[row], spans[window]
        for token, (first, past) in enumerate(span.tolist()):
            while first < past and text[first].isspace():
                first += 1
                span[token, 0] = first


def _shorten(tokenizer: Tokenizer, text: str, most: int) -> str:
    """Truncate a first text that would leave no room for the second."""
    if len(text) <= most:
        return text
    spans = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    ends = [end for _, end in spans["offset_mapping"]]
    return text if len(ends) <= most else text[: ends[most - 1]]


def _encode(
    tokenizer: Tokenizer,
    texts: Sequence[str],
    pairs: Sequence[str] | None,
    *,
    max_length: int,
    **cutting: object,
) -> Cut:
    """Return the number of tokens and the windows of each row; only long rows are encoded twice."""
    columns = [list(texts)] if pairs is None else [list(texts), list(pairs)]
    whole = tokenizer(*columns, return_offsets_mapping=True, verbose=False).encodings
    windows = [[encoding] for encoding in whole]
    long = [row for row, encoding in enumerate(whole) if len(encoding.ids) > max_length]
    if long:
        again = tokenizer(
            *([column[row] for row in long] for column in columns),
            max_length=max_length,
            return_offsets_mapping=True,
            verbose=False,
            **cutting,
        )
        owners = again.get("overflow_to_sample_mapping", range(len(long)))
        for row in long:
            windows[row] = []
        for owner, encoding in zip(owners, again.encodings, strict=True):
            windows[long[owner]].append(encoding)
    return [(len(one.ids), parts) for one, parts in zip(whole, windows, strict=True)]


def _lay_out(
    tokenizer: Tokenizer,
    parts: list[Encoding],
    row_of: Array,
    full: Array,
    *,
    shared: int,
    last: int,
) -> Windows:
    """Turn encodings into flat arrays.

    Neighbouring windows of a row share `shared` tokens; `last` is the number of the text whose
    places are counted, from 0.
    """
    spans, places, words, ids, kinds = [], [], [], [], []
    kept = np.zeros(len(full), dtype=np.int64)
    row, start, n_inside = -1, 0, 0
    for window, encoding in enumerate(parts):
        sequence = np.array([-1 if one is None else one for one in encoding.sequence_ids])
        is_text = sequence == last
        if row_of[window] != row:
            row, start = int(row_of[window]), 0
        else:  # all windows of a row except the last have equally many tokens
            start += n_inside - shared
        n_inside = int(is_text.sum())
        place = np.full(len(sequence), -1, dtype=np.int64)
        place[is_text] = np.arange(start, start + n_inside)
        span = np.array(encoding.offsets, dtype=np.int64).reshape(-1, 2)
        span[~is_text] = 0
        places.append(place)
        spans.append(span)
        ids.append(encoding.ids or [token_of_nothing(tokenizer)])
        kinds.append(encoding.type_ids or [0])
        word_ids = [-1 if word is None else word for word in encoding.word_ids]
        words.append(word_ids or [-1])
        if not encoding.ids:
            places[-1], spans[-1] = np.array([-1]), np.zeros((1, 2), dtype=np.int64)
        kept[row] = start + n_inside + len(sequence) - n_inside
    inputs = {"input_ids": Ragged.of(ids)}
    if "token_type_ids" in tokenizer.model_input_names:
        inputs["token_type_ids"] = Ragged.of(kinds)
    return Windows(
        inputs,
        row_of,
        Ragged.of(spans, width=(2,)),
        Ragged.of(places),
        Ragged.of(words),
        np.maximum(full, 1),
        np.maximum(kept, 1),
    )
