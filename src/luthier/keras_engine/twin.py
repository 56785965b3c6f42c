"""A model's twin in Keras: the same function of the same weights.

A family's file (`families/`) builds the twin from KerasHub's layers and records in `Pairs`
(`pairs.py`) which PyTorch module each layer corresponds to. Weights are copied both ways by these.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import keras
import tensorflow as tf
import torch
from keras import ops

from luthier.errors import ModelError
from luthier.frozen_features.features import OnFeatures
from luthier.keras_engine import FAMILIES
from luthier.keras_engine.kinds import Part, Tensors
from luthier.keras_engine.pairs import Pair, Pairs
from luthier.ragged import Array
from luthier.registry import find

UNUSED = "mask_emb"  # XLNet's second stream, which no output depends on
CALLS = 2**16  # room for the calls of one dropout layer in a step: ALBERT's layers share theirs


class Twin:
    """A PyTorch model and its counterpart in Keras.

    Args:
        model: The model; it may be wrapped by peft, or be a head on stored features.
        half: Whether to compute in bfloat16 mixed precision.
        places: Row of each word in a compacted embedding table, (words,); None means all words.

    Raises:
        ModelError: The model has no counterpart.
    """

    def __init__(self, model: Part, *, half: bool = False, places: Array | None = None):
        self.model = model
        self.places = None if places is None else tf.constant(places, tf.int32)
        pairs = Pairs("mixed_bfloat16" if half else "float32", places)
        plain = unwrapped(model)
        self.family = find(FAMILIES, plain.config.model_type)()
        self.keras: keras.Model = self.family.build(plain, pairs)
        self.pairs, self.changes = pairs.all, pairs.changes
        self._refuse_gaps()
        self._leave_unused()
        self.seeds = [
            one for one in self.keras.variables if one.path.endswith("seed_generator_state")
        ]
        self.give()

    def _refuse_gaps(self) -> None:
        """Raise if a trained weight, or a variable that is computed with, has no partner."""
        paired = {id(pair.weight) for pair in self.pairs}
        known = {id(pair.variable) for pair in self.pairs}
        alone = [
            name
            for name, one in self.model.named_parameters()
            if one.requires_grad and id(one) not in paired and not name.endswith(UNUSED)
        ]
        alone += [one.path for one in self.keras.trainable_variables if id(one) not in known]
        if alone:
            raise ModelError(
                "This model has weights that have no counterpart in TensorFlow.",
                received=", ".join(alone[:5]) + (" …" if len(alone) > 5 else ""),
                hint="engine=torch",
            )

    def _leave_unused(self) -> None:
        """Drop pairs that no output depends on, as PyTorch does: a pooler below another head."""
        used = {id(one) for one in self.keras.variables}
        used |= {id(part) for change in self.changes for part in (change.down, change.up)}
        self.pairs = [pair for pair in self.pairs if id(pair.variable) in used]

    def trained(self) -> Iterator[Pair]:
        """Yield the pairs whose weights are trained."""
        return (pair for pair in self.pairs if pair.weight.requires_grad)

    def give(self) -> None:
        """Copy the model's weights into the twin."""
        for pair in self.pairs:
            pair.give()

    @torch.no_grad()
    def take_back(self) -> None:
        """Copy the trained weights of the twin into the model."""
        for pair in self.trained():
            pair.take_back()

    def __call__(self, batch: Tensors, *, training: bool, seed: tf.Tensor | None = None) -> Tensors:
        """Run the twin on a batch.

        Args:
            batch: Model arguments by Transformers' names, (batch, tokens) each.
            training: Whether dropout is on; its masks follow from `seed` alone.
            seed: Whole number, a scalar.

        Returns:
            The fields of the model's own output: `logits`, or `start_logits` and `end_logits`.
        """
        values = [(change.variable, change.apply()) for change in self.changes]
        if seed is not None:
            for number, state in enumerate(self.seeds):
                start = ops.stack([seed, number * CALLS])  # one stretch of numbers for each layer
                values.append((state, ops.cast(start, state.dtype)))
        with keras.StatelessScope(state_mapping=values):
            outputs: Tensors = self.keras(self._inputs(batch), training=training)
            return outputs

    def _inputs(self, batch: Tensors) -> dict[str, tf.Tensor]:
        """Select the arguments that the twin takes; optional ones that are absent are zero."""
        given = {name: one for name, one in batch.items() if name in self.keras.input}
        if self.places is not None:
            given["input_ids"] = tf.gather(self.places, given["input_ids"])
            tf.debugging.assert_non_negative(given["input_ids"], "a word that no row has")
        zeros = ops.zeros_like(next(iter(given.values())))
        given = dict.fromkeys(self.family.optional, zeros) | given
        return {name: ops.cast(given[name], one.dtype) for name, one in self.keras.input.items()}

    def shifted(self, labels: tf.Tensor) -> Tensors:
        """Make the decoder's arguments, by Transformers' names, from labels (batch, tokens)."""
        arguments: Tensors = self.family.shifted(labels)
        return arguments

    def refuse_inputs(self, names: Collection[str]) -> None:
        """Raise if the twin would compute something else on batches with arguments of these names.

        Raises:
            ModelError: The batches are packed blocks of texts, or lack an argument.
        """
        inputs = self.keras.input
        if "position_ids" in names and "position_ids" not in inputs:
            raise ModelError(
                "TensorFlow does not keep texts apart that are packed into one block.",
                received="engine=tensorflow and task.options.packing=true",
                hint="task.options.packing=false, or engine=torch",
            )
        known = (*names, *self.family.optional)
        lacking = [one for one in inputs if one not in known and not one.startswith("decoder_")]
        if lacking:
            raise ModelError(
                "The twin of this model reads more than its tokenizer gives.",
                received=f"{', '.join(names)} without {', '.join(lacking)}",
                hint="a tokenizer that gives it, or engine=torch",
            )


def unwrapped(model: Any) -> Any:
    """Return the model inside peft's wrapper, or the head that is trained on stored features."""
    if isinstance(model, OnFeatures):
        return model.head.tail
    return model.get_base_model() if hasattr(model, "peft_config") else model
