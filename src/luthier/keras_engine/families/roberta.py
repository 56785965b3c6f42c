"""RoBERTa (Liu et al. 2019), and XLM-R (Conneau et al. 2020), which has the same layout."""

from __future__ import annotations

import keras_hub
from keras import KerasTensor, ops

from luthier.keras_engine import heads
from luthier.keras_engine.families.bert import Bert
from luthier.keras_engine.families.encoder import dense_head
from luthier.keras_engine.kinds import Part, TrunkOutput
from luthier.keras_engine.pairs import Pairs


class Roberta(Bert):
    """RoBERTa with token types, which KerasHub's model lacks: type 0 is added everywhere."""

    backbone = keras_hub.models.RobertaBackbone

    def positions(self, table: Part) -> KerasTensor:
        """Number the tokens (batch, tokens) from padding_idx + 1 on; padding gets padding_idx."""
        ids = self.inputs["input_ids"]
        is_text = ops.cast(ops.not_equal(ids, table.word_embeddings.padding_idx), "int32")
        return ops.cumsum(is_text, axis=1) * is_text + table.padding_idx

    def classify(self, model: Part, trunk: TrunkOutput, pairs: Pairs) -> KerasTensor:
        """Build the head of sequence classification, on the first token."""
        return dense_head(model.classifier, heads.first(trunk.states), pairs, act="tanh")
