"""XLNet (Yang et al. 2019): attention by the distance of tokens, and by their segments.

KerasHub's attention is used, but neither its masks nor its encoding of distances: they reshape
where they should transpose, and so are right for a single text only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import keras
import tensorflow as tf
from keras import KerasTensor, ops
from keras_hub.src.models.xlnet.relative_attention import TwoStreamRelativeAttention
from transformers import PretrainedConfig

from luthier.keras_engine import heads
from luthier.keras_engine.backend import no_twin
from luthier.keras_engine.families.encoder import Encoder
from luthier.keras_engine.kinds import HeadOutputs, Part, TrunkOutput
from luthier.keras_engine.pairs import Pairs, active

BIASES = {  # of the three parts of an attention score: names in Transformers and here
    "r_w_bias": "by_content",
    "r_r_bias": "by_distance",
    "r_s_bias": "by_segment",
}
Shape = tuple[int | None, ...]


class XLNet(Encoder):
    """XLNet's content stream, which is all that fine-tuning needs."""

    input_names = ("input_ids", "attention_mask", "token_type_ids")
    optional: ClassVar[tuple[str, ...]] = ()  # without segments the model computes otherwise

    def trunk(self, base: Part, pairs: Pairs) -> TrunkOutput:
        """Build the trunk; it has no pooler.

        Raises:
            ModelError: The model reads in one direction, or half of its batches backwards.
        """
        config, dtype = base.config, pairs.dtype
        if config.attn_type != "bi" or config.bi_data:
            received = f"attn_type={config.attn_type}, bi_data={config.bi_data} in its config"
            raise no_twin("an XLNet that reads in one direction", received)
        table = keras.layers.Embedding(*base.word_embedding.weight.shape, dtype=dtype)
        states = heads.drop(table(self.inputs["input_ids"]), config.dropout, dtype)
        pairs.same(base.word_embedding.weight, table.embeddings)
        surroundings = Surroundings(config.d_model, config.clamp_len)
        sees, differs, distances = surroundings(
            self.inputs["attention_mask"], self.inputs["token_type_ids"]
        )
        distances = heads.drop(distances, config.dropout, dtype)
        for module in base.layer:
            block = Block(config, dtype)
            states = block(states, sees, differs, distances)
            pair_block(module, block, pairs)
        return TrunkOutput(heads.drop(states, config.dropout, dtype))

    def head(self, model: Part, trunk: TrunkOutput, pairs: Pairs) -> HeadOutputs:
        """Build the model's head."""
        kind = type(model).__name__
        if kind == "XLNetForQuestionAnsweringSimple":
            return heads.borders(heads.dense(pairs, model.qa_outputs, trunk.states))
        if kind == "XLNetForQuestionAnswering":
            raise no_twin("a beam search for answers", kind)
        return super().head(model, trunk, pairs)

    def classify(self, model: Part, trunk: TrunkOutput, pairs: Pairs) -> KerasTensor:
        """Build the head of sequence classification, on the place that the config names.

        Raises:
            ModelError: The place is unknown here. As in Transformers, it may be padding.
        """
        config, summary, states = model.config, active(model.sequence_summary), trunk.states
        ways: dict[str, Callable[[], KerasTensor]] = {
            "last": lambda: states[:, -1],
            "cls_index": lambda: states[:, -1],  # Transformers' default where no index is given
            "first": lambda: heads.first(states),
            "mean": lambda: ops.mean(states, axis=1),
        }
        if config.summary_type not in ways:
            received = f"summary_type={config.summary_type} in the checkpoint's config"
            hint = f"model.pooling=mean, or engine=torch; known are {', '.join(ways)}"
            raise no_twin("this summary of a text", received, hint=hint)
        pooled = ways[config.summary_type]()
        pooled = heads.drop(pooled, getattr(summary.first_dropout, "p", 0.0), pairs.dtype)
        if config.summary_use_proj:
            pooled = heads.dense(pairs, summary.summary, pooled)
        if config.summary_activation:
            pooled = heads.activation(config.summary_activation)(pooled)
        pooled = heads.drop(pooled, getattr(summary.last_dropout, "p", 0.0), pairs.dtype)
        return heads.dense(pairs, model.logits_proj, pooled)


