"""BERT (Devlin et al. 2018), as KerasHub has it, with the checkpoint's own activation and ε."""

from __future__ import annotations

from typing import Any

import keras_hub

from luthier.keras_engine import heads
from luthier.keras_engine.families.encoder import Encoder, block, pool, rates, sizes
from luthier.keras_engine.pairs import Pairs


class Bert(Encoder):
    """BERT and what is laid out as it."""

    inputs = ("input_ids", "attention_mask", "token_type_ids")

    def trunk(self, base: Any, pairs: Pairs, *, dtype: Any) -> tuple[Any, Any]:
        """Build the trunk; give states (batch, tokens, width), and the pooled state or None."""
        config = base.config
        inner = keras_hub.models.BertBackbone(**sizes(base, rates(config), dtype=dtype))
        states = self.embed(base.embeddings, inner, pairs, dtype=dtype)
        for theirs, ours in zip(base.encoder.layer, inner.transformer_layers, strict=True):
            block(theirs, ours, config, pairs)
        states = self.run(inner.transformer_layers, states)
        pooler = getattr(base.pooler, "dense", None)
        return states, pool(pooler, states, pairs, dtype=dtype)

    def classify(self, model: Any, states: Any, pooled: Any, pairs: Pairs, *, dtype: Any) -> Any:
        """Put the head of sequence classification on."""
        read = heads.drop(pooled, model.dropout.p, dtype=dtype)
        return heads.dense(pairs, model.classifier, read, dtype=dtype)
