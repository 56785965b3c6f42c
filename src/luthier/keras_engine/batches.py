"""Batches as a `tf.data.Dataset`: the rows and the order of PyTorch's loader, prefetched."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from luthier.codec import Codec
from luthier.items import Batch, Items
from luthier.ragged import Array
from luthier.training.batch_sampler import BatchOrder

TARGETS = "labels"  # beside the inputs, in a batch of TensorFlow
AHEAD = 2  # batches that are made while the model learns from one


class Batches:
    """The batches of one epoch after the other.

    Args:
        encoded: The items.
        codec: Makes batches of the items.
        order: Which items form a batch, and which batches the next epoch skips.
    """

    def __init__(self, encoded: Items, codec: Codec, order: BatchOrder):
        self.encoded, self.codec, self.order = encoded, codec, order

    def __len__(self) -> int:
        return len(self.order)

    def set_epoch(self, epoch: int) -> None:
        """Do nothing: the order knows its epoch."""

    def __iter__(self) -> Iterator[Batch[tf.Tensor]]:
        return map(_as_batch, self.dataset())  # made now, not at the first step: see `dataset`

    def dataset(self) -> tf.data.Dataset:
        """Make the dataset of the epoch that the order is at."""
        epoch, batches = self.order.epoch, list(self.order)  # now: the order may move on meanwhile

        def make(items: list[int]) -> dict[str, Any]:
            batch = self.codec.batch(self.encoded, np.asarray(items), epoch=epoch)
            return {**batch.inputs, TARGETS: batch.targets}

        def generate() -> Iterator[dict[str, Any]]:
            return map(make, batches)

        example = make(batches[0]) if batches else {}
        signature = {name: spec_of(one) for name, one in example.items()}
        return tf.data.Dataset.from_generator(generate, output_signature=signature).prefetch(AHEAD)


def _as_batch(arrays: dict[str, tf.Tensor]) -> Batch[tf.Tensor]:
    targets = arrays.pop(TARGETS)
    return Batch(arrays, targets, int(targets.shape[0]))


def spec_of(values: Array | tf.Tensor) -> tf.TensorSpec:
    """Describe arrays like one by their dtype and number of axes, each of any length.

    >>> spec_of(np.zeros((2, 3), dtype=np.int64))
    TensorSpec(shape=(None, None), dtype=tf.int64, name=None)
    """
    return tf.TensorSpec([None] * values.ndim, values.dtype)
