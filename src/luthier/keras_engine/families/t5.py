"""T5 (Raffel et al. 2020), of both versions: positions are learned biases of attention."""

from __future__ import annotations

from typing import Any

import torch
from keras import ops
from keras_hub.src.models.t5.t5_layer_norm import T5LayerNorm
from keras_hub.src.models.t5.t5_transformer_layer import T5TransformerLayer

from luthier.errors import ModelError
from luthier.keras_engine import heads
from luthier.keras_engine.families.writer import Writer
from luthier.keras_engine.pairs import Pairs

BUCKETS = 32  # that KerasHub's layers have for distances


class T5(Writer):
    """T5 that writes texts."""

    def head(self, model: Any, pairs: Pairs, *, dtype: Any) -> Any:
        """Build encoder, decoder and the head that scores words.

        Raises:
            ModelError: There is no counterpart of its head, or of its distances.
        """
        config = model.config
        if type(model).__name__ != "T5ForConditionalGeneration":
            raise heads.no_twin(type(model).__name__)
        if config.relative_attention_num_buckets != BUCKETS:
            raise ModelError(
                f"The twin of a T5 puts distances into {BUCKETS} buckets.",
                received=f"relative_attention_num_buckets={config.relative_attention_num_buckets}",
                hint="engine=torch",
            )
        read = self._stack(model.encoder, None, pairs, dtype=dtype)
        states = self._stack(model.decoder, read, pairs, dtype=dtype)
        if getattr(config, "scale_decoder_outputs", config.tie_word_embeddings):
            states = states * config.d_model**-0.5
        return heads.logits(self.words(model, model.decoder, states, pairs, dtype=dtype))

    def _stack(self, stack: Any, read: Any, pairs: Pairs, *, dtype: Any) -> Any:
        """Build the encoder; or the decoder, where an encoder's states are given."""
        config, writes, rate = stack.config, read is not None, stack.dropout.p
        prefix = "decoder_" if writes else ""
        mask = self.given[f"{prefix}attention_mask"][:, None, :]
        ids = self.given[f"{prefix}input_ids"]
        states = self.embedded(stack.embed_tokens, ids, pairs, dtype=dtype)
        states = heads.drop(states, rate, dtype=dtype)
        more = {}
        if writes:
            source = self.given["attention_mask"][:, None, :]
            more = {"encoder_hidden_states": read, "encoder_attention_mask": source}
        biases = None
        for place, theirs in enumerate(stack.block):
            ours = T5TransformerLayer(
                is_decoder=writes,
                hidden_dim=config.d_model,
                intermediate_dim=config.d_ff,
                key_value_dim=config.d_kv,
                dropout=rate,
                activation=heads.activation(config.dense_act_fn),
                layer_norm_epsilon=config.layer_norm_epsilon,
                num_heads=config.num_heads,
                use_gated_activation=config.is_gated_act,
                use_relative_attention_bias=place == 0,
                dtype=dtype,
            )
            for part in (ours.self_attention, *([ours.cross_attention] if writes else [])):
                part.supports_masking = True  # else Keras warns of the argument called `mask`
            if place == 0:
                ours.self_attention._relative_position_bucket = same_buckets(
                    theirs.layer[0].SelfAttention
                )
            states, biases = ours(
                states,
                attention_mask=mask,
                position_bias=biases,
                use_causal_mask=writes,
                **more,
            )
            pair_block(theirs, ours, pairs)
        norm = T5LayerNorm(epsilon=config.layer_norm_epsilon, dtype=dtype)
        states = norm(states)
        pairs.same(stack.final_layer_norm.weight, norm.weight)
        return heads.drop(states, rate, dtype=dtype)


def pair_block(theirs: Any, ours: Any, pairs: Pairs) -> None:
    """Pair a block of the encoder or the decoder."""
    own = theirs.layer[0]
    pair_attention(own.SelfAttention, ours.self_attention, pairs)
    pairs.same(own.layer_norm.weight, ours.self_attention_layer_norm.weight)
    if ours.self_attention.use_relative_attention_bias:
        table = own.SelfAttention.relative_attention_bias
        pairs.same(table.weight, ours.self_attention.relative_attention_bias)
    if ours.is_decoder:
        other = theirs.layer[1]
        pair_attention(other.EncDecAttention, ours.cross_attention, pairs)
        pairs.same(other.layer_norm.weight, ours.cross_attention_layer_norm.weight)
    last = theirs.layer[-1]
    linear = last.DenseReluDense
    if ours.use_gated_activation:
        pairs.linear(linear.wi_0, ours.input_projector)
        pairs.linear(linear.wi_1, ours.gate_projector)
    else:
        pairs.linear(linear.wi, ours.input_projector)
    pairs.linear(linear.wo, ours.output_projector)
    pairs.same(last.layer_norm.weight, ours.layer_norm.weight)


def pair_attention(theirs: Any, ours: Any, pairs: Pairs) -> None:
    """Pair queries, keys, values and what follows them."""
    for name, layer in (
        ("q", ours.query_projector),
        ("k", ours.key_projector),
        ("v", ours.value_projector),
        ("o", ours.output_projector),
    ):
        pairs.linear(getattr(theirs, name), layer)


def same_buckets(theirs: Any) -> Any:
    """Give what puts distances into buckets as PyTorch's attention does.

    The borders are logarithms, which two libraries round differently: so PyTorch is asked, once.
    """
    most = theirs.relative_attention_max_distance
    known = theirs._relative_position_bucket(
        torch.arange(-most, most + 1),
        bidirectional=not theirs.is_decoder,
        num_buckets=theirs.relative_attention_num_buckets,
        max_distance=most,
    ).numpy()

    def bucket(distances: Any, **_: Any) -> Any:
        return ops.take(known, ops.clip(distances, -most, most) + most)

    return bucket
