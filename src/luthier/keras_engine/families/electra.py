"""ELECTRA (Clark et al. 2020): BERT with narrower embeddings and another head."""

from __future__ import annotations

from typing import Any

import keras_hub
from keras import KerasTensor

from luthier.keras_engine import heads
from luthier.keras_engine.families.bert import Bert
from luthier.keras_engine.families.encoder import dense_head
from luthier.keras_engine.kinds import Part, TrunkOutput
from luthier.keras_engine.pairs import Pairs


class Electra(Bert):
    """ELECTRA's discriminator."""

    backbone = keras_hub.models.ElectraBackbone

    def settings(self, base: Part, pairs: Pairs) -> dict[str, Any]:
        """Collect the constructor arguments of the backbone."""
        settings = super().settings(base, pairs)
        words, width = settings.pop("vocabulary_size"), base.config.embedding_size
        return settings | {"vocab_size": words, "embedding_dim": width}

    def classify(self, model: Part, trunk: TrunkOutput, pairs: Pairs) -> KerasTensor:
        """Build the head of sequence classification, on the first token."""
        return dense_head(model.classifier, heads.first(trunk.states), pairs, act="gelu")
