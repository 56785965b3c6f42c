"""ELECTRA (Clark et al. 2020): BERT with narrower embeddings and another head."""

from __future__ import annotations

from typing import Any

import keras_hub

from luthier.keras_engine import heads
from luthier.keras_engine.families.encoder import Encoder, block, rates, read_first, sizes
from luthier.keras_engine.pairs import Pairs


class Electra(Encoder):
    """ELECTRA's discriminator."""

    inputs = ("input_ids", "attention_mask", "token_type_ids")

    def trunk(self, base: Any, pairs: Pairs, *, dtype: Any) -> tuple[Any, Any]:
        """Build the trunk; give states (batch, tokens, width), and no pooled state."""
        config = base.config
        asked = sizes(base, rates(config), dtype=dtype)
        inner = keras_hub.models.ElectraBackbone(
            vocab_size=asked.pop("vocabulary_size"), embedding_dim=config.embedding_size, **asked
        )
        states = self.embed(base.embeddings, inner, pairs, dtype=dtype)
        if hasattr(base, "embeddings_project"):
            states = heads.dense(pairs, base.embeddings_project, states, dtype=dtype)
        for theirs, ours in zip(base.encoder.layer, inner.transformer_layers, strict=True):
            block(theirs, ours, config, pairs)
        return self.run(inner.transformer_layers, states), None

    def classify(self, model: Any, states: Any, pooled: Any, pairs: Pairs, *, dtype: Any) -> Any:
        """Put the head of sequence classification on."""
        return read_first(model.classifier, states, pairs, act="gelu", dtype=dtype)
