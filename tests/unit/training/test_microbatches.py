"""Batches that do not fit are cut, and the gradient stays that of the whole."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from luthier.errors import TrainingError
from luthier.items import Batch
from luthier.objective import Objective
from luthier.recipe.tree import Training
from luthier.training import engine, loop
from luthier.training.listeners import follow
from luthier.training.losses import make_loss
from luthier.training.microbatches import MicroBatches, is_out_of_memory
from tests.toys import toy_problem

FULL = "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."


def batch(n_rows):
    return Batch({"input_ids": torch.arange(n_rows)}, torch.arange(n_rows), n_rows)


def room_for(n_rows, seen):
    """Make work that has memory for so many rows."""

    def work(batches):
        for one in batches:
            if one.n_items > n_rows:
                raise RuntimeError(FULL)
        seen.append([len(one.targets) for one in batches])
        return torch.cat([one.targets for one in batches])

    return work


def test_batches_are_halved_until_they_fit_and_no_row_is_lost():
    pieces, seen = MicroBatches(Training(auto_batch_size=True)), []
    rows = pieces.compute(room_for(4, seen), [batch(13), batch(2)])
    assert rows.tolist() == [*range(13), 0, 1]
    assert max(seen[0]) <= 4
    assert pieces.n_pieces == 4
    assert pieces.news() == "memory is short: batches are split into 4 pieces of 4 rows"
    assert pieces.news() is None


def test_without_being_asked_the_size_that_fits_is_told():
    settings = Training(per_device_train_batch_size=16, gradient_accumulation_steps=2)
    with pytest.raises(TrainingError) as caught:
        MicroBatches(settings).compute(room_for(4, []), [batch(16), batch(16)])
    assert "training.per_device_train_batch_size=4" in caught.value.hint
    assert "training.gradient_accumulation_steps=8" in caught.value.hint


def test_long_batches_are_cut_where_memory_suffices_too():
    pieces, seen = MicroBatches(Training()), []
    long = Batch({"input_ids": torch.zeros(5, 100)}, torch.arange(5), 5)
    rows = pieces.compute(room_for(9, seen), [long, batch(3)], tokens=250)
    assert rows.tolist() == [*range(5), *range(3)]
    assert seen == [[2, 2, 1, 3]]
    pieces.compute(room_for(9, seen), [long], tokens=30)
    assert seen[-1] == [1] * 5, "a row is not cut"
    pieces.compute(room_for(9, seen), [replace(long, targets=torch.zeros(5, 400))], tokens=1000)
    assert seen[-1] == [2, 2, 1], "texts to be written count where they are longer"
    assert pieces.news() is None, "memory was not short"


@pytest.mark.parametrize(("n_rows", "sizes"), [(8, [8]), (6, [4, 4]), (3, [2, 2, 2, 2])])
def test_cutting_parts_no_group(n_rows, sizes):
    pieces, seen = MicroBatches(Training(auto_batch_size=True)), []
    rows = pieces.compute(room_for(n_rows, seen), [replace(batch(8), group_size=2)])
    assert rows.tolist() == list(range(8))
    assert seen == [sizes]
    long = Batch({"input_ids": torch.zeros(6, 10)}, torch.arange(6), 6, group_size=2)
    MicroBatches(Training()).compute(room_for(8, seen), [long], tokens=30)
    assert seen[-1] == [2, 2, 2], "two rows of ten tokens fit, a third would part a group"


def test_a_group_that_does_not_fit_is_told():
    pieces, groups = MicroBatches(Training(auto_batch_size=True)), replace(batch(4), group_size=2)
    with pytest.raises(TrainingError, match="Not even one row"):
        pieces.compute(room_for(1, []), [groups])


def test_a_loss_of_all_rows_together_is_not_cut():
    pieces = MicroBatches(Training(auto_batch_size=True))
    with pytest.raises(TrainingError) as caught:
        pieces.compute(room_for(4, []), [batch(16)], by_rows=False)
    assert "cannot be split by rows" in caught.value.problem
    assert "per_device_train_batch_size" in caught.value.hint


def test_only_a_loss_that_is_a_sum_over_rows_is_cut():
    def loss_of(name):
        return make_loss(Objective(name), torch.device("cpu"))

    logits, labels = torch.randn(6, 3), torch.tensor([0, 1, 2, 0, 1, 2])
    for name in ("cross-entropy", "contrastive"):
        loss = loss_of(name)
        said = SimpleNamespace(logits=logits)
        pieces = [SimpleNamespace(logits=logits[few]) for few in (slice(0, 3), slice(3, 6))]
        parts = loss.total(pieces[0], labels[:3], None) + loss.total(pieces[1], labels[3:], None)
        assert torch.isclose(loss.total(said, labels, None), parts) == loss.by_rows, name


def test_of_batches_by_tokens_fewer_tokens_are_told():
    settings = Training(tokens_per_batch=400)
    with pytest.raises(TrainingError) as caught:
        MicroBatches(settings).compute(room_for(4, []), [batch(16)])
    assert caught.value.received == "16 rows at a time; 4 fitted"
    assert "training.tokens_per_batch=100" in caught.value.hint
    assert "training.gradient_accumulation_steps=4" in caught.value.hint


def test_where_not_even_one_row_fits_that_is_told():
    with pytest.raises(TrainingError, match="Not even one row"):
        MicroBatches(Training(auto_batch_size=True)).compute(room_for(0, []), [batch(3)])


def test_other_errors_are_left_alone():
    def work(batches):
        raise RuntimeError("shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="multiplied"):
        MicroBatches(Training(auto_batch_size=True)).compute(work, [batch(3)])


def test_random_numbers_are_drawn_anew_after_a_failure():
    drawn = []

    def work(batches):
        drawn.append(torch.rand(1).item())
        if len(batches) == 1:
            raise MemoryError
        return

    MicroBatches(Training(auto_batch_size=True)).compute(work, [batch(2)])
    assert drawn[0] == drawn[1]


@pytest.mark.parametrize(
    ("problem", "is_so"),
    [
        (MemoryError(), True),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), True),
        (RuntimeError(FULL), True),
        (RuntimeError("index out of range"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_memory_is_told_from_other_errors(problem, is_so):
    assert is_out_of_memory(problem) is is_so


def test_cut_batches_train_to_the_same_weights(tiny_model, monkeypatch):
    def trained(most, tokens=None):
        _, prepared = toy_problem(
            "text-classification",
            tiny_model("bert"),
            training={
                "max_steps": 3,
                "auto_batch_size": True,
                "eval_strategy": "no",
                "tokens_at_once": tokens,
            },
        )
        model = prepared.job.session.make_model(True)
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        summed, seen = engine.Update.summed, []

        def bounded(self, batch):
            if batch.n_items > most:
                raise RuntimeError(FULL)
            seen.append(batch.n_items)
            return summed(self, batch)

        with monkeypatch.context() as patch:
            patch.setattr(engine.Update, "summed", bounded)
            weights = follow(loop.train(model, prepared.job), lambda info: None).state_dict()
        return weights, max(seen)

    (whole, most), *others = trained(8), trained(2), trained(8, tokens=20)
    assert most == 8
    for cut, most in others:
        assert most < 8
        for name, values in whole.items():  # sums in another order differ in the last digits
            assert torch.allclose(values, cut[name], atol=2e-5), name
