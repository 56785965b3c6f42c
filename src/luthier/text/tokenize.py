"""From texts to token ids, kept flat: nothing is padded here, and what is cut off is counted.

Next: `batches.py`, which pads.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from luthier.errors import DataError, ModelError
from luthier.ragged import Array, Ragged, RaggedWriter

CHUNK = 512  # rows given to the tokenizer together: enough to use its threads, little to hold
LARGEST_UNASKED = 512  # tokens: attention's cost grows with the square
KINDS = {"input_ids": np.int32, "token_type_ids": np.int8}  # of texts there are two kinds, or five
ENDLESS = 1_000_000  # tokenizers without a limit state one of this size and more


def tokenize(
    tokenizer: Any, texts: Sequence[str], pairs: Sequence[str] | None = None, *, max_tokens: int
) -> tuple[dict[str, Ragged], Array]:
    """Tokenize texts, or pairs of them.

    Args:
        tokenizer: A tokenizer of Transformers.
        texts: The first or only text of each row.
        pairs: The second text of each row.
        max_tokens: Tokens kept of each row, special ones included. Of a pair, the longer text is
            cut first.

    Returns:
        `input_ids`, and `token_type_ids` where the model has them, each (rows, tokens); and the
        tokens that each row had before anything was cut off, (rows,).

    Raises:
        DataError: A text is not a string.
    """
    for texts_of_role in (texts, pairs or ()):
        refuse_what_is_no_text(texts_of_role)
    names = ["input_ids"]
    if "token_type_ids" in tokenizer.model_input_names:
        names.append("token_type_ids")
    written = {name: RaggedWriter(KINDS[name]) for name in names}
    full_lengths = np.empty(len(texts), dtype=np.int64)
    for start in range(0, len(texts), CHUNK):
        rows = slice(start, start + CHUNK)
        chunk = _encode(tokenizer, texts[rows], None if pairs is None else pairs[rows])
        lengths = [len(ids) for ids in chunk["input_ids"]]
        full_lengths[rows] = lengths
        _cut(
            tokenizer,
            chunk,
            lengths,
            texts[rows],
            None if pairs is None else pairs[rows],
            max_tokens=max_tokens,
        )
        for name, writer in written.items():
            writer.add(chunk[name])
    return {name: writer.finish() for name, writer in written.items()}, full_lengths


def _encode(
    tokenizer: Any, texts: Sequence[str], pairs: Sequence[str] | None, **options: Any
) -> dict[str, list[list[int]]]:
    both = [list(texts)] if pairs is None else [list(texts), list(pairs)]
    encoded = tokenizer(
        *both,
        return_attention_mask=False,
        return_token_type_ids="token_type_ids" in tokenizer.model_input_names,
        verbose=False,
        **options,
    )
    instead = {"input_ids": [token_of_nothing(tokenizer)]}
    return {name: [row or instead.get(name, [0]) for row in rows] for name, rows in encoded.items()}


def token_of_nothing(tokenizer: Any) -> int:
    """Choose what stands for an empty text where a tokenizer adds no tokens of its own (GPT-2).

    No model can read a row of no tokens. The token that texts begin with comes first, since heads
    of decoders look for the last token that is no padding.
    """
    known = (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id)
    return next((token for token in known if token is not None), 0)


def _cut(
    tokenizer: Any,
    chunk: dict[str, list[list[int]]],
    lengths: Sequence[int],
    texts: Sequence[str],
    pairs: Sequence[str] | None,
    *,
    max_tokens: int,
) -> None:
    """Tokenize again, with truncation, the few rows that are too long."""
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


def refuse_what_is_no_text(texts: Sequence[str]) -> None:
    """Raise where a text is not a string."""
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            raise DataError(
                f"Text {index + 1} is not a string.",
                received=f"{type(text).__name__}: {text!r}"[:80],
                hint="give texts as strings; an empty one is fine",
            )


def token_limit(tokenizer: Any, config: Any, *, asked: int | None = None) -> int:
    """Say how many tokens of a row are kept.

    Args:
        tokenizer: It may state a limit.
        config: The model's configuration, which may too.
        asked: What the recipe asks for; None: the model's limit, at most 512.

    Raises:
        ModelError: More is asked for than the model can read.
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


def model_limit(tokenizer: Any, config: Any) -> int:
    """Say how many tokens a model can read, special ones included."""
    return min(positions_of(config), int(min(tokenizer.model_max_length, ENDLESS)))


def positions_of(config: Any) -> int:
    """Say how many positions a model has for tokens."""
    positions = getattr(config, "max_position_embeddings", None) or -1
    if positions <= 0:
        return ENDLESS
    # RoBERTa and its kin begin to count after the padding token's id
    return int(positions - (config.pad_token_id + 1 if _counts_from_padding(config) else 0))


def _counts_from_padding(config: Any) -> bool:
    families = ("roberta", "camembert", "mpnet", "longformer", "data2vec-text", "xmod", "esm")
    return config.pad_token_id is not None and any(
        family in config.model_type for family in families
    )
