"""T5 (Raffel et al. 2020), of both versions: positions are learned biases of attention."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf
import torch
from keras import KerasTensor, Layer, ops
from keras_hub.src.models.t5.t5_layer_norm import T5LayerNorm
from keras_hub.src.models.t5.t5_transformer_layer import T5TransformerLayer

from luthier.keras_engine import heads
from luthier.keras_engine.backend import no_twin
from luthier.keras_engine.families.writer import Writer
from luthier.keras_engine.kinds import HeadOutputs, Part
from luthier.keras_engine.pairs import Pairs

BUCKETS = 32  # of distances, fixed in KerasHub's layers


class T5(Writer):
    """T5, to write texts."""

    def head(self, model: Part, pairs: Pairs) -> HeadOutputs:
        """Build encoder, decoder and the language modelling head.

        Raises:
            ModelError: The head or the number of distance buckets has no twin.
        """
        config = model.config
        if type(model).__name__ != "T5ForConditionalGeneration":
            raise no_twin("this head", type(model).__name__)
        if config.relative_attention_num_buckets != BUCKETS:
            received = f"relative_attention_num_buckets={config.relative_attention_num_buckets}"
            raise no_twin(f"a T5 with other than {BUCKETS} buckets of distances", received)
        read = self._stack(model.encoder, None, pairs)
        states = self._stack(model.decoder, read, pairs)
        if getattr(config, "scale_decoder_outputs", config.tie_word_embeddings):
            states = states * config.d_model**-0.5
        return heads.logits(self.word_logits(model, model.decoder, states, pairs))

    def _stack(self, stack: Part, read: KerasTensor | None, pairs: Pairs) -> KerasTensor:
        """Build the encoder, or the decoder if the states of an encoder are given."""
        config, rate, is_decoder = stack.config, stack.dropout.p, read is not None
        prefix, more = ("decoder_" if is_decoder else ""), {}
        if is_decoder:
            source = self.inputs["attention_mask"][:, None, :]  # (batch, 1, tokens)
            more = {"encoder_hidden_states": read, "encoder_attention_mask": source}
        mask = self.inputs[f"{prefix}attention_mask"][:, None, :]  # (batch, 1, tokens)
        states = self.embedded(stack.embed_tokens, self.inputs[f"{prefix}input_ids"], pairs)
        states = heads.drop(states, rate, pairs.dtype)
        biases = None
        for place, module in enumerate(stack.block):
            layer = T5TransformerLayer(
                is_decoder=is_decoder,
                hidden_dim=config.d_model,
                intermediate_dim=config.d_ff,
                key_value_dim=config.d_kv,
                dropout=rate,
                activation=heads.activation(config.dense_act_fn),
                layer_norm_epsilon=config.layer_norm_epsilon,
                num_heads=config.num_heads,
                use_gated_activation=config.is_gated_act,
                use_relative_attention_bias=place == 0,
                dtype=pairs.dtype,
            )
            for part in (layer.self_attention, *([layer.cross_attention] if is_decoder else [])):
                part.supports_masking = True  # else Keras warns of the argument called `mask`
            if place == 0:
                attention = module.layer[0].SelfAttention
                layer.self_attention._relative_position_bucket = same_buckets(attention)
            states, biases = layer(
                states,
                attention_mask=mask,
                position_bias=biases,
                use_causal_mask=is_decoder,
                **more,
            )
            pair_block(module, layer, pairs)
        norm = T5LayerNorm(epsilon=config.layer_norm_epsilon, dtype=pairs.dtype)
        states = norm(states)
        pairs.same(stack.final_layer_norm.weight, norm.weight)
        return heads.drop(states, rate, pairs.dtype)


def pair_block(module: Part, layer: Layer, pairs: Pairs) -> None:
    """Pair a block of the encoder or the decoder."""
    first, last = module.layer[0], module.layer[-1]
    pair_attention(first.SelfAttention, layer.self_attention, pairs)
    pairs.same(first.layer_norm.weight, layer.self_attention_layer_norm.weight)
    if layer.self_attention.use_relative_attention_bias:
        table = first.SelfAttention.relative_attention_bias
        pairs.same(table.weight, layer.self_attention.relative_attention_bias)
    if layer.is_decoder:
        cross = module.layer[1]
        pair_attention(cross.EncDecAttention, layer.cross_attention, pairs)
        pairs.same(cross.layer_norm.weight, layer.cross_attention_layer_norm.weight)
    linear = last.DenseReluDense
    if layer.use_gated_activation:
        pairs.linear(linear.wi_0, layer.input_projector)
        pairs.linear(linear.wi_1, layer.gate_projector)
    else:
        pairs.linear(linear.wi, layer.input_projector)
    pairs.linear(linear.wo, layer.output_projector)
    pairs.same(last.layer_norm.weight, layer.layer_norm.weight)


def pair_attention(module: Part, layer: Layer, pairs: Pairs) -> None:
    """Pair the projections of attention: queries, keys, values and the output."""
    for name, part in zip("qkvo", ("query", "key", "value", "output"), strict=True):
        pairs.linear(getattr(module, name), getattr(layer, f"{part}_projector"))


def same_buckets(module: Part) -> Callable[..., tf.Tensor]:
    """Make a function that puts distances into the same buckets as PyTorch's attention.

    The limits of the buckets are logarithms, which the two libraries round differently; so a table
    is computed once by PyTorch, and looked up by TensorFlow.
    """
    most = module.relative_attention_max_distance
    table = module._relative_position_bucket(
        torch.arange(-most, most + 1),
        bidirectional=not module.is_decoder,
        num_buckets=module.relative_attention_num_buckets,
        max_distance=most,
    ).numpy()  # (2 · most + 1,), from the distance -most to most

    def bucket(distances: tf.Tensor, **_: Any) -> tf.Tensor:
        return ops.take(table, ops.clip(distances, -most, most) + most)

    return bucket
