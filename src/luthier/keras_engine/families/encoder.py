"""What families of encoders share: their blocks, and the heads that read one token at a time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, NamedTuple

import keras
from keras import KerasTensor, Layer
from torch import nn
from transformers import PretrainedConfig

from luthier.errors import ModelError
from luthier.keras_engine import heads
from luthier.keras_engine.backend import no_twin
from luthier.keras_engine.kinds import HeadOutputs, Part, TrunkOutput
from luthier.keras_engine.pairs import Pairs, active
from luthier.models.heads import PooledClassifier
from luthier.models.structure import StoredTrunk

Parts = tuple[Part, ...]


class Rates(NamedTuple):
    """Dropout rates of hidden states and of attention weights."""

    hidden: float
    attention: float


def rates(config: PretrainedConfig) -> Rates:
    """Read the dropout rates of a BERT-like configuration."""
    return Rates(config.hidden_dropout_prob, config.attention_probs_dropout_prob)


def sizes(base: Part, dropout: Rates, pairs: Pairs) -> dict[str, Any]:
    """Collect the constructor arguments that all of KerasHub's encoders share."""
    config = base.config
    return {
        "vocabulary_size": len(base.embeddings.word_embeddings.weight),
        "num_layers": config.num_hidden_layers,
        "num_heads": config.num_attention_heads,
        "hidden_dim": config.hidden_size,
        "intermediate_dim": getattr(config, "intermediate_size", None) or config.hidden_dim,
        "dropout": max(dropout),  # KerasHub builds no dropout layers for a rate of 0
        "max_sequence_length": config.max_position_embeddings,
        "dtype": pairs.dtype,
    }


class Encoder:
    """A family of encoders: a trunk with a head on it.

    A family's own file builds the trunk and says what its classifier reads; the heads for tokens
    and for answer spans are the same in all families.
    """

    input_names: ClassVar[tuple[str, ...]] = ("input_ids", "attention_mask")
    optional: ClassVar[tuple[str, ...]] = ("token_type_ids",)  # zero, the first type, if absent

    def __init__(self) -> None:
        self.inputs: dict[str, KerasTensor] = {}

    def build(self, model: Part, pairs: Pairs) -> keras.Model:
        """Build a model's twin.

        Raises:
            ModelError: The head or a setting of the configuration has no twin.
        """
        base = model.base_model
        if isinstance(base, StoredTrunk):  # stored features (batch, width), as one token's states
            stored = keras.Input((model.config.hidden_size,), name="features")
            outputs = self.head(model, TrunkOutput(stored[:, None], stored), pairs)
            return keras.Model({"features": stored}, outputs)
        refuse(_unusual(model.config))
        self.inputs = {
            name: keras.Input((None,), dtype="int32", name=name) for name in self.input_names
        }
        outputs = self.head(model, self.trunk(base, pairs), pairs)
        return keras.Model(self.inputs, outputs)

    def head(self, model: Part, trunk: TrunkOutput, pairs: Pairs) -> HeadOutputs:
        """Build the model's head on the output of its trunk."""
        kind, states = type(model).__name__, trunk.states
        if isinstance(model, PooledClassifier):
            mask = self.inputs.get("attention_mask", keras.ops.ones_like(states[:, :, 0]))
            return heads.logits(own_head(model, states, mask, pairs))
        if kind.endswith("ForSequenceClassification"):
            return heads.logits(self.classify(model, trunk, pairs))
        dropout = getattr(model, "dropout", None)  # for answers, DistilBERT alone has it
        states = states if dropout is None else heads.drop(states, dropout.p, pairs.dtype)
        if kind.endswith("ForTokenClassification"):
            return heads.logits(heads.dense(pairs, model.classifier, states))
        if kind.endswith("ForQuestionAnswering"):
            return heads.borders(heads.dense(pairs, model.qa_outputs, states))
        raise no_twin("this head", kind)

    def trunk(self, base: Part, pairs: Pairs) -> TrunkOutput:
        """Build the trunk."""
        raise NotImplementedError

    def classify(self, model: Part, trunk: TrunkOutput, pairs: Pairs) -> KerasTensor:
        """Build the head of sequence classification: on the pooled state, unless overridden."""
        pooled = heads.drop(trunk.pooled, model.dropout.p, pairs.dtype)
        return heads.dense(pairs, model.classifier, pooled)

    def embed(
        self, table: Part, inner: Layer, pairs: Pairs, *, positions: KerasTensor | None = None
    ) -> KerasTensor:
        """Sum the embeddings of tokens, positions and types, normalized: (batch, tokens, width).

        They are computed by the layers of KerasHub's backbone, `inner`. Positions (batch, tokens)
        that are None count from 0.
        """
        places = getattr(inner, "position_embedding", None) or inner.embeddings.position_embedding
        tokens = inner.token_embedding(self.inputs["input_ids"])
        parts = [tokens, places(tokens, positions=positions)]
        pairs.same(table.word_embeddings.weight, inner.token_embedding.embeddings)
        pairs.same(table.position_embeddings.weight, places.position_embeddings)
        if hasattr(table, "token_type_embeddings"):
            shape = table.token_type_embeddings.weight.shape
            types = keras.layers.Embedding(*shape, dtype=pairs.dtype)
            parts.append(types(self.inputs["token_type_ids"]))
            pairs.same(table.token_type_embeddings.weight, types.embeddings)
        return normalized(table, keras.layers.Add(dtype=pairs.dtype)(parts), inner, pairs)

    def run(self, layers: Iterable[Layer], states: KerasTensor) -> KerasTensor:
        """Apply KerasHub's blocks, one after the other."""
        for layer in layers:
            states = layer(states, padding_mask=self.inputs["attention_mask"])
        return states


