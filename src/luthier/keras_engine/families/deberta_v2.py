"""DeBERTa v2 and v3 (He et al. 2021): content and relative positions attend to each other."""

from __future__ import annotations

from typing import Any

import keras_hub
import tensorflow as tf
from keras import ops
from keras_hub.src.models.deberta_v3.disentangled_self_attention import DisentangledSelfAttention

from luthier.keras_engine import heads
from luthier.keras_engine.families.encoder import (
    Encoder,
    alike,
    normalised,
    pair_attention,
    pair_rest,
    rates,
    refuse,
    sizes,
)
from luthier.keras_engine.pairs import Pairs, chosen


class Attention(DisentangledSelfAttention):
    """KerasHub's attention, which looks at relative positions once a batch, not once a row."""

    def _compute_disentangled_attention(self, query: Any, key: Any, rel_embeddings: Any) -> Any:
        """Score pairs of tokens by how far they are apart, (batch, heads, tokens, tokens).

        `query` and `key` are (batch, tokens, heads, width), `rel_embeddings` (1, distances, width).
        """
        rows, tokens = ops.shape(query)[0], ops.shape(query)[1]
        apart = self._get_rel_pos(tokens)  # (1, 1, tokens, tokens)

        def score(asked: Any, positions: Any, apart: Any) -> Any:
            scores = ops.einsum("rthw,dhw->rhtd", asked, positions[0])
            places = ops.clip(apart + self.bucket_size, 0, 2 * self.bucket_size - 1)
            places = ops.broadcast_to(places, (rows, self.num_heads, tokens, tokens))
            return tf.gather(scores, places, batch_dims=3)

        to_position = score(query, self._key_dense(rel_embeddings), apart)
        to_content = score(key, self._query_dense(rel_embeddings), -apart)
        return (to_position + ops.swapaxes(to_content, 2, 3)) * self.scale_factor


class DebertaV2(Encoder):
    """DeBERTa as version 3 has it, which KerasHub knows alone."""

    def trunk(self, base: Any, pairs: Pairs, *, dtype: Any) -> tuple[Any, Any]:
        """Build the trunk; give states (batch, tokens, width), and no pooled state.

        Raises:
            ModelError: The checkpoint is not as those of version 3.
        """
        refuse(_unusual(base))
        config, encoder = base.config, base.encoder
        asked = sizes(base, rates(config), dtype=dtype)
        inner = keras_hub.models.DebertaV3Backbone(
            bucket_size=encoder.position_buckets,
            **asked | {"max_sequence_length": encoder.max_relative_positions},
        )
        words, distances = base.embeddings.word_embeddings, inner.relative_embeddings
        pairs.same(words.weight, inner.token_embedding.embeddings)
        pairs.same(encoder.rel_embeddings.weight, distances.rel_embeddings)
        pairs.norm(encoder.LayerNorm, distances.layer_norm)
        distances.layer_norm.epsilon = config.layer_norm_eps
        for theirs, ours in zip(encoder.layer, inner.transformer_layers, strict=True):
            _pair(theirs, ours, config, pairs)
        states = inner.token_embedding(self.given["input_ids"])
        states = normalised(base.embeddings, states, inner, pairs)
        apart = distances(ops.expand_dims(states[0], 0))  # (1, distances, width), for all rows
        for layer in inner.transformer_layers:
            states = layer(states, rel_embeddings=apart, padding_mask=self.given["attention_mask"])
        return states, None

    def classify(self, model: Any, states: Any, pooled: Any, pairs: Pairs, *, dtype: Any) -> Any:
        """Put the head of sequence classification on."""
        pooler = chosen(model.pooler)
        read = heads.drop(heads.first(states), pooler.dropout.p, dtype=dtype)
        act = model.config.pooler_hidden_act
        read = heads.dense(pairs, pooler.dense, read, dtype=dtype, act=act)
        read = heads.drop(read, model.dropout.p, dtype=dtype)
        return heads.dense(pairs, model.classifier, read, dtype=dtype)


def _unusual(base: Any) -> dict[str, bool]:
    """Look for what other versions of DeBERTa have, or have not."""
    table, encoder = base.embeddings, base.encoder
    attention = encoder.layer[0].attention.self
    return {
        "relative_attention=false": not encoder.relative_attention,
        "pos_att_type without c2p and p2c": set(attention.pos_att_type) != {"c2p", "p2c"},
        "share_att_key=false": not attention.share_att_key,
        "no position_buckets": getattr(encoder, "position_buckets", 0) < 1,
        "norm_rel_ebd without layer_norm": "layer_norm" not in encoder.norm_rel_ebd,
        "position_biased_input=true": table.position_embeddings is not None,
        "type_vocab_size above 0": table.token_type_embeddings is not None,
        "embedding_size other than hidden_size": table.embed_proj is not None,
        "attention_head_size of its own": attention.all_head_size != base.config.hidden_size,
        "conv_kernel_size above 0": encoder.conv is not None,
    }


def _pair(theirs: Any, ours: Any, config: Any, pairs: Pairs) -> None:
    attention, own = theirs.attention, ours._self_attention_layer
    names = ("query_proj", "key_proj", "value_proj")
    pair_attention(attention.self, attention.output.dense, own, pairs, names)
    pair_rest(
        ours,
        pairs,
        linear=(theirs.intermediate.dense, theirs.output.dense),
        norms=(attention.output.LayerNorm, theirs.output.LayerNorm),
    )
    dropout = rates(config)
    alike(ours, config.hidden_act, config.layer_norm_eps, dropout)
    own._attn_dropout_layer.rate = dropout.attention
    own._position_dropout_layer.rate = dropout.hidden
    own.__class__ = Attention  # the block makes its attention itself
