"""XLNet (Yang et al. 2019): attention by how far tokens are apart, and by their segments.

KerasHub's attention is used; its masks and its encoding of distances are not, which are right for
one text at a time only: they reshape where they should transpose.
"""

from __future__ import annotations

from typing import Any, ClassVar

import keras
from keras import ops
from keras_hub.src.models.xlnet.relative_attention import TwoStreamRelativeAttention

from luthier.errors import ModelError
from luthier.keras_engine import heads
from luthier.keras_engine.families.encoder import Encoder
from luthier.keras_engine.pairs import Pairs, chosen

BIASES = {  # of the three parts of a score: Transformers' names and ours
    "r_w_bias": "by_content",
    "r_r_bias": "by_distance",
    "r_s_bias": "by_segment",
}


class XLNet(Encoder):
    """XLNet's stream of contents, which is all that fine-tuning needs."""

    inputs = ("input_ids", "attention_mask", "token_type_ids")
    optional: ClassVar[tuple[str, ...]] = ()  # without segments it would compute otherwise

    def trunk(self, base: Any, pairs: Pairs, *, dtype: Any) -> tuple[Any, Any]:
        """Build the trunk; give states (batch, tokens, width), and no pooled state.

        Raises:
            ModelError: It reads in one direction only, or half of its batches backwards.
        """
        config = base.config
        if config.attn_type != "bi" or config.bi_data:
            raise ModelError(
                "There is no twin of an XLNet that reads in one direction.",
                received=f"attn_type={config.attn_type}, bi_data={config.bi_data} in its config",
                hint="engine=torch",
            )
        table = keras.layers.Embedding(*base.word_embedding.weight.shape, dtype=dtype)
        states = heads.drop(table(self.given["input_ids"]), config.dropout, dtype=dtype)
        pairs.same(base.word_embedding.weight, table.embeddings)
        surroundings = Surroundings(config.d_model, config.clamp_len)
        sees, differs, distances = surroundings(
            self.given["attention_mask"], self.given["token_type_ids"]
        )
        distances = heads.drop(distances, config.dropout, dtype=dtype)
        for theirs in base.layer:
            ours = Block(config, dtype=dtype)
            states = ours(states, sees, differs, distances)
            pair_block(theirs, ours, pairs)
        return heads.drop(states, config.dropout, dtype=dtype), None

    def head(self, model: Any, states: Any, pooled: Any, pairs: Pairs, *, dtype: Any) -> Any:
        """Put a model's head on."""
        kind = type(model).__name__
        if kind == "XLNetForQuestionAnsweringSimple":
            return heads.borders(heads.dense(pairs, model.qa_outputs, states, dtype=dtype))
        if kind == "XLNetForQuestionAnswering":
            raise ModelError(
                "There is no twin of XLNet's search for answers by beams.",
                received=kind,
                hint="engine=torch",
            )
        return super().head(model, states, pooled, pairs, dtype=dtype)

    def classify(self, model: Any, states: Any, pooled: Any, pairs: Pairs, *, dtype: Any) -> Any:
        """Put the head of sequence classification on.

        It reads the place that the config says, be it padding.

        Raises:
            ModelError: That place is unknown.
        """
        config, summary = model.config, chosen(model.sequence_summary)
        ways = {
            "last": lambda: states[:, -1],
            "cls_index": lambda: states[:, -1],  # where no index is given, and none is
            "first": lambda: heads.first(states),
            "mean": lambda: ops.mean(states, axis=1),
        }
        if config.summary_type not in ways:
            raise ModelError(
                "There is no twin of this summary of a text.",
                received=f"summary_type={config.summary_type} in the checkpoint's config",
                hint=f"model.pooling=mean, or engine=torch; known are {', '.join(ways)}",
            )
        read = ways[config.summary_type]()
        read = heads.drop(read, getattr(summary.first_dropout, "p", 0.0), dtype=dtype)
        if config.summary_use_proj:
            read = heads.dense(pairs, summary.summary, read, dtype=dtype)
        if config.summary_activation:
            read = heads.activation(config.summary_activation)(read)
        read = heads.drop(read, getattr(summary.last_dropout, "p", 0.0), dtype=dtype)
        return heads.dense(pairs, model.logits_proj, read, dtype=dtype)


