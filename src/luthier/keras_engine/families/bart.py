"""BART (Lewis et al. 2020) in KerasHub's blocks, and what the related families share with it."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import keras
import keras_hub
from keras import KerasTensor, Layer, ops
from transformers import PretrainedConfig

from luthier.keras_engine import heads
from luthier.keras_engine.backend import no_twin
from luthier.keras_engine.families import encoder
from luthier.keras_engine.families.writer import Writer
from luthier.keras_engine.kinds import HeadOutputs, Part
from luthier.keras_engine.pairs import Pairs

EPSILON = 1e-5  # of all normalizations: PyTorch's default


class Bart(Writer):
    """BART, to write texts, or to classify them by the decoder's last state."""

    is_normed_first: ClassVar[bool] = False

    def head(self, model: Part, pairs: Pairs) -> HeadOutputs:
        """Build encoder, decoder and head.

        Raises:
            ModelError: The head or a setting of the configuration has no twin.
        """
        kind = type(model).__name__
        if kind.endswith(("ForConditionalGeneration", "MTModel")):
            states = self._states(model.model, pairs)
            scores = self.word_logits(model, model.model.decoder, states, pairs)
            bias = model.final_logits_bias.numpy()  # a buffer, which is not trained
            return heads.logits(ops.cast(scores, "float32") + bias)
        if kind.endswith("ForSequenceClassification"):
            return heads.logits(self._classified(model, pairs))
        raise no_twin("this head", kind)

    def _classified(self, model: Part, pairs: Pairs) -> KerasTensor:
        """Let the decoder read the text again, and classify by its state at the last end token."""
        ids = self.inputs["input_ids"]
        self.input_names = ("input_ids", "attention_mask")
        self.inputs["decoder_input_ids"] = self.again(ids)
        self.inputs["decoder_attention_mask"] = ops.ones_like(ids)
        states = self._states(model.model, pairs)
        last = heads.last(states, ops.equal(ids, model.config.eos_token_id))
        return encoder.dense_head(model.classification_head, last, pairs, act="tanh")

    def again(self, ids: KerasTensor) -> KerasTensor:
        """Shift a text right, (batch, tokens), to be read by the decoder."""
        starts = ops.full_like(ids[:, :1], self.config.decoder_start_token_id)
        return ops.concatenate([starts, ids[:, :-1]], axis=1)

    def _states(self, base: Part, pairs: Pairs) -> KerasTensor:
        """Build encoder and decoder; give the decoder's states, (batch, tokens, width)."""
        config, mask = base.config, self.inputs["attention_mask"]
        if config.encoder_layerdrop or config.decoder_layerdrop:
            received = "encoder_layerdrop or decoder_layerdrop above 0 in its config"
            raise no_twin("a model that drops whole layers in training", received)
        read = self._stack(base, "encoder", self.inputs["input_ids"], pairs, padding_mask=mask)
        return self._stack(
            base,
            "decoder",
            self.inputs["decoder_input_ids"],
            pairs,
            encoder_sequence=read,
            decoder_padding_mask=self.inputs["decoder_attention_mask"],
            encoder_padding_mask=mask,
        )

    def _stack(
        self, base: Part, side: str, ids: KerasTensor, pairs: Pairs, **given: KerasTensor
    ) -> KerasTensor:
        """Build one side, `encoder` or `decoder`, on token ids and what its blocks are given."""
        config, stack = base.config, getattr(base, side)
        states = self._embedded(stack, ids, pairs)
        for module in stack.layers:
            layer = getattr(keras_hub.layers, f"Transformer{side.title()}")(
                intermediate_dim=getattr(config, f"{side}_ffn_dim"),
                num_heads=getattr(config, f"{side}_attention_heads"),
                **self._settings(config, pairs.dtype),
            )
            states = layer(states, **given)
            pair_block(module, layer, pairs)
        return normed(stack.layer_norm, states, pairs) if self.is_normed_first else states

    def _settings(self, config: PretrainedConfig, dtype: str) -> dict[str, Any]:
        act = heads.activation(config.activation_function)
        if config.activation_dropout > 0:
            act = Activated(act, config.activation_dropout, dtype)
        return {
            "dropout": max(config.dropout, config.attention_dropout),
            "activation": act,
            "layer_norm_epsilon": EPSILON,
            "normalize_first": self.is_normed_first,
            "dtype": dtype,
        }

    def _embedded(self, stack: Part, ids: KerasTensor, pairs: Pairs) -> KerasTensor:
        """Embed words and positions, normalized where the family does so."""
        words = self.embedded(stack.embed_tokens, ids, pairs)
        if stack.config.scale_embedding:
            words = words * math.sqrt(stack.config.d_model)
        known = stack.embed_positions
        places = keras_hub.layers.PositionEmbedding(known.weight.shape[0], dtype=pairs.dtype)
        states = words + places(words, start_index=getattr(known, "offset", 0))
        pairs.same(known.weight, places.position_embeddings)
        norm = getattr(stack, "layernorm_embedding", None)
        if norm is not None:
            states = normed(norm, states, pairs)
        return heads.drop(states, stack.config.dropout, pairs.dtype)


class Activated(keras.layers.Layer):
    """An activation followed by dropout."""

    def __init__(self, act: heads.Activation, rate: float, dtype: str):
        super().__init__(dtype=dtype)
        self.act, self.drop = act, keras.layers.Dropout(rate, dtype=dtype)

    def call(self, states: KerasTensor) -> KerasTensor:
        """Apply both."""
        return self.drop(self.act(states))


def normed(norm: Part, states: KerasTensor, pairs: Pairs) -> KerasTensor:
    """Apply the twin of a layer normalization."""
    layer = keras.layers.LayerNormalization(epsilon=EPSILON, dtype=pairs.dtype)
    outputs = layer(states)
    pairs.norm(norm, layer)
    return outputs


def pair_block(module: Part, layer: Layer, pairs: Pairs) -> None:
    """Pair a block of the encoder or the decoder, and set the checkpoint's dropout rates."""
    pair_attention(module.self_attn, layer._self_attention_layer, pairs)
    pairs.norm(module.self_attn_layer_norm, layer._self_attention_layer_norm)
    layer._self_attention_dropout.rate = layer._feedforward_dropout.rate = module.dropout
    if hasattr(module, "encoder_attn"):
        pair_attention(module.encoder_attn, layer._cross_attention_layer, pairs)
        pairs.norm(module.encoder_attn_layer_norm, layer._cross_attention_layer_norm)
        layer._cross_attention_dropout.rate = module.dropout
    pairs.linear(module.fc1, layer._feedforward_intermediate_dense)
    pairs.linear(module.fc2, layer._feedforward_output_dense)
    pairs.norm(module.final_layer_norm, layer._feedforward_layer_norm)


def pair_attention(module: Part, layer: Layer, pairs: Pairs) -> None:
    """Pair the projections of attention, and set the checkpoint's dropout rate."""
    projections = (module.q_proj, module.k_proj, module.v_proj, module.out_proj)
    encoder.pair_attention(projections, layer, pairs)
    layer._dropout_layer.rate = layer._dropout = module.dropout
