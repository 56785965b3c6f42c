"""Batches as a `tf.data.Dataset`: the same rows in the same order as PyTorch's, made ahead."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from luthier.codec import Codec
from luthier.items import Batch, Items
from luthier.training.batch_sampler import BatchOrder

TARGETS = "labels"  # beside the inputs, in a batch of TensorFlow
AHEAD = 2  # batches that are made while one is learned from


class Batches:
    """The batches of one epoch after the other.

    Args:
        encoded: The items.
        codec: Makes batches of them.
        order: Which of them stand together, and what is left out of the next epoch.
    """

    def __init__(self, encoded: Items, codec: Codec, order: BatchOrder):
        self.encoded, self.codec, self.order = encoded, codec, order

    def __len__(self) -> int:
        return len(self.order)

    def set_epoch(self, epoch: int) -> None:
        """Leave it to the order, which knows."""

    def __iter__(self) -> Iterator[Batch[Any]]:
        for one in self.dataset():
            targets = one.pop(TARGETS)
            yield Batch(one, targets, int(targets.shape[0]))

    def dataset(self) -> tf.data.Dataset:
        """Make the dataset of the epoch that the order is at."""
        epoch, batches = self.order.epoch, list(self.order)  # later changes are other epochs'

        def make(items: list[int]) -> dict[str, Any]:
            batch = self.codec.batch(self.encoded, np.asarray(items), epoch=epoch)
            return {**batch.inputs, TARGETS: batch.targets}

        def generate() -> Iterator[dict[str, Any]]:
            return map(make, batches)

        kinds = make(batches[0]) if batches else {}
        signature = {name: spec_of(one) for name, one in kinds.items()}
        return tf.data.Dataset.from_generator(generate, output_signature=signature).prefetch(AHEAD)


def spec_of(values: Any) -> tf.TensorSpec:
    """Say what arrays like one have in common: kind and number of axes.

    >>> spec_of(np.zeros((2, 3), dtype=np.int64))
    TensorSpec(shape=(None, None), dtype=tf.int64, name=None)
    """
    return tf.TensorSpec([None] * values.ndim, values.dtype)
