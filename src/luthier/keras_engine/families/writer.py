"""What encoder-decoders share: they read one text and write another, token by token."""

from __future__ import annotations

from typing import ClassVar

import keras
import tensorflow as tf
from keras import KerasTensor, ops

from luthier.errors import ModelError
from luthier.keras_engine import heads
from luthier.keras_engine.kinds import HeadOutputs, Part, Tensors
from luthier.keras_engine.pairs import Pairs
from luthier.padding import IGNORED

DECODER = ("decoder_input_ids", "decoder_attention_mask")


class Writer:
    """A family of encoder-decoders; a family's own file builds the encoder and the decoder."""

    input_names: tuple[str, ...] = ("input_ids", "attention_mask", *DECODER)
    optional: ClassVar[tuple[str, ...]] = ()
    needs: ClassVar[tuple[str, ...]] = ("pad_token_id", "decoder_start_token_id")

    def build(self, model: Part, pairs: Pairs) -> keras.Model:
        """Build a model's twin.

        Raises:
            ModelError: The head has no twin, or the configuration lacks a token that the decoder
                starts with.
        """
        self.config = model.config
        for name in self.needs:
            if getattr(self.config, name) is None:
                raise ModelError(
                    "The input of the decoder cannot be made.",
                    received=f"a config without {name}",
                    hint="a checkpoint that has it",
                )
        self.tables: dict[int, keras.Layer] = {}
        self.inputs = {
            name: keras.Input((None,), dtype="int32", name=name) for name in self.input_names
        }
        outputs = self.head(model, pairs)
        return keras.Model({name: self.inputs[name] for name in self.input_names}, outputs)

    def head(self, model: Part, pairs: Pairs) -> HeadOutputs:
        """Build the model's encoder, its decoder and its head."""
        raise NotImplementedError

    def embedded(self, module: Part, ids: KerasTensor, pairs: Pairs) -> KerasTensor:
        """Embed words; as in PyTorch, no gradient reaches the row of `padding_idx`."""
        states = self._table(module, pairs)(ids)
        if module.padding_idx is None:
            return states
        is_padding = ops.equal(ids, module.padding_idx)[:, :, None]
        return ops.where(is_padding, ops.stop_gradient(states), states)

    def _table(self, module: Part, pairs: Pairs) -> keras.Layer:
        """Return the twin of an embedding table, one for all parts of the model that share it."""
        weight = module.weight
        if id(weight) not in self.tables:
            table = keras.layers.ReversibleEmbedding(*weight.shape, dtype=pairs.dtype)
            table.build()
            pairs.same(weight, table.embeddings)
            self.tables[id(weight)] = table
        return self.tables[id(weight)]

    def word_logits(
        self, model: Part, stack: Part, states: KerasTensor, pairs: Pairs
    ) -> KerasTensor:
        """Score the vocabulary by the states of a decoder, (batch, tokens, words)."""
        table = self._table(stack.embed_tokens, pairs)
        return heads.word_logits(pairs, model.lm_head, stack.embed_tokens, table, states)

    def shifted(self, labels: tf.Tensor) -> Tensors:
        """Make the decoder's input: labels (batch, tokens) shifted right behind a start token.

        Tokens after the last label of a row predict no label: they are masked as padding.
        """
        before = tf.concat([self.starts(labels), labels[:, :-1]], axis=1)  # (batch, tokens)
        padding = tf.cast(self.config.pad_token_id, labels.dtype)
        before = tf.where(before == IGNORED, padding, before)
        counts = tf.cast(labels != IGNORED, tf.int32)
        # counted from the right, the labels still to come: none are left behind the last one
        kept = tf.cast(tf.cumsum(counts, axis=1, reverse=True) > 0, labels.dtype)
        kept = tf.concat([tf.ones_like(kept[:, :1]), kept[:, 1:]], axis=1)  # never an empty row
        return dict(zip(DECODER, (before, kept), strict=True))

    def starts(self, labels: tf.Tensor) -> tf.Tensor:
        """Give the start token of each row, (batch, 1)."""
        start = tf.cast(self.config.decoder_start_token_id, labels.dtype)
        return tf.fill([tf.shape(labels)[0], 1], start)
