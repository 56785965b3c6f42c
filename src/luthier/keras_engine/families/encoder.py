"""What families of encoders have in common: their blocks, and the tasks that go by tokens."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, NamedTuple

import keras
from torch import nn

from luthier.errors import ModelError
from luthier.keras_engine import heads
from luthier.keras_engine.pairs import Pairs, chosen
from luthier.models.heads import PooledClassifier
from luthier.models.structure import StoredTrunk


class Rates(NamedTuple):
    """Dropout of states, and of attention."""

    hidden: float
    attention: float

    @property
    def any(self) -> float:
        """A rate above 0, for layers that would otherwise be built without dropout."""
        return max(self.hidden, self.attention)


def rates(config: Any) -> Rates:
    """Read the dropout rates of BERT's kin."""
    return Rates(config.hidden_dropout_prob, config.attention_probs_dropout_prob)


def sizes(base: Any, dropout: Rates, *, dtype: Any) -> dict[str, Any]:
    """Read what KerasHub asks for in every encoder."""
    config = base.config
    return {
        "vocabulary_size": len(base.embeddings.word_embeddings.weight),
        "num_layers": config.num_hidden_layers,
        "num_heads": config.num_attention_heads,
        "hidden_dim": config.hidden_size,
        "intermediate_dim": getattr(config, "intermediate_size", None) or config.hidden_dim,
        "dropout": dropout.any,
        "max_sequence_length": config.max_position_embeddings,
        "dtype": dtype,
    }


class Encoder:
    """A family of encoders: a trunk, and heads on it.

    A family's own file says how its trunk is built and what its classifier reads; tokens and
    answers are alike in all.
    """

    inputs: ClassVar[tuple[str, ...]] = ("input_ids", "attention_mask")
    optional: ClassVar[tuple[str, ...]] = ("token_type_ids",)  # all of the first kind, then

    def __init__(self) -> None:
        self.given: dict[str, Any] = {}

    def build(self, model: Any, pairs: Pairs, *, dtype: Any) -> keras.Model:
        """Build a model's twin.

        Raises:
            ModelError: There is no counterpart of its head, or of what its config asks for.
        """
        base = model.base_model
        if isinstance(base, StoredTrunk):  # features (batch, width) are the states of one token
            stored = keras.Input((model.config.hidden_size,), name="features")
            said = self.head(model, stored[:, None], stored, pairs, dtype=dtype)
            return keras.Model({"features": stored}, said)
        refuse(_unusual(model.config))
        self.given = {name: keras.Input((None,), dtype="int32", name=name) for name in self.inputs}
        states, pooled = self.trunk(base, pairs, dtype=dtype)
        said = self.head(model, states, pooled, pairs, dtype=dtype)
        return keras.Model(self.given, said)

    def head(self, model: Any, states: Any, pooled: Any, pairs: Pairs, *, dtype: Any) -> Any:
        """Put a model's head on its trunk's states (batch, tokens, width)."""
        kind = type(model).__name__
        if isinstance(model, PooledClassifier):
            mask = self.given.get("attention_mask", keras.ops.ones_like(states[:, :, 0]))
            return heads.logits(own_head(model, states, mask, pairs, dtype=dtype))
        if kind.endswith("ForSequenceClassification"):
            return heads.logits(self.classify(model, states, pooled, pairs, dtype=dtype))
        dropout = getattr(model, "dropout", None)  # before answers DistilBERT has it alone
        states = states if dropout is None else heads.drop(states, dropout.p, dtype=dtype)
        if kind.endswith("ForTokenClassification"):
            return heads.logits(heads.dense(pairs, model.classifier, states, dtype=dtype))
        if kind.endswith("ForQuestionAnswering"):
            return heads.borders(heads.dense(pairs, model.qa_outputs, states, dtype=dtype))
        raise heads.no_twin(kind)

    def trunk(self, base: Any, pairs: Pairs, *, dtype: Any) -> tuple[Any, Any]:
        """Build the trunk; give states (batch, tokens, width), and the pooled state or None."""
        raise NotImplementedError

    def classify(self, model: Any, states: Any, pooled: Any, pairs: Pairs, *, dtype: Any) -> Any:
        """Put the head of sequence classification on."""
        raise NotImplementedError

    def embed(self, table: Any, inner: Any, pairs: Pairs, *, dtype: Any, **where: Any) -> Any:
        """Look up tokens, positions and types, and normalise the sum: (batch, tokens, width).

        `where` are the `positions` of tokens, unless they stand at 0, 1, 2, …
        """
        places = getattr(inner, "position_embedding", None) or inner.embeddings.position_embedding
        tokens = inner.token_embedding(self.given["input_ids"])
        parts = [tokens, places(tokens, **where)]
        pairs.same(table.word_embeddings.weight, inner.token_embedding.embeddings)
        pairs.same(table.position_embeddings.weight, places.position_embeddings)
        if hasattr(table, "token_type_embeddings"):
            types = keras.layers.Embedding(*table.token_type_embeddings.weight.shape, dtype=dtype)
            parts.append(types(self.given["token_type_ids"]))
            pairs.same(table.token_type_embeddings.weight, types.embeddings)
        return normalised(table, keras.layers.Add(dtype=dtype)(parts), inner, pairs)

    def run(self, layers: Iterable[Any], states: Any) -> Any:
        """Put blocks of KerasHub's on states, one after the other."""
        for layer in layers:
            states = layer(states, padding_mask=self.given["attention_mask"])
        return states


