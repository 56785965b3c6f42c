"""BERT's tokenizer as a graph of TensorFlow: strings in, padded token ids out.

Words are cut by TensorFlow Text's fast algorithm (Song et al. 2021, "Fast WordPiece Tokenization",
https://arxiv.org/abs/2012.15524). Whether the ids are those of the tokenizer is to be tried out.
"""

from __future__ import annotations

import json
import re
from importlib.util import find_spec
from typing import Any

import tensorflow as tf

from luthier.keras_engine.characters import ITSELF, table_of

STANDS_FOR = 0xF0000  # private characters that stand for special tokens while a text is cleaned


def unlike_bert(tokenizer: Any, *, n_texts: int = 1) -> str | None:
    """Say why a tokenizer cannot be one of these; None where it can.

    Args:
        tokenizer: Of Transformers.
        n_texts: 1, or 2 for pairs.
    """
    if find_spec("tensorflow_text") is None:
        return "tensorflow-text is not installed"
    if not getattr(tokenizer, "is_fast", False):
        return "its tokenizer is none of Hugging Face's tokenizers"
    about = json.loads(tokenizer.backend_tokenizer.to_str())
    wanted = {"normalizer": "BertNormalizer", "pre_tokenizer": "BertPreTokenizer"}
    wanted["model"] = "WordPiece"
    for part, kind in wanted.items():
        if (about[part] or {}).get("type") != kind:
            return f"its tokenizer has no {kind}"
    if not about["normalizer"]["clean_text"] or about["model"]["continuing_subword_prefix"] != "##":
        return "its tokenizer has settings that BERT's never has"
    for token in about["added_tokens"]:
        if any(token[name] for name in ("single_word", "lstrip", "rstrip", "normalized")):
            return f"its tokenizer has the word {token['content']!r} of its own"
    if tokenizer.num_special_tokens_to_add(pair=n_texts == 2) != n_texts + 1:
        return "its tokenizer frames texts otherwise than BERT's"
    if "left" in (tokenizer.padding_side, tokenizer.truncation_side):
        return "its tokenizer pads or cuts on the left"
    if sorted(tokenizer.get_vocab().values()) != list(range(len(tokenizer))):
        return "its vocabulary has gaps"
    return None


class WordPieces(tf.Module):
    """A tokenizer of BERT's kind, for single texts or pairs.

    Args:
        tokenizer: Of Transformers; see `unlike_bert`.
        n_texts: 1, or 2 for pairs.
        max_tokens: Tokens kept of a row, special ones included.
    """

    def __init__(self, tokenizer: Any, *, n_texts: int, max_tokens: int):
        from tensorflow_text import FastWordpieceTokenizer

        super().__init__()
        inner = tokenizer.backend_tokenizer
        about = json.loads(inner.to_str())
        self.special = [token["content"] for token in about["added_tokens"]]
        words = tokenizer.get_vocab()
        instead = {word: chr(STANDS_FOR + number) for number, word in enumerate(self.special)}
        words = {instead.get(word, word): number for word, number in words.items()}
        self.unknown = instead.get(tokenizer.unk_token, tokenizer.unk_token)
        firsts, becomes = table_of(inner, apart=instead.values())
        self.firsts, self.becomes = tf.constant(firsts), tf.constant(becomes)
        self.longest = about["model"]["max_input_chars_per_word"]
        self.pieces = FastWordpieceTokenizer(
            sorted(words, key=words.__getitem__),
            max_bytes_per_word=4 * self.longest,
            token_out_type=tf.int32,
            unknown_token=self.unknown,
            no_pretokenization=True,
        )
        self.frame = tokenizer(*[[""]] * n_texts)["input_ids"][0]  # what stands around texts
        self.has_types = "token_type_ids" in tokenizer.model_input_names
        self.padding, self.most = tokenizer.pad_token_id, max_tokens - len(self.frame)

    def __call__(self, *texts: Any) -> dict[str, Any]:
        """Give model arguments, (batch, tokens) int32, of as many strings (batch,) as rows have."""
        parts = [self._frame(texts[0], 0)]
        kinds = [tf.zeros_like(parts[0])]
        for number, ids in enumerate(self._cut([self._ids(one) for one in texts])):
            parts += [ids, self._frame(texts[0], number + 1)]
            kinds += [tf.zeros_like(one) + number for one in parts[-2:]]
        whole = tf.concat(parts, axis=1)
        made = {
            "input_ids": whole.to_tensor(self.padding),
            "attention_mask": tf.ones_like(whole).to_tensor(0),
        }
        if self.has_types:
            made["token_type_ids"] = tf.concat(kinds, axis=1).to_tensor(0)
        return made

    def _frame(self, texts: Any, place: int) -> Any:
        """Give a special token for every text, (batch, 1)."""
        ids = tf.fill([tf.size(texts), 1], self.frame[place])
        return tf.RaggedTensor.from_tensor(ids)

    def _ids(self, texts: Any) -> Any:
        """Cut texts (batch,) into ids (batch, tokens)."""
        first, past = chr(STANDS_FOR), chr(STANDS_FOR + len(self.special) - 1)
        texts = tf.strings.regex_replace(texts, f"[{first}-{past}]", "")
        for number, word in enumerate(self.special):
            texts = tf.strings.regex_replace(texts, re.escape(word), chr(STANDS_FOR + number))
        characters = tf.strings.unicode_decode(texts, "UTF-8")
        given = characters.values[:, None]
        rows = tf.searchsorted(self.firsts, characters.values, side="right") - 1
        becomes = tf.gather(self.becomes, rows)
        becomes = tf.where(becomes == ITSELF, given, becomes)
        cleaned = characters.with_values(tf.ragged.boolean_mask(becomes, becomes >= 0))
        words = tf.strings.split(tf.strings.unicode_encode(cleaned.merge_dims(1, 2), "UTF-8"))
        is_long = tf.strings.length(words.values, unit="UTF8_CHAR") > self.longest
        words = words.with_values(tf.where(is_long, self.unknown, words.values))
        return self.pieces.tokenize(words).merge_dims(1, 2)

    def _cut(self, ids: list[Any]) -> list[Any]:
        """Cut rows that are too long: single texts at the end, of pairs the longer one first."""
        if len(ids) == 1:
            return [ids[0][:, : self.most]]
        lengths = [one.row_lengths() for one in ids]
        most, short = tf.constant(self.most, tf.int64), tf.minimum(*lengths)
        half = most // 2
        long = tf.where(short > most, short, tf.maximum(short, most - short))
        is_over = short + long > most
        long = tf.where(is_over, most - half, long)
        short = tf.where(is_over, half, short)
        is_swapped = lengths[0] > lengths[1]
        kept = tf.where(is_swapped, long, short), tf.where(is_swapped, short, long)
        return [_first(one, most) for one, most in zip(ids, kept, strict=True)]


def _first(ids: Any, most: Any) -> Any:
    """Keep the first ids of every row, (batch, tokens), as many as `most` (batch,) says."""
    places = tf.ragged.range(ids.row_lengths())
    return tf.ragged.boolean_mask(ids, places < most[:, None])
