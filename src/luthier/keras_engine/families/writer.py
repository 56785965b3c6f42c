"""What encoder-decoders have in common: a text is read, another is written, token by token."""

from __future__ import annotations

from typing import Any, ClassVar

import keras
import tensorflow as tf
from keras import ops

from luthier.errors import ModelError
from luthier.keras_engine import heads
from luthier.keras_engine.pairs import Pairs
from luthier.padding import IGNORED

DECODER = ("decoder_input_ids", "decoder_attention_mask")


class Writer:
    """A family of encoder-decoders.

    A family's own file says how its encoder and its decoder are built.
    """

    inputs: tuple[str, ...] = ("input_ids", "attention_mask", *DECODER)
    optional: ClassVar[tuple[str, ...]] = ()
    needs: ClassVar[tuple[str, ...]] = ("pad_token_id", "decoder_start_token_id")

    def build(self, model: Any, pairs: Pairs, *, dtype: Any) -> keras.Model:
        """Build a model's twin.

        Raises:
            ModelError: There is no counterpart of its head, or its config lacks what a decoder
                begins with.
        """
        self.config = model.config
        for name in self.needs:
            if getattr(self.config, name) is None:
                raise ModelError(
                    "What a decoder is given cannot be made.",
                    received=f"a config without {name}",
                    hint="a checkpoint that has it",
                )
        self.tables: dict[int, Any] = {}
        self.given = {name: keras.Input((None,), dtype="int32", name=name) for name in self.inputs}
        said = self.head(model, pairs, dtype=dtype)
        return keras.Model({name: self.given[name] for name in self.inputs}, said)

    def head(self, model: Any, pairs: Pairs, *, dtype: Any) -> Any:
        """Build the model's encoder, its decoder and its head."""
        raise NotImplementedError

    def embedded(self, module: Any, ids: Any, pairs: Pairs, *, dtype: Any) -> Any:
        """Look words up; a token for padding learns nothing, where the model has it so."""
        states = self._table(module, pairs, dtype=dtype)(ids)
        if module.padding_idx is None:
            return states
        is_padding = ops.equal(ids, module.padding_idx)[:, :, None]
        return ops.where(is_padding, ops.stop_gradient(states), states)

    def _table(self, module: Any, pairs: Pairs, *, dtype: Any) -> Any:
        """Give the twin of a table of words: one, however many parts of a model share it."""
        weight = module.weight
        if id(weight) not in self.tables:
            table = keras.layers.ReversibleEmbedding(*weight.shape, dtype=dtype)
            table.build()
            pairs.same(weight, table.embeddings)
            self.tables[id(weight)] = table
        return self.tables[id(weight)]

    def words(self, model: Any, stack: Any, states: Any, pairs: Pairs, *, dtype: Any) -> Any:
        """Score words by the states of a decoder."""
        table = self._table(stack.embed_tokens, pairs, dtype=dtype)
        return heads.words(pairs, model.lm_head, stack.embed_tokens, table, states)

    def shifted(self, labels: Any) -> dict[str, Any]:
        """Give what a decoder reads to say labels (batch, tokens): those before, after a start.

        What stands after a row's last label reaches no label: it is padding.
        """
        before = tf.concat([self.starts(labels), labels[:, :-1]], axis=1)
        before = tf.where(
            before == IGNORED, tf.cast(self.config.pad_token_id, labels.dtype), before
        )
        counts = tf.cast(labels != IGNORED, tf.int32)
        kept = tf.cast(tf.cumsum(counts, axis=1, reverse=True) > 0, labels.dtype)
        kept = tf.concat([tf.ones_like(kept[:, :1]), kept[:, 1:]], axis=1)
        return dict(zip(DECODER, (before, kept), strict=True))

    def starts(self, labels: Any) -> Any:
        """Give the first token of each row, (batch, 1)."""
        return tf.fill(
            [tf.shape(labels)[0], 1], tf.cast(self.config.decoder_start_token_id, labels.dtype)
        )
