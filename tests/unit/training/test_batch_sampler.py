"""Every row is seen once an epoch, in an order that follows from the seed alone."""

import numpy as np
import pytest

from luthier.items import ItemField, Items
from luthier.ragged import Ragged
from luthier.task_types.defaults import CodecDefaults
from luthier.training.batch_sampler import BatchOrder, cut_by_slots, make_loader

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
    ids, lengths = ItemField(Ragged.of([[1], [2, 3], [4, 5, 6]])), np.arange(1, 4)
    items = Items({"input_ids": ids}, None, lengths, lengths)
    order = BatchOrder(items.cost, batch_size=2, strategy="sequential", seed=0)
    loader = make_loader(items, CodecDefaults(None, None), order)
    assert [tuple(batch.inputs["input_ids"].shape) for batch in loader] == [(2, 2), (1, 3)]


@pytest.mark.parametrize("strategy", ["random", "group_by_length", "sequential"])
def test_batches_by_tokens_hold_what_fits_and_every_row_once(strategy):
    order = BatchOrder(LENGTHS, batch_size=16, strategy=strategy, seed=0, tokens=200)
    batches = list(order)
    assert sorted(row for batch in batches for row in batch) == list(range(1003))
    assert len(batches) == len(order)
    used = np.array([LENGTHS[batch].sum() for batch in batches])
    assert used.max() <= 200
    assert np.median(used) > 160  # full but for the row that no longer fits


def test_batches_by_tokens_follow_from_seed_and_epoch_alone():
    order, other = (
        BatchOrder(LENGTHS, batch_size=16, strategy="random", seed=0, tokens=200) for _ in range(2)
    )
    order.set_epoch(3)
    list(order)
    order.set_epoch(1)
    other.set_epoch(1)
    whole = list(order)
    other.skipped = 5
    assert list(other) == whole[5:]
    other.set_epoch(2)
    assert list(other) != whole


def test_a_row_longer_than_the_budget_stands_alone():
    lengths = np.array([3, 9, 2, 2])
    order = BatchOrder(lengths, batch_size=16, strategy="sequential", seed=0, tokens=5)
    assert list(order) == [[0], [1], [2, 3]]


def test_grouping_by_length_pads_less_with_tokens_too():
    def padded(strategy):
        order = BatchOrder(LENGTHS, batch_size=16, strategy=strategy, seed=0, tokens=400)
        return sum(LENGTHS[batch].max() * len(batch) for batch in order)

    assert padded("group_by_length") < 1.15 * LENGTHS.sum() < padded("random")


def test_slots_count_padding():
    lengths = np.sort(LENGTHS)[::-1]
    batches = cut_by_slots(np.arange(1003), lengths, 100)
    assert np.concatenate(batches).tolist() == list(range(1003))
    assert all(len(batch) * lengths[batch].max() <= 100 for batch in batches)
    assert len(cut_by_slots(np.arange(2), np.array([300, 1]), 100)) == 2


GROUPS = np.repeat(np.arange(400), np.random.default_rng(1).integers(1, 5, size=400))[:1003]


@pytest.mark.parametrize("tokens", [None, 250])
@pytest.mark.parametrize("strategy", ["random", "group_by_length", "sequential"])
@pytest.mark.parametrize("groups", [GROUPS, np.arange(len(GROUPS)) // 2], ids=["unequal", "pairs"])
def test_rows_of_a_group_stand_next_to_each_other_in_one_batch(groups, strategy, tokens):
    lengths = LENGTHS[: len(groups)]
    order = BatchOrder(
        lengths, batch_size=16, strategy=strategy, seed=0, tokens=tokens, groups=groups
    )
    batches = list(order)
    assert len(batches) == len(order)
    assert sorted(row for batch in batches for row in batch) == list(range(len(groups)))
    line = [int(groups[row]) for batch in batches for row in batch]
    assert len(np.flatnonzero(np.diff(line, prepend=-1))) == len(set(groups.tolist()))
    for batch in batches:
        assert not set(groups[batch]) & set(groups[np.setdiff1d(np.arange(len(groups)), batch)])
        assert sum(lengths[batch]) <= tokens if tokens else len(batch) <= 16


def test_groups_are_drawn_by_seed_and_epoch_and_resumed():
    def order(seed=0):
        return BatchOrder(
            LENGTHS[: len(GROUPS)], batch_size=16, strategy="random", seed=seed, groups=GROUPS
        )

    first, other = order(), order()
    whole = list(first)
    assert whole != list(order(seed=1))
    other.skipped = 5
    assert list(other) == whole[5:]
    other.set_epoch(1)
    assert list(other) != whole


def test_groups_of_one_row_are_no_groups():
    for strategy in ("random", "group_by_length", "sequential"):
        asked = {"batch_size": 16, "strategy": strategy, "seed": 0}
        alone = BatchOrder(LENGTHS, groups=np.arange(1003), **asked)
        assert list(alone) == list(BatchOrder(LENGTHS, **asked))


def test_a_group_larger_than_a_batch_stands_alone():
    order = BatchOrder(
        np.ones(7), batch_size=2, strategy="sequential", seed=0, groups=[0, 1, 1, 1, 2, 3, 3]
    )
    assert list(order) == [[0], [1, 2, 3], [4], [5, 6]]


@pytest.mark.parametrize(
    ("groups", "chosen", "size"),
    [
        (None, [0, 1, 2], 1),
        ([0, 0, 1, 1, 2], [2, 3, 0, 1], 2),
        ([0, 0, 1, 1, 2], [0, 1, 4], 3),
        ([0, 1, 2, 3, 4], [0, 1, 4], 1),
    ],
    ids=["none", "pairs", "unequal: nothing is cut", "of one"],
)
def test_a_batch_says_how_many_items_stand_together(groups, chosen, size):
    ids, lengths = ItemField(np.arange(5)), np.ones(5, dtype=int)
    groups = None if groups is None else np.array(groups)
    items = Items({"ids": ids}, None, lengths, lengths, groups=groups)
    codec = CodecDefaults(None, None)
    assert codec.batch(items, np.array(chosen)).group_size == size
    assert codec.batch(items, np.array(chosen), kind="logits").group_size == 1
