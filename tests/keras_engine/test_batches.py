"""Both engines learn from the same arrays, in the same order."""

import numpy as np
import pytest

from luthier.keras_engine.batches import Batches
from luthier.training.batch_sampler import make_loader
from luthier.training.loop import make_order
from tests.keras_engine.engines import problem

FAMILY = {"translation": "t5", "causal-lm": "gpt2"}


def epochs(loader, order, *, skipped):
    for epoch in range(2):
        order.set_epoch(epoch)
        order.skipped = skipped
        yield [batch.map(np.asarray) for batch in loader]


@pytest.mark.parametrize("skipped", [0, 2])
@pytest.mark.parametrize(
    "training",
    [
        {"train_sampling_strategy": "group_by_length"},
        {"train_sampling_strategy": "random"},
        {"train_sampling_strategy": "random", "tokens_per_batch": 50},
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "task",
    ["text-classification", "token-classification", "question-answering", "translation"],
)
def test_arrays_are_equal(tiny_model, task, training, skipped):
    folder = tiny_model(FAMILY.get(task, "bert"))
    job = problem(folder, task, training={"per_device_train_batch_size": 5, **training}).job
    items, codec = job.problem.items["train"], job.problem.codec
    one, other = make_order(job), make_order(job)
    theirs = epochs(make_loader(items, codec, one), one, skipped=skipped)
    ours = epochs(Batches(items, codec, other), other, skipped=skipped)
    n_batches = 0
    for some, others in zip(theirs, ours, strict=True):
        assert len(some) == len(others)
        n_batches += len(some)
        for batch, twin in zip(some, others, strict=True):
            assert batch.inputs.keys() == twin.inputs.keys()
            assert (batch.n_items, batch.group_size) == (twin.n_items, twin.group_size)
            pairs = [(batch.inputs[name], twin.inputs[name]) for name in batch.inputs]
            for mine, other_ in [*pairs, (batch.targets, twin.targets)]:
                assert mine.dtype == other_.dtype
                np.testing.assert_array_equal(mine, other_)
    assert n_batches > 4


def test_an_epoch_is_made_of_its_own_batches_whatever_is_asked_meanwhile(tiny_model):
    job = problem(tiny_model("bert"), training={"per_device_train_batch_size": 5}).job
    order = make_order(job)
    batches = Batches(job.problem.items["train"], job.problem.codec, order)
    expected = [one.inputs["input_ids"].numpy() for one in batches]
    found = iter(batches)
    order.set_epoch(1)  # as counting the steps of the next epoch does
    for one in expected:
        np.testing.assert_array_equal(next(found).inputs["input_ids"].numpy(), one)
