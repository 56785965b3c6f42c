"""DistilBERT (Sanh et al. 2019): BERT without token types and without a pooler."""

from __future__ import annotations

import keras_hub
from keras import KerasTensor

from luthier.keras_engine import heads
from luthier.keras_engine.families import encoder as encoders
from luthier.keras_engine.kinds import Part, TrunkOutput
from luthier.keras_engine.pairs import Pairs

NAMES = ("q", "k", "v", "out")  # of attention's projections


class Distilbert(encoders.Encoder):
    """DistilBERT; its sinusoidal positions, where it has them, are a table like any other."""

    def trunk(self, base: Part, pairs: Pairs) -> TrunkOutput:
        """Build the trunk; it has no pooler."""
        config = base.config
        dropout = encoders.Rates(config.dropout, config.attention_dropout)
        inner = keras_hub.models.DistilBertBackbone(**encoders.sizes(base, dropout, pairs))
        states = self.embed(base.embeddings, inner, pairs)
        for module, layer in zip(base.transformer.layer, inner.transformer_layers, strict=True):
            encoders.pair_block(
                layer,
                pairs,
                projections=tuple(getattr(module.attention, f"{name}_lin") for name in NAMES),
                linear=(module.ffn.lin1, module.ffn.lin2),
                norms=(module.sa_layer_norm, module.output_layer_norm),
            )
            encoders.configure(layer, config.activation, module.sa_layer_norm.eps, dropout)
            layer._self_attention_dropout.rate = 0.0  # dropout after the feed-forward part alone
        return TrunkOutput(self.run(inner.transformer_layers, states))

    def classify(self, model: Part, trunk: TrunkOutput, pairs: Pairs) -> KerasTensor:
        """Build the head of sequence classification, on the first token."""
        states = heads.dense(pairs, model.pre_classifier, heads.first(trunk.states), act="relu")
        states = heads.drop(states, model.dropout.p, pairs.dtype)
        return heads.dense(pairs, model.classifier, states)
