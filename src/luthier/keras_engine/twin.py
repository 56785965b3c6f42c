"""A model's twin in Keras: the same function of the same weights.

A family's file (`families/`) builds the twin out of KerasHub's layers and tells `Pairs` which of
PyTorch's modules each layer stands for (`pairs.py`). Weights go over and come back by these.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import keras
import tensorflow as tf
import torch
from keras import ops

from luthier.errors import ModelError
from luthier.frozen_features.features import OnFeatures
from luthier.keras_engine import FAMILIES
from luthier.keras_engine.pairs import Pair, Pairs
from luthier.ragged import Array
from luthier.registry import find

CALLS = 2**16  # of one dropout in a step; ALBERT's layers share theirs


class Twin:
    """A model of PyTorch and its counterpart in Keras.

    Args:
        model: The model; peft may have wrapped it, or it is a head on stored features.
        half: Whether to compute in bfloat16 mixed precision.
        places: Where the model's table has each word, (words,), if it has some alone; None: all.

    Raises:
        ModelError: There is no counterpart of this model.
    """

    def __init__(self, model: Any, *, half: bool = False, places: Array | None = None):
        self.model = model
        self.places = None if places is None else tf.constant(places, tf.int32)
        pairs = Pairs(places)
        plain = inside(model)
        self.family = find(FAMILIES, plain.config.model_type)()
        self.keras: keras.Model = self.family.build(
            plain, pairs, dtype="mixed_bfloat16" if half else "float32"
        )
        self.pairs, self.changes = pairs.all, pairs.changes
        self._refuse_gaps()
        self._leave_unread()
        self.seeds = [
            one for one in self.keras.variables if one.path.endswith("seed_generator_state")
        ]
        self.give()

    def _refuse_gaps(self) -> None:
        """Raise where a weight that is trained, or one that is computed with, has no partner."""
        paired = {id(pair.weight) for pair in self.pairs}
        known = {id(pair.variable) for pair in self.pairs}
        alone = [
            name
            for name, one in self.model.named_parameters()
            if one.requires_grad and id(one) not in paired and not _is_unused(name)
        ]
        alone += [one.path for one in self.keras.trainable_variables if id(one) not in known]
        if alone:
            raise ModelError(
                "This model has weights that have no counterpart in TensorFlow.",
                received=", ".join(alone[:5]) + (" …" if len(alone) > 5 else ""),
                hint="engine=torch",
            )

    def _leave_unread(self) -> None:
        """Leave alone what no output depends on, as PyTorch does: a pooler below another head."""
        read = {id(one) for one in self.keras.variables}
        read |= {id(part) for change in self.changes for part in (change.down, change.up)}
        self.pairs = [pair for pair in self.pairs if id(pair.variable) in read]

    def trained(self) -> Iterator[Pair]:
        """Give the pairs whose weights are trained."""
        return (pair for pair in self.pairs if pair.weight.requires_grad)

    def give(self) -> None:
        """Put the model's weights into its twin."""
        for pair in self.pairs:
            pair.give()

    @torch.no_grad()
    def take_back(self) -> None:
        """Put the trained weights of the twin into the model."""
        for pair in self.trained():
            pair.take_back()

    def __call__(self, batch: Mapping[str, Any], *, training: bool, seed: Any = None) -> Any:
        """Run the twin on a batch.

        Args:
            batch: Model arguments by Transformers' names, (batch, tokens) each.
            training: Whether dropout is on; its masks follow from `seed` alone.
            seed: A whole number.

        Returns:
            What the model's own output has: `logits`, or `start_logits` and `end_logits`.
        """
        known = [(change.variable, change.apply()) for change in self.changes]
        if seed is not None:
            for number, state in enumerate(self.seeds):
                start = ops.stack([seed, number * CALLS])
                known.append((state, ops.cast(start, state.dtype)))
        with keras.StatelessScope(state_mapping=known):
            return self.keras(self._inputs(batch), training=training)

    def _inputs(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        """Give what the twin takes; what a batch has not, token types, say, is zero."""
        given = {name: one for name, one in batch.items() if name in self.keras.input}
        if self.places is not None:
            given["input_ids"] = tf.gather(self.places, given["input_ids"])
            tf.debugging.assert_non_negative(given["input_ids"], "a word that no row has")
        first = next(iter(given.values()))
        return {
            name: ops.cast(
                ops.zeros_like(first)
                if name not in given and name in self.family.optional
                else given[name],
                one.dtype,
            )
            for name, one in self.keras.input.items()
        }

    def shifted(self, labels: Any) -> dict[str, Any]:
        """Give what a decoder reads to say labels (batch, tokens), by Transformers' names."""
        return self.family.shifted(labels)

    def refuse_inputs(self, names: Collection[str]) -> None:
        """Raise where the twin of what batches have would not compute the same.

        Args:
            names: Of the model's arguments that batches have, but for those that labels make.

        Raises:
            ModelError: They tell texts of one block apart, or lack what the twin reads.
        """
        read = self.keras.input
        if "position_ids" in names and "position_ids" not in read:
            raise ModelError(
                "TensorFlow does not keep texts apart that are packed into one block.",
                received="engine=tensorflow and task.options.packing=true",
                hint="task.options.packing=false, or engine=torch",
            )
        known = (*names, *self.family.optional)
        lacking = [one for one in read if one not in known and not one.startswith("decoder_")]
        if lacking:
            raise ModelError(
                "The twin of this model reads more than its tokenizer gives.",
                received=f"{', '.join(names)} without {', '.join(lacking)}",
                hint="a tokenizer that gives it, or engine=torch",
            )


def inside(model: Any) -> Any:
    """Give the model that peft has wrapped, or whose head is trained alone."""
    if isinstance(model, OnFeatures):
        return model.head.tail
    return model.get_base_model() if hasattr(model, "peft_config") else model


def _is_unused(name: str) -> bool:
    """Say whether no output of a model depends on a weight: XLNet's second stream."""
    return name.rpartition(".")[2] == "mask_emb"