def own_head(
    model: PooledClassifier, states: KerasTensor, mask: KerasTensor, pairs: Pairs
) -> KerasTensor:
    """Build the twin of Luthier's own head: a pooling and linear layers.

    Raises:
        ModelError: The head stores rows, or pools tokens by learned weights.
    """
    poolings = {"cls": heads.first, "mean": heads.mean, "max": heads.highest}
    if model.pooling_name not in poolings or not isinstance(model.classifier, nn.Sequential):
        hint = f"model.pooling=one of {', '.join(poolings)}, or engine=torch"
        raise no_twin("this head", f"model.pooling={model.pooling_name}", hint=hint)
    pooled = poolings[model.pooling_name](states, mask)
    if model.normalise:
        pooled = keras.layers.UnitNormalization(dtype=pairs.dtype)(pooled)
    for part in model.classifier:
        if isinstance(part, nn.Dropout):
            pooled = heads.drop(pooled, part.p, pairs.dtype)
        elif isinstance(part, nn.GELU):
            pooled = heads.activation("gelu")(pooled)
        else:
            pooled = heads.dense(pairs, part, pooled)
    return pooled


def normalized(table: Part, states: KerasTensor, inner: Layer, pairs: Pairs) -> KerasTensor:
    """Apply the layer normalization and the dropout of a model's embeddings."""
    pairs.norm(table.LayerNorm, inner.embeddings_layer_norm)
    inner.embeddings_layer_norm.epsilon = table.LayerNorm.eps
    inner.embeddings_dropout.rate = table.dropout.p
    return inner.embeddings_dropout(inner.embeddings_layer_norm(states))


def pool(linear: Part | None, states: KerasTensor, pairs: Pairs) -> KerasTensor | None:
    """Apply a pooler to the first token, (batch, width); None where the model has no pooler."""
    if linear is None:
        return None
    return heads.dense(pairs, linear, heads.first(states), act="tanh")


def dense_head(head: Part, states: KerasTensor, pairs: Pairs, *, act: str) -> KerasTensor:
    """Apply two linear layers with dropout before each: the head of RoBERTa, ELECTRA and BART."""
    head = active(head)
    states = heads.drop(states, head.dropout.p, pairs.dtype)
    states = heads.dense(pairs, head.dense, states, act=act)
    states = heads.drop(states, head.dropout.p, pairs.dtype)
    return heads.dense(pairs, head.out_proj, states)


def pair_bert_block(
    module: Part, layer: Layer, config: PretrainedConfig, pairs: Pairs, *, suffix: str = ""
) -> None:
    """Pair a BERT-like block, whose projections are named `query`, `key`, `value` and a suffix."""
    inner, output = module.attention.self, module.attention.output
    projections = [getattr(inner, f"{name}{suffix}") for name in ("query", "key", "value")]
    pair_block(
        layer,
        pairs,
        projections=(*projections, output.dense),
        linear=(module.intermediate.dense, module.output.dense),
        norms=(output.LayerNorm, module.output.LayerNorm),
    )
    configure(layer, config.hidden_act, config.layer_norm_eps, rates(config))


def pair_block(
    layer: Layer, pairs: Pairs, *, projections: Parts, linear: Parts, norms: Parts
) -> None:
    """Pair a block: attention's projections, the feed-forward layers, and both normalizations."""
    pair_attention(projections, layer._self_attention_layer, pairs)
    pairs.linear(linear[0], layer._feedforward_intermediate_dense)
    pairs.linear(linear[1], layer._feedforward_output_dense)
    pairs.norm(norms[0], layer._self_attention_layer_norm)
    pairs.norm(norms[1], layer._feedforward_layer_norm)


def pair_attention(projections: Parts, layer: Layer, pairs: Pairs) -> None:
    """Pair attention's projections, in the order of queries, keys, values and the output."""
    for module, part in zip(projections, ("query", "key", "value", "output"), strict=True):
        pairs.linear(module, getattr(layer, f"_{part}_dense"))


def configure(layer: Layer, act: str, epsilon: float, dropout: Rates) -> None:
    """Set the activation, ε and dropout rates of KerasHub's block to the checkpoint's."""
    layer._feedforward_intermediate_dense.activation = heads.activation(act)
    layer._self_attention_layer_norm.epsilon = epsilon
    layer._feedforward_layer_norm.epsilon = epsilon
    layer._self_attention_dropout.rate = dropout.hidden
    layer._feedforward_dropout.rate = dropout.hidden
    attention = layer._self_attention_layer
    if isinstance(attention, keras.layers.MultiHeadAttention):
        attention._dropout_layer.rate = attention._dropout = dropout.attention


def _unusual(config: PretrainedConfig) -> dict[str, bool]:
    """Name the settings of an encoder that KerasHub does not compute, and whether each is on."""
    places = getattr(config, "position_embedding_type", None) or "absolute"
    return {
        "is_decoder=true": getattr(config, "is_decoder", False),
        "add_cross_attention=true": getattr(config, "add_cross_attention", False),
        f"position_embedding_type={places}": places != "absolute",
    }


def refuse(unusual: dict[str, bool]) -> None:
    """Raise if any setting that has no counterpart is on.

    Raises:
        ModelError: A setting is on.
    """
    if received := [words for words, is_on in unusual.items() if is_on]:
        raise ModelError(
            "KerasHub's models do not compute what this checkpoint's config asks for.",
            received=", ".join(received),
            hint="engine=torch",
        )
