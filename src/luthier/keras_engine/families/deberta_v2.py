"""DeBERTa v2 and v3 (He et al. 2021): content and relative positions attend to each other."""

from __future__ import annotations

import keras_hub
import tensorflow as tf
from keras import KerasTensor, ops
from keras_hub.src.models.deberta_v3.disentangled_self_attention import DisentangledSelfAttention

from luthier.keras_engine import heads
from luthier.keras_engine.families import encoder as encoders
from luthier.keras_engine.kinds import Part, TrunkOutput
from luthier.keras_engine.pairs import Pairs, active


class Attention(DisentangledSelfAttention):
    """KerasHub's attention, with relative positions embedded once a batch, not once a row."""

    def _compute_disentangled_attention(
        self, query: tf.Tensor, key: tf.Tensor, rel_embeddings: tf.Tensor
    ) -> tf.Tensor:
        """Score pairs of tokens by their distance, (batch, heads, tokens, tokens).

        Args:
            query: Queries, (batch, tokens, heads, width).
            key: Keys, (batch, tokens, heads, width).
            rel_embeddings: Embeddings of the distances, (1, distances, width).
        """
        rows, tokens = ops.shape(query)[0], ops.shape(query)[1]
        distances = self._get_rel_pos(tokens)  # (1, 1, tokens, tokens)

        def score(content: tf.Tensor, positions: tf.Tensor, distances: tf.Tensor) -> tf.Tensor:
            # every token against every distance: (batch, heads, tokens, distances)
            scores = ops.einsum("rthw,dhw->rhtd", content, positions[0])
            # then for each pair of tokens the score of their distance alone
            places = ops.clip(distances + self.bucket_size, 0, 2 * self.bucket_size - 1)
            places = ops.broadcast_to(places, (rows, self.num_heads, tokens, tokens))
            return tf.gather(scores, places, batch_dims=3)

        to_position = score(query, self._key_dense(rel_embeddings), distances)
        to_content = score(key, self._query_dense(rel_embeddings), -distances)
        return (to_position + ops.swapaxes(to_content, 2, 3)) * self.scale_factor


class DebertaV2(encoders.Encoder):
    """DeBERTa in the form of version 3, the only one that KerasHub has."""

    def trunk(self, base: Part, pairs: Pairs) -> TrunkOutput:
        """Build the trunk; it has no pooler.

        Raises:
            ModelError: The checkpoint does not have the form of version 3.
        """
        encoders.refuse(_unusual(base))
        config, encoder = base.config, base.encoder
        dropout = encoders.rates(config)
        settings = encoders.sizes(base, dropout, pairs)
        inner = keras_hub.models.DebertaV3Backbone(
            bucket_size=encoder.position_buckets,
            **settings | {"max_sequence_length": encoder.max_relative_positions},
        )
        words, distances = base.embeddings.word_embeddings, inner.relative_embeddings
        pairs.same(words.weight, inner.token_embedding.embeddings)
        pairs.same(encoder.rel_embeddings.weight, distances.rel_embeddings)
        pairs.norm(encoder.LayerNorm, distances.layer_norm)
        distances.layer_norm.epsilon = config.layer_norm_eps
        for module, layer in zip(encoder.layer, inner.transformer_layers, strict=True):
            encoders.pair_bert_block(module, layer, config, pairs, suffix="_proj")
            attention = layer._self_attention_layer
            attention._attn_dropout_layer.rate = dropout.attention
            attention._position_dropout_layer.rate = dropout.hidden
            attention.__class__ = Attention  # KerasHub's block creates its attention itself
        states = inner.token_embedding(self.inputs["input_ids"])
        states = encoders.normalized(base.embeddings, states, inner, pairs)
        relative = distances(ops.expand_dims(states[0], 0))  # (1, distances, width), for all rows
        mask = self.inputs["attention_mask"]
        for layer in inner.transformer_layers:
            states = layer(states, rel_embeddings=relative, padding_mask=mask)
        return TrunkOutput(states)

    def classify(self, model: Part, trunk: TrunkOutput, pairs: Pairs) -> KerasTensor:
        """Build the head of sequence classification, on the first token."""
        pooler, act = active(model.pooler), model.config.pooler_hidden_act
        states = heads.drop(heads.first(trunk.states), pooler.dropout.p, pairs.dtype)
        states = heads.dense(pairs, pooler.dense, states, act=act)
        states = heads.drop(states, model.dropout.p, pairs.dtype)
        return heads.dense(pairs, model.classifier, states)


def _unusual(base: Part) -> dict[str, bool]:
    """Name the settings in which a checkpoint may differ from version 3, and whether each does."""
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