class Surroundings(keras.layers.Layer):
    """Says who sees whom, who is of another segment, and encodes how far tokens are apart.

    Args:
        width: Of the encoding of a distance.
        most: Distances beyond are taken for it; 0 or less: none are.
    """

    def __init__(self, width: int, most: int):
        super().__init__(dtype="float32")
        self.width, self.most = width, most

    def call(self, mask: Any, segments: Any) -> tuple[Any, Any, Any]:
        """Give (batch, tokens, tokens) twice, and (batch, 2 · tokens, width)."""
        n_rows, n_tokens = ops.shape(mask)[0], ops.shape(mask)[1]
        places = ops.arange(n_tokens)
        itself = ops.cast(places[:, None] == places[None], "int32")
        sees = ops.maximum(ops.cast(mask, "int32")[:, None, :], itself[None])
        differs = segments[:, :, None] != segments[:, None, :]
        apart = ops.cast(ops.arange(n_tokens, -n_tokens, -1), "float32")
        if self.most > 0:
            apart = ops.clip(apart, -self.most, self.most)
        rates = 10000 ** (ops.arange(0, self.width, 2, dtype="float32") / self.width)
        angles = apart[:, None] * (1 / rates)[None]
        waves = ops.concatenate([ops.sin(angles), ops.cos(angles)], axis=-1)[None]
        return sees, differs, ops.tile(waves, [n_rows, 1, 1])


class Block(keras.layers.Layer):
    """Attention, and two linear layers; a normalisation after each.

    Args:
        config: Of the checkpoint.
        dtype: To compute in.
    """

    def __init__(self, config: Any, *, dtype: Any):
        super().__init__(dtype=dtype)
        self.heads_shape = (config.n_head, config.d_model // config.n_head)
        self.attention = TwoStreamRelativeAttention(
            num_heads=config.n_head,
            key_dim=self.heads_shape[1],
            dropout=config.dropout,
            dtype=dtype,
        )
        norms = [
            keras.layers.LayerNormalization(epsilon=config.layer_norm_eps, dtype=dtype)
            for _ in range(2)
        ]
        self.attention_norm, self.norm = norms
        self.inner = keras.layers.Dense(config.d_inner, dtype=dtype)
        self.outer = keras.layers.Dense(config.d_model, dtype=dtype)
        self.act = heads.activation(config.ff_activation)
        self.drop = keras.layers.Dropout(config.dropout, dtype=dtype)

    def build(self, states_shape: Any, *_: Any) -> None:
        """Make the weights."""
        self.attention.build(states_shape)
        for name in BIASES.values():
            setattr(self, name, self.add_weight(shape=self.heads_shape, name=name))
        self.segments = self.add_weight(shape=(2, *self.heads_shape), name="segments")
        for layer in (self.attention_norm, self.norm, self.inner):
            layer.build(states_shape)
        self.outer.build((*states_shape[:-1], self.inner.units))

    def call(self, states: Any, sees: Any, differs: Any, distances: Any) -> Any:
        """Give the states after the block."""
        read, _ = self.attention(
            content_stream=states,
            content_attention_bias=self.by_content,
            positional_attention_bias=self.by_distance,
            relative_position_encoding=distances,
            segment_matrix=differs,
            segment_encoding=self.segments,
            segment_attention_bias=self.by_segment,
            content_attention_mask=sees,
        )
        states = self.attention_norm(self.drop(read) + states)
        said = self.outer(self.drop(self.act(self.inner(states))))
        return self.norm(self.drop(said) + states)

    def compute_output_shape(self, states_shape: Any, *_: Any) -> Any:
        """Say that states keep their shape."""
        return states_shape


def pair_block(theirs: Any, ours: Block, pairs: Pairs) -> None:
    """Pair a block; no matrix of its attention is turned."""
    attention = ours.attention
    for name, layer in (
        ("q", attention._query_dense),
        ("k", attention._key_dense),
        ("v", attention._value_dense),
        ("o", attention._output_dense),
        ("r", attention._encoding_dense),
    ):
        pairs.same(getattr(theirs.rel_attn, name), layer.kernel)
    for name, own in BIASES.items():
        pairs.same(getattr(theirs.rel_attn, name), getattr(ours, own))
    pairs.same(theirs.rel_attn.seg_embed, ours.segments)
    pairs.norm(theirs.rel_attn.layer_norm, ours.attention_norm)
    pairs.linear(theirs.ff.layer_1, ours.inner)
    pairs.linear(theirs.ff.layer_2, ours.outer)
    pairs.norm(theirs.ff.layer_norm, ours.norm)
