"""Steps know their place, also where epochs differ in how many batches they have."""

from types import SimpleNamespace

import numpy as np
import pytest
from accelerate import Accelerator

from luthier.items import Batch, Items
from luthier.recipe.tree import Training
from luthier.training.batch_sampler import BatchOrder, make_loader
from luthier.training.step_plan import StepPlan

LENGTHS = np.random.default_rng(0).integers(1, 30, size=97)


def plan(**asked):
    settings = Training(train_sampling_strategy="random", use_cpu=True, **asked)
    items = Items({}, None, LENGTHS, LENGTHS)

    def batch(items, chosen, *, epoch):
        return Batch({"rows": chosen, "epochs": np.full(len(chosen), epoch)}, None, len(chosen))

    order = BatchOrder(
        items.cost,
        batch_size=settings.per_device_train_batch_size,
        strategy=settings.train_sampling_strategy,
        seed=settings.seed,
        tokens=settings.tokens_per_batch,
    )
    loader = Accelerator(cpu=True).prepare(make_loader(items, SimpleNamespace(batch=batch), order))
    return StepPlan(loader, order, settings)


def walked(steps, done=0):
    return {
        step: [(one.inputs["rows"].tolist(), int(one.inputs["epochs"][0])) for one in batches]
        for step, batches in steps.after(done)
    }


ASKED = [
    {"tokens_per_batch": 60},
    {"tokens_per_batch": 60, "gradient_accumulation_steps": 3},
    {"tokens_per_batch": 60, "max_steps": 40},
    {"per_device_train_batch_size": 8},
]


@pytest.mark.parametrize("asked", ASKED)
def test_every_epoch_sees_every_row_once(asked):
    steps = plan(num_train_epochs=4, **asked)
    seen = walked(steps)
    assert sorted(seen) == list(range(1, steps.n_steps + 1))
    of_epoch = {}
    for batches in seen.values():
        for rows, epoch in batches:
            of_epoch.setdefault(epoch, []).extend(rows)
    whole = [sorted(rows) == list(range(97)) for rows in of_epoch.values()]
    assert all(whole[:-1])
    assert whole[-1] == ("max_steps" not in asked)


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("done", [1, 11, 27, 33])
def test_going_on_gives_the_same_batches(asked, done):
    whole = walked(plan(num_train_epochs=4, **asked))
    rest = walked(plan(num_train_epochs=4, **asked), done)
    assert rest == {step: batches for step, batches in whole.items() if step > done}


def test_epochs_of_batches_by_tokens_differ_and_their_ends_are_found():
    steps = plan(num_train_epochs=30, tokens_per_batch=60, save_strategy="epoch")
    ends = [step for step in range(1, steps.n_steps + 1) if steps.is_saved(step)]
    assert len(ends) == 30
    assert len(set(np.diff([0, *ends]).tolist())) > 1
    assert ends[-1] == steps.n_steps
    assert steps.is_evaluated(ends[3])
    assert not steps.is_evaluated(ends[3] - 1)
    assert steps.epoch_after(ends[3]) == 4
    assert 3 < steps.epoch_after(ends[3] - 1) < 4


def test_items_of_a_step_are_those_that_were_learned_from():
    steps = plan(num_train_epochs=3, tokens_per_batch=150, gradient_accumulation_steps=2)
    for step, batches in walked(steps).items():
        expected = [row for rows, _ in batches for row in rows]
        assert (
            plan(num_train_epochs=3, tokens_per_batch=150, gradient_accumulation_steps=2)
            .items(step)
            .tolist()
            == expected
        )


@pytest.mark.parametrize(("epochs", "n_steps"), [(2, 26), (1.5, 20), (0.1, 2)])
def test_parts_of_epochs_are_rounded_up(epochs, n_steps):
    assert plan(num_train_epochs=epochs, per_device_train_batch_size=8).n_steps == n_steps