class Surroundings(keras.layers.Layer):
    """Computes which tokens see each other, which differ in segment, and encodes distances.

    Args:
        width: Width of the encoding of a distance.
        most: Distance to which larger ones are clipped; 0 or less clips none.
    """

    def __init__(self, width: int, most: int):
        super().__init__(dtype="float32")
        self.width, self.most = width, most

    def call(self, mask: tf.Tensor, segments: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Give (batch, tokens, tokens) twice, and (batch, 2 · tokens, width)."""
        n_rows, n_tokens = ops.shape(mask)[0], ops.shape(mask)[1]
        places = ops.arange(n_tokens)
        itself = ops.cast(places[:, None] == places[None], "int32")  # (tokens, tokens), diagonal
        # all see real tokens, and padding sees itself: (batch, tokens, tokens)
        sees = ops.maximum(ops.cast(mask, "int32")[:, None, :], itself[None])
        differs = segments[:, :, None] != segments[:, None, :]  # (batch, tokens, tokens)
        apart = ops.cast(ops.arange(n_tokens, -n_tokens, -1), "float32")  # (2 · tokens,)
        if self.most > 0:
            apart = ops.clip(apart, -self.most, self.most)
        rates = 10000 ** (ops.arange(0, self.width, 2, dtype="float32") / self.width)
        angles = apart[:, None] * (1 / rates)[None]  # (2 · tokens, width / 2)
        waves = ops.concatenate([ops.sin(angles), ops.cos(angles)], axis=-1)[None]
        return sees, differs, ops.tile(waves, [n_rows, 1, 1])


class Block(keras.layers.Layer):
    """Attention and two linear layers, with a normalization after each part.

    Args:
        config: The checkpoint's configuration.
        dtype: Dtype policy of the layers.
    """

    def __init__(self, config: PretrainedConfig, dtype: str):
        super().__init__(dtype=dtype)
        self.heads_shape = (config.n_head, config.d_model // config.n_head)
        self.attention = TwoStreamRelativeAttention(
            num_heads=config.n_head,
            key_dim=self.heads_shape[1],
            dropout=config.dropout,
            dtype=dtype,
        )
        self.attention_norm, self.norm = (
            keras.layers.LayerNormalization(epsilon=config.layer_norm_eps, dtype=dtype)
            for _ in range(2)
        )
        self.inner = keras.layers.Dense(config.d_inner, dtype=dtype)
        self.outer = keras.layers.Dense(config.d_model, dtype=dtype)
        self.act = heads.activation(config.ff_activation)
        self.drop = keras.layers.Dropout(config.dropout, dtype=dtype)

    def build(self, states_shape: Shape, *_: Shape) -> None:
        """Create the weights."""
        self.attention.build(states_shape)
        for name in BIASES.values():
            setattr(self, name, self.add_weight(shape=self.heads_shape, name=name))
        self.segments = self.add_weight(shape=(2, *self.heads_shape), name="segments")
        for layer in (self.attention_norm, self.norm, self.inner):
            layer.build(states_shape)
        self.outer.build((*states_shape[:-1], self.inner.units))

    def call(
        self, states: tf.Tensor, sees: tf.Tensor, differs: tf.Tensor, distances: tf.Tensor
    ) -> tf.Tensor:
        """Give the states after the block, (batch, tokens, width)."""
        attended, _ = self.attention(
            content_stream=states,
            content_attention_bias=self.by_content,
            positional_attention_bias=self.by_distance,
            relative_position_encoding=distances,
            segment_matrix=differs,
            segment_encoding=self.segments,
            segment_attention_bias=self.by_segment,
            content_attention_mask=sees,
        )
        states = self.attention_norm(self.drop(attended) + states)
        update = self.outer(self.drop(self.act(self.inner(states))))
        return self.norm(self.drop(update) + states)

    def compute_output_shape(self, states_shape: Shape, *_: Shape) -> Shape:
        """Give the shape of the states, which the block keeps."""
        return states_shape


def pair_block(module: Part, block: Block, pairs: Pairs) -> None:
    """Pair a block; the matrices of its attention have the same layout in both libraries."""
    for name, part in zip("qkvor", ("query", "key", "value", "output", "encoding"), strict=True):
        layer = getattr(block.attention, f"_{part}_dense")
        pairs.same(getattr(module.rel_attn, name), layer.kernel)
    for name, own in BIASES.items():
        pairs.same(getattr(module.rel_attn, name), getattr(block, own))
    pairs.same(module.rel_attn.seg_embed, block.segments)
    pairs.norm(module.rel_attn.layer_norm, block.attention_norm)
    pairs.linear(module.ff.layer_1, block.inner)
    pairs.linear(module.ff.layer_2, block.outer)
    pairs.norm(module.ff.layer_norm, block.norm)
