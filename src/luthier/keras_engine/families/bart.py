"""BART (Lewis et al. 2020), and how its kin are built of KerasHub's blocks."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import keras
import keras_hub
from keras import ops

from luthier.errors import ModelError
from luthier.keras_engine import heads
from luthier.keras_engine.families import encoder
from luthier.keras_engine.families.writer import Writer
from luthier.keras_engine.pairs import Pairs, chosen

PROJECTIONS = ("q_proj", "k_proj", "v_proj")
EPSILON = 1e-5  # of all normalisations: PyTorch's own


class Bart(Writer):
    """BART that writes texts, or judges them by what its decoder says at their end."""

    is_normed_first: ClassVar[bool] = False

    def head(self, model: Any, pairs: Pairs, *, dtype: Any) -> Any:
        """Build encoder, decoder and head.

        Raises:
            ModelError: There is no counterpart of the head, or of what the config asks for.
        """
        kind = type(model).__name__
        if kind.endswith(("ForConditionalGeneration", "MTModel")):
            states = self._states(model.model, pairs, dtype=dtype)
            said = self.words(model, model.model.decoder, states, pairs, dtype=dtype)
            bias = model.final_logits_bias.numpy()  # a buffer, which is not trained
            return heads.logits(ops.cast(said, "float32") + bias)
        if kind.endswith("ForSequenceClassification"):
            return heads.logits(self._judged(model, pairs, dtype=dtype))
        raise heads.no_twin(kind)

    def _judged(self, model: Any, pairs: Pairs, *, dtype: Any) -> Any:
        """Have the decoder read the text again, and judge by its state at the last end token."""
        ids = self.given["input_ids"]
        self.inputs = ("input_ids", "attention_mask")
        self.given["decoder_input_ids"] = self.again(ids)
        self.given["decoder_attention_mask"] = ops.ones_like(ids)
        states = self._states(model.model, pairs, dtype=dtype)
        read = heads.last(states, ops.equal(ids, model.config.eos_token_id))
        head = chosen(model.classification_head)
        read = heads.drop(read, head.dropout.p, dtype=dtype)
        read = heads.dense(pairs, head.dense, read, dtype=dtype, act="tanh")
        read = heads.drop(read, head.dropout.p, dtype=dtype)
        return heads.dense(pairs, head.out_proj, read, dtype=dtype)

    def again(self, ids: Any) -> Any:
        """Give the text itself as what is written, one token later."""
        starts = ops.full_like(ids[:, :1], self.config.decoder_start_token_id)
        return ops.concatenate([starts, ids[:, :-1]], axis=1)

    def _states(self, base: Any, pairs: Pairs, *, dtype: Any) -> Any:
        """Give the decoder's states, (batch, tokens, width)."""
        config, mask = base.config, self.given["attention_mask"]
        if config.encoder_layerdrop or config.decoder_layerdrop:
            raise ModelError(
                "There is no twin of a model that drops whole layers while it is trained.",
                received="encoder_layerdrop or decoder_layerdrop above 0 in its config",
                hint="engine=torch",
            )
        read = self._embedded(base.encoder, self.given["input_ids"], pairs, dtype=dtype)
        for theirs in base.encoder.layers:
            ours = keras_hub.layers.TransformerEncoder(
                intermediate_dim=config.encoder_ffn_dim,
                num_heads=config.encoder_attention_heads,
                **self._common(config, dtype),
            )
            read = ours(read, padding_mask=mask)
            pair_block(theirs, ours, pairs)
        read = self._normed(base.encoder, read, pairs, dtype=dtype)
        ids = self.given["decoder_input_ids"]
        states = self._embedded(base.decoder, ids, pairs, dtype=dtype)
        for theirs in base.decoder.layers:
            ours = keras_hub.layers.TransformerDecoder(
                intermediate_dim=config.decoder_ffn_dim,
                num_heads=config.decoder_attention_heads,
                **self._common(config, dtype),
            )
            states = ours(
                states,
                read,
                decoder_padding_mask=self.given["decoder_attention_mask"],
                encoder_padding_mask=mask,
            )
            pair_block(theirs, ours, pairs)
        return self._normed(base.decoder, states, pairs, dtype=dtype)

    def _common(self, config: Any, dtype: Any) -> dict[str, Any]:
        act = heads.activation(config.activation_function)
        if config.activation_dropout > 0:
            act = Activated(act, config.activation_dropout, dtype=dtype)
        return {
            "dropout": max(config.dropout, config.attention_dropout),
            "activation": act,
            "layer_norm_epsilon": EPSILON,
            "normalize_first": self.is_normed_first,
            "dtype": dtype,
        }

    def _embedded(self, stack: Any, ids: Any, pairs: Pairs, *, dtype: Any) -> Any:
        """Give words and places, normalised where the family does so."""
        words = self.embedded(stack.embed_tokens, ids, pairs, dtype=dtype)
        if stack.config.scale_embedding:
            words = words * math.sqrt(stack.config.d_model)
        known = stack.embed_positions
        places = keras_hub.layers.PositionEmbedding(known.weight.shape[0], dtype=dtype)
        states = words + places(words, start_index=getattr(known, "offset", 0))
        pairs.same(known.weight, places.position_embeddings)
        norm = getattr(stack, "layernorm_embedding", None)
        if norm is not None:
            states = normed(norm, states, pairs, dtype=dtype)
        return heads.drop(states, stack.config.dropout, dtype=dtype)

    def _normed(self, stack: Any, states: Any, pairs: Pairs, *, dtype: Any) -> Any:
        """Normalise the last states where blocks normalise only what they read."""
        if not self.is_normed_first:
            return states
        return normed(stack.layer_norm, states, pairs, dtype=dtype)


class Activated(keras.layers.Layer):
    """An activation, and dropout behind it."""

    def __init__(self, act: Any, rate: float, *, dtype: Any):
        super().__init__(dtype=dtype)
        self.act, self.drop = act, keras.layers.Dropout(rate, dtype=dtype)

    def call(self, states: Any) -> Any:
        """Activate states."""
        return self.drop(self.act(states))


def normed(norm: Any, states: Any, pairs: Pairs, *, dtype: Any) -> Any:
    """Put a normalisation's twin on states."""
    layer = keras.layers.LayerNormalization(epsilon=EPSILON, dtype=dtype)
    said = layer(states)
    pairs.norm(norm, layer)
    return said


def pair_block(theirs: Any, ours: Any, pairs: Pairs) -> None:
    """Pair a block of the encoder or the decoder, and give it the checkpoint's dropout."""
    pair_attention(theirs.self_attn, ours._self_attention_layer, pairs)
    pairs.norm(theirs.self_attn_layer_norm, ours._self_attention_layer_norm)
    ours._self_attention_dropout.rate = ours._feedforward_dropout.rate = theirs.dropout
    if hasattr(theirs, "encoder_attn"):
        pair_attention(theirs.encoder_attn, ours._cross_attention_layer, pairs)
        pairs.norm(theirs.encoder_attn_layer_norm, ours._cross_attention_layer_norm)
        ours._cross_attention_dropout.rate = theirs.dropout
    pairs.linear(theirs.fc1, ours._feedforward_intermediate_dense)
    pairs.linear(theirs.fc2, ours._feedforward_output_dense)
    pairs.norm(theirs.final_layer_norm, ours._feedforward_layer_norm)


def pair_attention(theirs: Any, ours: Any, pairs: Pairs) -> None:
    """Pair queries, keys, values and what follows them."""
    encoder.pair_attention(theirs, theirs.out_proj, ours, pairs, PROJECTIONS)
    ours._dropout_layer.rate = ours._dropout = theirs.dropout
