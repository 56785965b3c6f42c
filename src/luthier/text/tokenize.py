"""Tokenizes texts to flat token ids, without padding; truncated tokens are counted.

Next: `padding.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from luthier.errors import DataError, ModelError
from luthier.hf_types import OF_RUST, Config, Tokenizer
from luthier.ragged import Array, Ragged, RaggedWriter

CHUNK = 512  # rows tokenized together: enough to use all threads, few enough for memory
LARGEST_UNASKED = 512  # default limit in tokens, as the cost of attention grows quadratically
KINDS = {"input_ids": np.int32, "token_type_ids": np.int8}  # models have at most five token types
ENDLESS = 1_000_000  # tokenizers without a limit declare one of at least this size


def tokenize(
    tokenizer: Tokenizer,
    texts: Sequence[str],
    pairs: Sequence[str] | None = None,
    *,
    max_tokens: int,
) -> tuple[dict[str, Ragged], Array]:
    """Tokenize texts, or pairs of them.

    Args:
        tokenizer: The tokenizer of the model.
        texts: The first or only text of each row.
        pairs: The second text of each row; None if rows have one text.
        max_tokens: Maximum number of tokens of a row, including special tokens. The longer text of
            a pair is truncated first.

    Returns:
        `input_ids`, and `token_type_ids` if the model has them, each (rows, tokens); and the
        number of tokens of each row before truncation, (rows,).

    Raises:
        DataError: A text is not a string.
    """
    for texts_of_role in (texts, pairs or ()):
        check_strings(texts_of_role)
    names = ["input_ids"]
    if "token_type_ids" in tokenizer.model_input_names:
        names.append("token_type_ids")
    written = {name: RaggedWriter(KINDS[name]) for name in names}
    full_lengths = np.empty(len(texts), dtype=np.int64)
    for start in range(0, len(texts), CHUNK):
        rows = slice(start, start + CHUNK)
        second = None if pairs is None else pairs[rows]
        chunk = _encode(tokenizer, texts[rows], second)
        lengths = [len(ids) for ids in chunk["input_ids"]]
        full_lengths[rows] = lengths
        _truncate(tokenizer, chunk, lengths, texts[rows], second, max_tokens=max_tokens)
        for name, writer in written.items():
            writer.add(chunk[name])
    return {name: writer.finish() for name, writer in written.items()}, full_lengths


def _encode(
    tokenizer: Tokenizer, texts: Sequence[str], pairs: Sequence[str] | None, **options: object
) -> dict[str, list[list[int]]]:
    both = [list(texts)] if pairs is None else [list(texts), list(pairs)]
    try:
        encoded = tokenizer(
            *both,
            return_attention_mask=False,
            return_token_type_ids="token_type_ids" in tokenizer.model_input_names,
            verbose=False,
            **options,
        )
    except OF_RUST as problem:
        if type(problem) is not OF_RUST:
            raise
        raise ModelError(
            "The tokenizer of the model cannot read these texts: its files are broken.",
            received=str(problem)[:200],
            hint="copy tokenizer.json and tokenizer_config.json of the model again",
        ) from problem
    empty = {"input_ids": [token_of_nothing(tokenizer)]}
    return {name: [row or empty.get(name, [0]) for row in rows] for name, rows in encoded.items()}


def token_of_nothing(tokenizer: Tokenizer) -> int:
    """Choose the token that represents an empty text if the tokenizer adds none (GPT-2).

    No model can read a row without tokens. The beginning-of-text token is preferred, since heads of
    decoders look for the last token that is not padding.
    """
    known = (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id)
    return next((token for token in known if token is not None), 0)


def _truncate(
    tokenizer: Tokenizer,
    chunk: dict[str, list[list[int]]],
    lengths: Sequence[int],
    texts: Sequence[str],
    pairs: Sequence[str] | None,
    *,
    max_tokens: int,
) -> None:
    """Tokenize the few rows that are too long again, with truncation."""
    long = [index for index, length in enumerate(lengths) if length > max_tokens]
    if not long:
        return
    cut = _encode(
        tokenizer,
        [texts[index] for index in long],
        None if pairs is None else [pairs[index] for index in long],
        truncation=True,
        max_length=max_tokens,
    )
    for name in chunk:
        for position, index in enumerate(long):
            chunk[name][index] = cut[name][position]


def check_strings(texts: Sequence[str]) -> None:
    """Raise if a text is not a string."""
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            raise DataError(
                f"Text {index + 1} is not a string.",
                received=f"{type(text).__name__}: {text!r}"[:80],
                hint="pass texts as strings; empty ones are allowed",
            )


def token_limit(tokenizer: Tokenizer, config: Config, *, asked: int | None = None) -> int:
    """Return the maximum number of tokens of a row.

    Args:
        tokenizer: The tokenizer, which may declare a limit.
        config: The model's configuration, which may declare another.
        asked: The limit that the recipe asks for; None takes the model's, but at most 512.

    Raises:
        ModelError: The recipe asks for more than the model can read.
    """
    limit = model_limit(tokenizer, config)
    if asked is None:
        return min(limit, LARGEST_UNASKED)
    if asked > limit:
        raise ModelError(
            f"The model reads at most {limit} tokens.",
            received=f"data.max_tokens={asked}",
            hint=f"data.max_tokens={limit}",
        )
    return asked


def model_limit(tokenizer: Tokenizer, config: Config) -> int:
    """Return how many tokens a model can read, including special tokens."""
    return min(positions_of(config), int(min(tokenizer.model_max_length, ENDLESS)))


def positions_of(config: Config) -> int:
    """Return how many token positions a model has."""
    positions = getattr(config, "max_position_embeddings", None) or -1
    if positions <= 0:
        return ENDLESS
    # RoBERTa and its relatives number positions from the padding token's id + 1
    return int(positions - (config.pad_token_id + 1 if _counts_from_padding(config) else 0))


def _counts_from_padding(config: Config) -> bool:
    families = ("roberta", "camembert", "mpnet", "longformer", "data2vec-text", "xmod", "esm")
    return config.pad_token_id is not None and any(
        family in config.model_type for family in families
    )
