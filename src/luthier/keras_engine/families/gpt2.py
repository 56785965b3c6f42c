"""GPT-2 (Radford et al. 2019): a token attends to those before it; the last one has seen all."""

from __future__ import annotations

import keras_hub
from keras import KerasTensor, Layer, ops
from transformers import PretrainedConfig

from luthier.errors import ModelError
from luthier.keras_engine import heads
from luthier.keras_engine.backend import no_twin
from luthier.keras_engine.families.encoder import Encoder, Rates, configure
from luthier.keras_engine.kinds import HeadOutputs, Part, TrunkOutput
from luthier.keras_engine.pairs import Pairs


class Gpt2(Encoder):
    """GPT-2, to classify texts and tokens and to continue texts."""

    def trunk(self, base: Part, pairs: Pairs) -> TrunkOutput:
        """Build the trunk; it has no pooler.

        Raises:
            ModelError: The model attends to the states of an encoder, too.
        """
        config = base.config
        if config.add_cross_attention:
            received = "add_cross_attention=true in the checkpoint's config"
            raise no_twin("a GPT-2 that attends to an encoder", received)
        rates = Rates(config.resid_pdrop, config.attn_pdrop)
        inner = keras_hub.models.GPT2Backbone(
            vocabulary_size=len(base.wte.weight),
            num_layers=config.n_layer,
            num_heads=config.n_head,
            hidden_dim=config.n_embd,
            intermediate_dim=config.n_inner or 4 * config.n_embd,
            dropout=max(*rates, config.embd_pdrop),
            max_sequence_length=config.n_positions,
            dtype=pairs.dtype,
        )
        self.table = inner.token_embedding
        pairs.same(base.wte.weight, self.table.embeddings)
        pairs.same(base.wpe.weight, inner.position_embedding.position_embeddings)
        inner.embeddings_dropout.rate = config.embd_pdrop
        blocks = zip(base.h, inner.transformer_layers, strict=True)
        for place, (module, layer) in enumerate(blocks):
            _pair_block(module, layer, config.n_embd, pairs)
            configure(layer, config.activation_function, config.layer_norm_epsilon, rates)
            layer._self_attention_layer._inverse_sqrt_key_dim = scale(config, place)
        pairs.norm(base.ln_f, inner.layer_norm)
        inner.layer_norm.epsilon = config.layer_norm_epsilon
        ids, mask = self.inputs["input_ids"], self.inputs["attention_mask"]
        return TrunkOutput(inner({"token_ids": ids, "padding_mask": mask}))

    def head(self, model: Part, trunk: TrunkOutput, pairs: Pairs) -> HeadOutputs:
        """Build the language modelling head, or one of the heads that all families share."""
        if type(model).__name__ == "GPT2LMHeadModel":
            table = model.transformer.wte
            return heads.logits(
                heads.word_logits(pairs, model.lm_head, table, self.table, trunk.states)
            )
        return super().head(model, trunk, pairs)

    def classify(self, model: Part, trunk: TrunkOutput, pairs: Pairs) -> KerasTensor:
        """Build the head of sequence classification, on the last token that is not padding.

        Raises:
            ModelError: The configuration does not name the padding token.
        """
        padding = model.config.pad_token_id
        if not self.inputs:  # stored features are already the states of that token
            return heads.dense(pairs, model.score, trunk.pooled)
        if padding is None:
            raise ModelError(
                "Without a padding token, the end of a text cannot be found.",
                received="a config without pad_token_id",
                hint="model.pooling=mean, or a checkpoint that has one",
            )
        is_word = ops.not_equal(self.inputs["input_ids"], pairs.word(padding))
        return heads.dense(pairs, model.score, heads.last(trunk.states, is_word))


def _pair_block(module: Part, layer: Layer, width: int, pairs: Pairs) -> None:
    """Pair a block; queries, keys and values are columns of one matrix in PyTorch."""
    attention = layer._self_attention_layer
    parts = (attention.query_dense, attention.key_dense, attention.value_dense)
    for number, part in enumerate(parts):
        columns = slice(number * width, (number + 1) * width)
        pairs.linear(module.attn.c_attn, part, columns=columns)
    pairs.linear(module.attn.c_proj, attention.output_dense)
    pairs.norm(module.ln_1, layer._self_attention_layer_norm)
    pairs.linear(module.mlp.c_fc, layer._feedforward_intermediate_dense)
    pairs.linear(module.mlp.c_proj, layer._feedforward_output_dense)
    pairs.norm(module.ln_2, layer._feedforward_layer_norm)


def scale(config: PretrainedConfig, place: int) -> float:
    """Compute the factor of the attention scores in the block at a place, counted from 0."""
    factor = (config.n_embd // config.n_head) ** -0.5 if config.scale_attn_weights else 1.0
    return factor / (place + 1) if config.scale_attn_by_inverse_layer_idx else factor
