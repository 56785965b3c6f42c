"""RoBERTa (Liu et al. 2019) and XLM-R (Conneau et al. 2020), which is laid out as it."""

from __future__ import annotations

from typing import Any

import keras_hub
from keras import ops

from luthier.keras_engine.families.encoder import Encoder, block, pool, rates, read_first, sizes
from luthier.keras_engine.pairs import Pairs


class Roberta(Encoder):
    """RoBERTa, with token types, which KerasHub's has not: type 0 is added everywhere."""

    inputs = ("input_ids", "attention_mask", "token_type_ids")

    def trunk(self, base: Any, pairs: Pairs, *, dtype: Any) -> tuple[Any, Any]:
        """Build the trunk; give states (batch, tokens, width), and the pooled state or None."""
        config, table = base.config, base.embeddings
        inner = keras_hub.models.RobertaBackbone(**sizes(base, rates(config), dtype=dtype))
        states = self.embed(table, inner, pairs, dtype=dtype, positions=self._positions(table))
        for theirs, ours in zip(base.encoder.layer, inner.transformer_layers, strict=True):
            block(theirs, ours, config, pairs)
        states = self.run(inner.transformer_layers, states)
        pooler = getattr(base.pooler, "dense", None)
        return states, pool(pooler, states, pairs, dtype=dtype)

    def _positions(self, table: Any) -> Any:
        """Number the tokens (batch, tokens) from behind the padding's number, which padding has."""
        ids = self.given["input_ids"]
        is_text = ops.cast(ops.not_equal(ids, table.word_embeddings.padding_idx), "int32")
        return ops.cumsum(is_text, axis=1) * is_text + table.padding_idx

    def classify(self, model: Any, states: Any, pooled: Any, pairs: Pairs, *, dtype: Any) -> Any:
        """Put the head of sequence classification on."""
        return read_first(model.classifier, states, pairs, act="tanh", dtype=dtype)
