"""GPT-2 (Radford et al. 2019): each token sees those before it, and the last one has seen all."""

from __future__ import annotations

from typing import Any

import keras_hub
from keras import ops

from luthier.errors import ModelError
from luthier.keras_engine import heads
from luthier.keras_engine.families.encoder import Encoder, Rates, alike
from luthier.keras_engine.pairs import Pairs


class Gpt2(Encoder):
    """GPT-2, to judge texts and tokens by, and to continue texts."""

    def trunk(self, base: Any, pairs: Pairs, *, dtype: Any) -> tuple[Any, Any]:
        """Build the trunk; give states (batch, tokens, width), and no pooled state.

        Raises:
            ModelError: It looks at an encoder's states too.
        """
        config = base.config
        if config.add_cross_attention:
            raise ModelError(
                "There is no twin of a GPT-2 that attends to an encoder.",
                received="add_cross_attention=true in the checkpoint's config",
                hint="a GPT-2 of its own, or engine=torch",
            )
        rates = Rates(config.resid_pdrop, config.attn_pdrop)
        inner = keras_hub.models.GPT2Backbone(
            vocabulary_size=len(base.wte.weight),
            num_layers=config.n_layer,
            num_heads=config.n_head,
            hidden_dim=config.n_embd,
            intermediate_dim=config.n_inner or 4 * config.n_embd,
            dropout=max(rates.any, config.embd_pdrop),
            max_sequence_length=config.n_positions,
            dtype=dtype,
        )
        self.table = inner.token_embedding
        pairs.same(base.wte.weight, self.table.embeddings)
        pairs.same(base.wpe.weight, inner.position_embedding.position_embeddings)
        inner.embeddings_dropout.rate = config.embd_pdrop
        for place, (theirs, ours) in enumerate(zip(base.h, inner.transformer_layers, strict=True)):
            self._block(theirs, ours, config, pairs)
            alike(ours, config.activation_function, config.layer_norm_epsilon, rates)
            ours._self_attention_layer._inverse_sqrt_key_dim = scale(config, place)
        pairs.norm(base.ln_f, inner.layer_norm)
        inner.layer_norm.epsilon = config.layer_norm_epsilon
        given = {
            "token_ids": self.given["input_ids"],
            "padding_mask": self.given["attention_mask"],
        }
        return inner(given), None

    def _block(self, theirs: Any, ours: Any, config: Any, pairs: Pairs) -> None:
        """Pair a block; queries, keys and values are columns of one matrix of PyTorch's."""
        attention, width = ours._self_attention_layer, config.n_embd
        parts = (attention.query_dense, attention.key_dense, attention.value_dense)
        for number, layer in enumerate(parts):
            columns = slice(number * width, (number + 1) * width)
            pairs.linear(theirs.attn.c_attn, layer, columns=columns)
        pairs.linear(theirs.attn.c_proj, attention.output_dense)
        pairs.norm(theirs.ln_1, ours._self_attention_layer_norm)
        pairs.linear(theirs.mlp.c_fc, ours._feedforward_intermediate_dense)
        pairs.linear(theirs.mlp.c_proj, ours._feedforward_output_dense)
        pairs.norm(theirs.ln_2, ours._feedforward_layer_norm)

    def head(self, model: Any, states: Any, pooled: Any, pairs: Pairs, *, dtype: Any) -> Any:
        """Put a model's head on: that for words, or one that all families have."""
        if type(model).__name__ == "GPT2LMHeadModel":
            words = heads.words(pairs, model.lm_head, model.transformer.wte, self.table, states)
            return heads.logits(words)
        return super().head(model, states, pooled, pairs, dtype=dtype)

    def classify(self, model: Any, states: Any, pooled: Any, pairs: Pairs, *, dtype: Any) -> Any:
        """Put the head of sequence classification on: it reads the last token that is no padding.

        Raises:
            ModelError: Which token is padding is not known.
        """
        padding = model.config.pad_token_id
        if not self.given:  # stored features are of that token
            return heads.dense(pairs, model.score, pooled, dtype=dtype)
        if padding is None:
            raise ModelError(
                "Without a token for padding it is not known where a text ends.",
                received="a config without pad_token_id",
                hint="model.pooling=mean, or a checkpoint that has one",
            )
        is_word = ops.not_equal(self.given["input_ids"], pairs.word(padding))
        read = heads.last(states, is_word)
        return heads.dense(pairs, model.score, read, dtype=dtype)


def scale(config: Any, place: int) -> float:
    """Say what the block at a place multiplies its attention scores by."""
    own = (config.n_embd // config.n_head) ** -0.5 if config.scale_attn_weights else 1.0
    return own / (place + 1) if config.scale_attn_by_inverse_layer_idx else own
