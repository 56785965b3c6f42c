"""DistilBERT (Sanh et al. 2019): BERT without token types and pooler."""

from __future__ import annotations

from typing import Any

import keras_hub

from luthier.keras_engine import heads
from luthier.keras_engine.families.encoder import (
    Encoder,
    Rates,
    alike,
    pair_attention,
    pair_rest,
    sizes,
)
from luthier.keras_engine.pairs import Pairs


class Distilbert(Encoder):
    """DistilBERT, whose positions may be sines: that is a table as any other."""

    def trunk(self, base: Any, pairs: Pairs, *, dtype: Any) -> tuple[Any, Any]:
        """Build the trunk; give states (batch, tokens, width), and no pooled state."""
        config = base.config
        dropout = Rates(config.dropout, config.attention_dropout)
        inner = keras_hub.models.DistilBertBackbone(**sizes(base, dropout, dtype=dtype))
        states = self.embed(base.embeddings, inner, pairs, dtype=dtype)
        for theirs, ours in zip(base.transformer.layer, inner.transformer_layers, strict=True):
            pair_attention(
                theirs.attention,
                theirs.attention.out_lin,
                ours._self_attention_layer,
                pairs,
                names=("q_lin", "k_lin", "v_lin"),
            )
            pair_rest(
                ours,
                pairs,
                linear=(theirs.ffn.lin1, theirs.ffn.lin2),
                norms=(theirs.sa_layer_norm, theirs.output_layer_norm),
            )
            alike(ours, config.activation, theirs.sa_layer_norm.eps, dropout)
            ours._self_attention_dropout.rate = 0.0  # it drops of the feed-forward part alone
        return self.run(inner.transformer_layers, states), None

    def classify(self, model: Any, states: Any, pooled: Any, pairs: Pairs, *, dtype: Any) -> Any:
        """Put the head of sequence classification on."""
        read = heads.dense(
            pairs, model.pre_classifier, heads.first(states), dtype=dtype, act="relu"
        )
        read = heads.drop(read, model.dropout.p, dtype=dtype)
        return heads.dense(pairs, model.classifier, read, dtype=dtype)
