"""Every row is seen once an epoch, in an order that follows from the seed alone."""

import numpy as np
import pytest

from luthier.records import Encoded, Ragged
from luthier.training.batches import BatchOrder, make_loader

LENGTHS = np.random.default_rng(0).integers(1, 60, size=1003)


@pytest.mark.parametrize("strategy", ["random", "group_by_length", "sequential"])
def test_every_row_is_seen_once(strategy):
    order = BatchOrder(LENGTHS, batch_size=16, strategy=strategy, seed=0)
    batches = list(order)
    assert len(batches) == len(order) == 63
    assert sorted(row for batch in batches for row in batch) == list(range(1003))


@pytest.mark.parametrize("strategy", ["random", "group_by_length"])
def test_epochs_differ_and_seeds_repeat(strategy):
    order = BatchOrder(LENGTHS, batch_size=16, strategy=strategy, seed=0)
    first = list(order)
    assert first == list(order)
    order.set_epoch(1)
    assert first != list(order)
    assert first != list(BatchOrder(LENGTHS, batch_size=16, strategy=strategy, seed=1))


def test_grouping_by_length_pads_less():
    def padded(strategy):
        order = BatchOrder(LENGTHS, batch_size=16, strategy=strategy, seed=0)
        return sum(LENGTHS[batch].max() * len(batch) for batch in order)

    assert padded("group_by_length") < 1.15 * LENGTHS.sum() < padded("random")


def test_a_batch_is_padded_to_its_own_longest_row():
    encoded = Encoded({"input_ids": Ragged.of([[1], [2, 3], [4, 5, 6]])}, None, np.arange(1, 4))

    def collate(rows, indices, **_):
        longest = max(len(rows.inputs["input_ids"][i]) for i in indices)
        return {"input_ids": np.zeros((len(indices), longest), dtype=np.int64)}

    order = BatchOrder(encoded.lengths, batch_size=2, strategy="sequential", seed=0)
    loader = make_loader(encoded, collate, order)
    assert [tuple(batch["input_ids"].shape) for batch in loader] == [(2, 2), (1, 3)]
