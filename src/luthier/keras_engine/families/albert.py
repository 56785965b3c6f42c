"""ALBERT (Lan et al. 2020): narrow embeddings, and blocks that many layers share."""

from __future__ import annotations

from typing import Any

import keras_hub

from luthier.keras_engine import heads
from luthier.keras_engine.families.encoder import (
    Encoder,
    alike,
    pair_attention,
    pair_rest,
    pool,
    rates,
    sizes,
)
from luthier.keras_engine.pairs import Pairs


class Albert(Encoder):
    """ALBERT, of any number of groups and of blocks within them."""

    inputs = ("input_ids", "attention_mask", "token_type_ids")

    def trunk(self, base: Any, pairs: Pairs, *, dtype: Any) -> tuple[Any, Any]:
        """Build the trunk; give states (batch, tokens, width), and the pooled state or None."""
        config, encoder = base.config, base.encoder
        n_groups, n_layers = config.num_hidden_groups, config.num_hidden_layers
        asked = sizes(base, rates(config), dtype=dtype) | {"num_layers": n_groups}
        inner = keras_hub.models.AlbertBackbone(
            embedding_dim=config.embedding_size,
            num_groups=n_groups,
            num_inner_repetitions=config.inner_group_num,
            **asked,
        )
        states = self.embed(base.embeddings, inner, pairs, dtype=dtype)
        states = heads.dense(pairs, encoder.embedding_hidden_mapping_in, states, dtype=dtype)
        for group, blocks in zip(
            encoder.albert_layer_groups, inner.transformer_layers, strict=True
        ):
            for theirs, ours in zip(group.albert_layers, blocks, strict=True):
                _pair(theirs, ours, config, pairs)
        for number in range(n_layers):
            states = self.run(inner.transformer_layers[int(number / (n_layers / n_groups))], states)
        return states, pool(base.pooler, states, pairs, dtype=dtype)

    def classify(self, model: Any, states: Any, pooled: Any, pairs: Pairs, *, dtype: Any) -> Any:
        """Put the head of sequence classification on."""
        read = heads.drop(pooled, model.dropout.p, dtype=dtype)
        return heads.dense(pairs, model.classifier, read, dtype=dtype)


def _pair(theirs: Any, ours: Any, config: Any, pairs: Pairs) -> None:
    attention = theirs.attention
    pair_attention(attention, attention.dense, ours._self_attention_layer, pairs)
    pair_rest(
        ours,
        pairs,
        linear=(theirs.ffn, theirs.ffn_output),
        norms=(attention.LayerNorm, theirs.full_layer_layer_norm),
    )
    alike(ours, config.hidden_act, config.layer_norm_eps, rates(config))
    ours._feedforward_dropout.rate = 0.0  # it drops of attention's part alone
