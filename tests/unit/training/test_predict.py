"""Items go to batches that cost about the same, and their outputs come back in their own order."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from luthier.items import ItemField, Items
from luthier.ragged import Ragged
from luthier.registry import find
from luthier.task_types.defaults import CodecDefaults
from luthier.training import predict
from luthier.training.listeners import follow
from luthier.training.predict import deal, infer_items
from tests.outputs import outputs_of
from tests.toys import toy_problem

CPU, GPU = torch.device("cpu"), torch.device("cuda")
LENGTHS = np.random.default_rng(0).integers(1, 300, size=500)


class Sum(torch.nn.Module):
    """Says the sum of a row's ids, and remembers the shapes that it was given."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(()))
        self.seen = []

    def forward(self, input_ids):
        self.seen.append(tuple(input_ids.shape))
        return SimpleNamespace(logits=input_ids.sum(dim=1, keepdim=True) * self.weight)


@pytest.mark.parametrize(("device", "most"), [(CPU, 1024 * torch.get_num_threads()), (GPU, 4096)])
def test_a_batch_has_so_many_slots_at_most(device, most):
    batches = deal(LENGTHS, 64, device=device)
    assert sorted(np.concatenate(batches).tolist()) == list(range(500))
    slots = np.array([len(items) * LENGTHS[items].max() for items in batches])
    assert slots.max() <= most
    assert np.median(slots) > 0.7 * most


def test_short_items_go_many_at_a_time_and_long_ones_alone():
    lengths = np.array([2] * 100 + [200])
    assert [len(items) for items in deal(lengths, 2, device=CPU)] == [1, 64, 36]


@pytest.mark.parametrize("kind", ["generate", "log-likelihood", "fill-mask"])
def test_what_says_a_vocabulary_has_no_more_items_than_asked(kind):
    lengths = np.array([2] * 100 + [200])
    is_small = find("inference-kinds", kind).is_small
    sizes = [len(items) for items in deal(lengths, 8, device=GPU, is_small=is_small)]
    assert max(sizes) == 8
    assert sum(sizes) == 101


def test_answers_come_back_in_the_order_of_the_items():
    ids = [np.arange(n) for n in LENGTHS]
    model = Sum()
    items = Items({"input_ids": ItemField(Ragged.of(ids))}, None, LENGTHS, LENGTHS)
    codec = CodecDefaults(None, None)
    said = follow(infer_items(model, items, codec, batch_size=2), lambda info: None)
    assert said[:, 0].tolist() == [row.sum() for row in ids]
    assert all(rows == 1 or rows * width <= 128 for rows, width in model.seen)


def test_the_budget_does_not_change_what_is_said(tiny_model, monkeypatch):
    _, prepared = toy_problem("text-classification", tiny_model("bert"))
    job, model = prepared.job, prepared.job.session.make_model(True).eval()
    said = []
    for slots in (1, 50, 1024):
        monkeypatch.setattr(predict, "CACHED", slots)
        said.append(outputs_of(model, job, "train"))
    assert np.allclose(said[0], said[1], atol=1e-5)
    assert np.allclose(said[0], said[2], atol=1e-5)


def test_rows_with_choices_count_all_of_them(tiny_model):
    _, prepared = toy_problem("multiple-choice", tiny_model("bert"))
    items = prepared.job.problem.items["train"]
    batch = prepared.job.problem.codec.batch(items, np.arange(len(items)), kind="logits")
    _, choices, tokens = batch.inputs["input_ids"].shape
    assert items.cost.max() == choices * tokens
