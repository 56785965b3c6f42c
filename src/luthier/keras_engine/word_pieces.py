"""BERT's tokenizer as a TensorFlow graph: strings in, padded token ids out.

Words are cut by TensorFlow Text's fast algorithm (Song et al. 2021, "Fast WordPiece Tokenization",
https://arxiv.org/abs/2012.15524). Callers have to compare the ids with those of the tokenizer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from importlib.util import find_spec

import tensorflow as tf
from transformers import PreTrainedTokenizerBase

from luthier.keras_engine.characters import ITSELF, table_of

STANDS_FOR = 0xF0000  # first private character that replaces a special token during cleaning


def unlike_bert(tokenizer: PreTrainedTokenizerBase, *, n_texts: int = 1) -> str | None:
    """Say why a tokenizer cannot be written as such a graph; None if it can.

    Args:
        tokenizer: The tokenizer of Transformers.
        n_texts: Number of texts in a row: 1, or 2 for pairs.
    """
    if find_spec("tensorflow_text") is None:
        return "tensorflow-text is not installed"
    if not getattr(tokenizer, "is_fast", False):
        return "its tokenizer is not one of Hugging Face's fast tokenizers"
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
        return "its tokenizer adds other special tokens than BERT's"
    if "left" in (tokenizer.padding_side, tokenizer.truncation_side):
        return "its tokenizer pads or cuts on the left"
    if sorted(tokenizer.get_vocab().values()) != list(range(len(tokenizer))):
        return "its vocabulary has gaps"
    return None


class WordPieces(tf.Module):
    """A BERT-like tokenizer, for single texts or pairs.

    Args:
        tokenizer: The tokenizer of Transformers; `unlike_bert` says which ones can be used.
        n_texts: Number of texts in a row: 1, or 2 for pairs.
        max_tokens: Number of tokens to which a row is truncated, special ones included.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, *, n_texts: int, max_tokens: int):
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
        self.frame = tokenizer(*[[""]] * n_texts)["input_ids"][0]  # special tokens alone
        self.has_types = "token_type_ids" in tokenizer.model_input_names
        self.padding, self.most = tokenizer.pad_token_id, max_tokens - len(self.frame)

    def __call__(self, *texts: tf.Tensor | Sequence[str]) -> dict[str, tf.Tensor]:
        """Tokenize strings: n_texts times (batch,) to model arguments (batch, tokens), int32."""
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

    def _frame(self, texts: tf.Tensor, place: int) -> tf.RaggedTensor:
        """Repeat a special token for every row, (batch, 1)."""
        ids = tf.fill([tf.size(texts), 1], self.frame[place])
        return tf.RaggedTensor.from_tensor(ids)

    def _ids(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Cut texts (batch,) into ids (batch, tokens).

        Each character is replaced by a row of the table: by none (dropped), by itself or others,
        with spaces around it if it is a word of its own. Then words are what spaces separate.
        """
        first, past = chr(STANDS_FOR), chr(STANDS_FOR + len(self.special) - 1)
        texts = tf.strings.regex_replace(texts, f"[{first}-{past}]", "")
        for number, word in enumerate(self.special):
            texts = tf.strings.regex_replace(texts, re.escape(word), chr(STANDS_FOR + number))
        characters = tf.strings.unicode_decode(texts, "UTF-8")  # (batch, characters), ragged
        # the last row of the table that starts at or before the character, (all characters,)
        rows = tf.searchsorted(self.firsts, characters.values, side="right") - 1
        becomes = tf.gather(self.becomes, rows)  # (all characters, width)
        becomes = tf.where(becomes == ITSELF, characters.values[:, None], becomes)
        # (batch, characters, 0 to width)
        cleaned = characters.with_values(tf.ragged.boolean_mask(becomes, becomes >= 0))
        words = tf.strings.split(tf.strings.unicode_encode(cleaned.merge_dims(1, 2), "UTF-8"))
        is_long = tf.strings.length(words.values, unit="UTF8_CHAR") > self.longest
        words = words.with_values(tf.where(is_long, self.unknown, words.values))
        return self.pieces.tokenize(words).merge_dims(1, 2)

    def _cut(self, ids: list[tf.RaggedTensor]) -> list[tf.RaggedTensor]:
        """Truncate long rows: single texts at the end, pairs token by token from the longer text.

        So the shorter text keeps what it has up to half of the room, and the longer one the rest.
        """
        if len(ids) == 1:
            return [ids[0][:, : self.most]]
        lengths = [one.row_lengths() for one in ids]  # (batch,) each
        most = tf.constant(self.most, tf.int64)
        short = tf.minimum(tf.minimum(*lengths), most // 2)
        long = most - short
        is_swapped = lengths[0] > lengths[1]
        kept = tf.where(is_swapped, long, short), tf.where(is_swapped, short, long)
        return [_first(one, most) for one, most in zip(ids, kept, strict=True)]


def _first(ids: tf.RaggedTensor, most: tf.Tensor) -> tf.RaggedTensor:
    """Keep the first `most` (batch,) ids of every row, (batch, tokens)."""
    places = tf.ragged.range(ids.row_lengths())
    return tf.ragged.boolean_mask(ids, places < most[:, None])
