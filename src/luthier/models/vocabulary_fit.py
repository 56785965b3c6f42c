"""Checks that a tokenizer belongs to a model: its ids must have rows in the model's embedding."""

from __future__ import annotations

from collections.abc import Mapping

from luthier.errors import ModelError
from luthier.hf_types import Config, Tokenizer

COPY = "copy tokenizer.json, tokenizer_config.json and config.json of one model into its folder"
OWN_WORDS = "; words of your own are added by model.new_tokens=[WORD]"
STARTS = ("decoder_start_token_id", "forced_bos_token_id", "forced_eos_token_id")


def refuse_empty_vocabulary(tokenizer: Tokenizer, name: str) -> None:
    """Raise if a tokenizer has no vocabulary beside its special tokens.

    Transformers constructs such a tokenizer from a configuration alone, without a warning; it would
    encode all texts alike.
    """
    words = tokenizer.get_vocab().keys() - tokenizer.get_added_vocab().keys()
    if not words - set(tokenizer.all_special_tokens):
        raise ModelError(
            "The tokenizer has no vocabulary: its files are not beside the model.",
            received=name,
            hint="copy tokenizer.json and tokenizer_config.json of the model into its folder",
        )


def refuse_foreign_vocabulary(tokenizer: Tokenizer, config: Config, name: str) -> None:
    """Raise if a token has no row in the model's embedding, so that no text could be read.

    Tokens that were added may lie directly beyond it: rows are added for them.

    Raises:
        ModelError: A token's id is too large, or the token that texts start with.
    """
    n_rows = getattr(config, "vocab_size", None)
    if not isinstance(n_rows, int):
        return
    added = tokenizer.get_added_vocab()
    own = {token: number for token, number in tokenizer.get_vocab().items() if token not in added}
    _refuse_beyond(own, n_rows, name)
    _refuse_beyond(added, max(n_rows, len(tokenizer)), name)
    for field in STARTS:
        refuse_unknown_token(getattr(config, field, None), n_rows, f"{name}, config.json: {field}")


def _refuse_beyond(tokens: Mapping[str, int], n_rows: int, name: str) -> None:
    beyond = {token: number for token, number in tokens.items() if number >= n_rows}
    if beyond:
        token = max(beyond, key=lambda one: beyond[one])
        raise ModelError(
            f"The tokenizer does not belong to the model, which has rows for {n_rows:,} tokens.",
            received=f"{name}, tokenizer.json: {len(beyond):,} tokens have larger ids, up to "
            f"{beyond[token]:,} ({token[:40]!r})",
            hint=COPY + OWN_WORDS,
        )


def refuse_unknown_token(number: object, n_rows: int, place: str) -> None:
    """Raise if a token that texts are to start or end with has no row in the embedding.

    Raises:
        ModelError: Its id is too large, or no id.
    """
    for one in number if isinstance(number, (list, tuple)) else [number]:
        if one is not None and not (isinstance(one, int) and one < n_rows):
            raise ModelError(
                f"The model has rows for {n_rows:,} tokens, numbered from 0.",
                received=f"{place}={one!r}"[:300],
                hint="copy or download the model again",
            )
