"""ALBERT (Lan et al. 2020): narrow embeddings, and blocks whose weights many layers share."""

from __future__ import annotations

import keras_hub
from keras import Layer
from transformers import PretrainedConfig

from luthier.keras_engine import heads
from luthier.keras_engine.families import encoder as encoders
from luthier.keras_engine.kinds import Part, TrunkOutput
from luthier.keras_engine.pairs import Pairs


class Albert(encoders.Encoder):
    """ALBERT, with any number of groups and of blocks in each."""

    input_names = ("input_ids", "attention_mask", "token_type_ids")

    def trunk(self, base: Part, pairs: Pairs) -> TrunkOutput:
        """Build the trunk, and the pooler where the model has one."""
        config, encoder = base.config, base.encoder
        n_groups, n_layers = config.num_hidden_groups, config.num_hidden_layers
        settings = encoders.sizes(base, encoders.rates(config), pairs) | {"num_layers": n_groups}
        inner = keras_hub.models.AlbertBackbone(
            embedding_dim=config.embedding_size,
            num_groups=n_groups,
            num_inner_repetitions=config.inner_group_num,
            **settings,
        )
        states = self.embed(base.embeddings, inner, pairs)
        states = heads.dense(pairs, encoder.embedding_hidden_mapping_in, states)
        groups = inner.transformer_layers
        for group, layers in zip(encoder.albert_layer_groups, groups, strict=True):
            for module, layer in zip(group.albert_layers, layers, strict=True):
                _pair_block(module, layer, config, pairs)
        for number in range(n_layers):
            states = self.run(groups[int(number / (n_layers / n_groups))], states)
        return TrunkOutput(states, encoders.pool(base.pooler, states, pairs))


def _pair_block(module: Part, layer: Layer, config: PretrainedConfig, pairs: Pairs) -> None:
    attention = module.attention
    encoders.pair_block(
        layer,
        pairs,
        projections=(attention.query, attention.key, attention.value, attention.dense),
        linear=(module.ffn, module.ffn_output),
        norms=(attention.LayerNorm, module.full_layer_layer_norm),
    )
    encoders.configure(layer, config.hidden_act, config.layer_norm_eps, encoders.rates(config))
    layer._feedforward_dropout.rate = 0.0  # ALBERT applies dropout after attention alone