def own_head(model: PooledClassifier, states: Any, mask: Any, pairs: Pairs, *, dtype: Any) -> Any:
    """Put a head of ours on: a pooling, and linear layers.

    Raises:
        ModelError: It remembers rows, or weighs tokens by weights of its own.
    """
    ways = {
        "cls": lambda: heads.first(states, mask),
        "mean": lambda: heads.mean(states, mask),
        "max": lambda: heads.highest(states, mask),
    }
    if model.pooling_name not in ways or not isinstance(model.classifier, nn.Sequential):
        raise ModelError(
            "There is no twin of this head for TensorFlow.",
            received=f"model.pooling={model.pooling_name}",
            hint=f"model.pooling=one of {', '.join(ways)}, or engine=torch",
        )
    read = ways[model.pooling_name]()
    if model.normalise:
        read = keras.layers.UnitNormalization(dtype=dtype)(read)
    for part in model.classifier:
        if isinstance(part, nn.Dropout):
            read = heads.drop(read, part.p, dtype=dtype)
        elif isinstance(part, nn.GELU):
            read = heads.activation("gelu")(read)
        else:
            read = heads.dense(pairs, part, read, dtype=dtype)
    return read


def normalised(table: Any, states: Any, inner: Any, pairs: Pairs) -> Any:
    """Normalise looked-up states and drop of them, as the embeddings of PyTorch's model do."""
    pairs.norm(table.LayerNorm, inner.embeddings_layer_norm)
    inner.embeddings_layer_norm.epsilon = table.LayerNorm.eps
    inner.embeddings_dropout.rate = table.dropout.p
    return inner.embeddings_dropout(inner.embeddings_layer_norm(states))


def pool(linear: Any, states: Any, pairs: Pairs, *, dtype: Any) -> Any:
    """Put a pooler's layer on the first token, (batch, width); None where there is no pooler."""
    if linear is None:
        return None
    return heads.dense(pairs, linear, heads.first(states), dtype=dtype, act="tanh")


def read_first(head: Any, states: Any, pairs: Pairs, *, act: str, dtype: Any) -> Any:
    """Put on a head that reads the first token through a layer of its own: RoBERTa's, ELECTRA's."""
    head = chosen(head)
    read = heads.drop(heads.first(states), head.dropout.p, dtype=dtype)
    read = heads.dense(pairs, head.dense, read, dtype=dtype, act=act)
    read = heads.drop(read, head.dropout.p, dtype=dtype)
    return heads.dense(pairs, head.out_proj, read, dtype=dtype)


def block(theirs: Any, ours: Any, config: Any, pairs: Pairs) -> None:
    """Pair a block of BERT's kin with one of KerasHub's, and have both compute alike."""
    attention = theirs.attention
    pair_attention(attention.self, attention.output.dense, ours._self_attention_layer, pairs)
    pair_rest(
        ours,
        pairs,
        linear=(theirs.intermediate.dense, theirs.output.dense),
        norms=(attention.output.LayerNorm, theirs.output.LayerNorm),
    )
    alike(ours, config.hidden_act, config.layer_norm_eps, rates(config))


def pair_attention(
    theirs: Any, output: Any, ours: Any, pairs: Pairs, names: Any = ("query", "key", "value")
) -> None:
    """Pair queries, keys, values and what follows them."""
    for name, layer in zip(
        names, (ours._query_dense, ours._key_dense, ours._value_dense), strict=True
    ):
        pairs.linear(getattr(theirs, name), layer)
    pairs.linear(output, ours._output_dense)


def pair_rest(ours: Any, pairs: Pairs, *, linear: tuple[Any, Any], norms: tuple[Any, Any]) -> None:
    """Pair what of a block is no attention: the feed-forward part's layers, and both norms."""
    pairs.linear(linear[0], ours._feedforward_intermediate_dense)
    pairs.linear(linear[1], ours._feedforward_output_dense)
    pairs.norm(norms[0], ours._self_attention_layer_norm)
    pairs.norm(norms[1], ours._feedforward_layer_norm)


def alike(ours: Any, act: str, epsilon: float, dropout: Rates) -> None:
    """Give a block of KerasHub's the activation, ε and dropout of the checkpoint."""
    ours._feedforward_intermediate_dense.activation = heads.activation(act)
    ours._self_attention_layer_norm.epsilon = epsilon
    ours._feedforward_layer_norm.epsilon = epsilon
    ours._self_attention_dropout.rate = dropout.hidden
    ours._feedforward_dropout.rate = dropout.hidden
    attention = ours._self_attention_layer
    if isinstance(attention, keras.layers.MultiHeadAttention):
        attention._dropout_layer.rate = attention._dropout = dropout.attention


def _unusual(config: Any) -> dict[str, bool]:
    """Look for what makes an encoder compute otherwise than those of KerasHub do."""
    places = getattr(config, "position_embedding_type", None) or "absolute"
    return {
        "is_decoder=true": getattr(config, "is_decoder", False),
        "add_cross_attention=true": getattr(config, "add_cross_attention", False),
        f"position_embedding_type={places}": places != "absolute",
    }


def refuse(found: dict[str, bool]) -> None:
    """Raise where one of several things that have no counterpart is there.

    Raises:
        ModelError: It is.
    """
    if asked := [words for words, is_there in found.items() if is_there]:
        raise ModelError(
            "KerasHub's models do not compute what this checkpoint's config asks for.",
            received=", ".join(asked),
            hint="engine=torch",
        )
