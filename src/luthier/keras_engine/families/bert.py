"""BERT (Devlin et al. 2018), as KerasHub has it, with the checkpoint's own activation and ε."""

from __future__ import annotations

from typing import Any, ClassVar

import keras_hub
from keras import KerasTensor, Layer

from luthier.keras_engine import heads
from luthier.keras_engine.families.encoder import Encoder, pair_bert_block, pool, rates, sizes
from luthier.keras_engine.kinds import Part, TrunkOutput
from luthier.keras_engine.pairs import Pairs


class Bert(Encoder):
    """BERT and models of the same layout."""

    input_names = ("input_ids", "attention_mask", "token_type_ids")
    backbone: ClassVar[type[Layer]] = keras_hub.models.BertBackbone

    def trunk(self, base: Part, pairs: Pairs) -> TrunkOutput:
        """Build the trunk, and the pooler where the model has one."""
        config, table = base.config, base.embeddings
        inner = self.backbone(**self.settings(base, pairs))
        states = self.embed(table, inner, pairs, positions=self.positions(table))
        if hasattr(base, "embeddings_project"):
            states = heads.dense(pairs, base.embeddings_project, states)
        for module, layer in zip(base.encoder.layer, inner.transformer_layers, strict=True):
            pair_bert_block(module, layer, config, pairs)
        states = self.run(inner.transformer_layers, states)
        pooler = getattr(getattr(base, "pooler", None), "dense", None)
        return TrunkOutput(states, pool(pooler, states, pairs))

    def settings(self, base: Part, pairs: Pairs) -> dict[str, Any]:
        """Collect the constructor arguments of the backbone."""
        return sizes(base, rates(base.config), pairs)

    def positions(self, table: Part) -> KerasTensor | None:
        """Give the position of each token, (batch, tokens); None means that they count from 0."""
        return None
