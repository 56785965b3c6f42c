"""Nearest training rows and their influence, on tiny models, against what autograd finds."""

from functools import partial

import numpy as np
import pytest
import torch

from luthier.errors import DataError
from luthier.explaining.explain import answer_rows
from luthier.explaining.influence import HeadGradients
from luthier.explaining.neighbours import nearest
from luthier.explaining.training_rows import read_training_rows
from luthier.explaining.with_training_rows import Evidence
from luthier.training.listeners import follow
from luthier.training.losses import make_loss
from luthier.training.model_calls import run_model, to_tensors
from tests.tiny import JUDGES
from tests.toys import toy_problem

TASKS = ("text-classification", "multi-label-classification", "text-regression")
RATES = 0.5


class Read:
    """A model of random weights, the training rows as it sees them, and its answers to them."""

    def __init__(self, task, folder, **sections):
        _, prepared = toy_problem(task, folder, **sections)
        problem = prepared.job.problem
        self.model = prepared.job.session.make_model(True).eval()
        self.codec, self.objective = problem.codec, prepared.job.plan.objective
        rows = problem.splits.train.take(range(12))
        made = Evidence(None, self.model, self.codec, rows)
        steps = read_training_rows(self.model, self.codec, rows, self.objective, batch_size=8)
        self.training = made._training = follow(steps, lambda info: None)
        self.answered = answer_rows(self.model, self.codec, rows, batch_size=8)
        self.trace = partial(made.trace, answered=self.answered)

    def near(self, index, n, number=0):
        decision = self.answered.decisions(index)[number]
        answer = self.answered.predictions.answers[index]
        vector = self.trace(decision).vectors[0]
        return nearest(self.training, vector, n, decision=decision, answer=answer)

    def influences(self, index, number=0):
        decision = self.answered.decisions(index)[number]
        return decision, HeadGradients(self.training, rates=RATES).on(self.trace(decision))

    def by_autograd(self, decision):
        """Take the gradients of the decision and of every row's loss for the head's weights."""
        layers = [self.model.get_submodule(name) for name in self.training.traced.read]
        weights = [one for part in layers for one in (part.weight, part.bias) if one is not None]
        for one in weights:
            one.requires_grad_(True)
        batch = to_tensors(self.codec.batch(self.answered.items, np.array([decision.item])))
        odds = odds_of(decision, run_model(self.model, batch).logits[0])
        of_decision = torch.autograd.grad(odds, weights)
        loss = make_loss(self.objective, torch.device("cpu"))
        items, values, cosines = self.training.items, [], []
        for row in range(len(self.training.rows)):
            batch = to_tensors(self.codec.batch(items, np.flatnonzero(items.rows == row)))
            total = loss.total(run_model(self.model, batch), batch.targets, batch.weights)
            of_row = torch.autograd.grad(total, weights)
            flat = [torch.cat([one.flatten() for one in part]) for part in (of_decision, of_row)]
            values.append(-float(flat[0] @ flat[1]))
            cosines.append(-float(torch.cosine_similarity(*flat, dim=0)))
        whole = to_tensors(self.codec.batch(items, np.arange(len(items))))
        scale = RATES / float(loss.weight(whole.targets, whole.weights))
        return scale * np.array(values), np.array(cosines)


def odds_of(decision, outputs):
    """Compute what is explained from a row's outputs, (outputs,)."""
    ((choice,),) = (decision.choices,)
    if decision.is_number:
        return decision.mean + decision.scale * outputs[0]
    if choice.chosen is None:
        return outputs[choice.outputs].squeeze()
    others = [one for one in range(len(outputs)) if one != choice.chosen]
    return outputs[choice.chosen] - outputs[others].logsumexp(dim=0)


@pytest.mark.parametrize("family", [*JUDGES, "bart"])
def test_the_nearest_training_row_of_a_training_row_is_itself(family, tiny_model):
    read = Read("text-classification", tiny_model(family))
    for index in range(3):
        (first, *others) = read.near(index, 4)
        assert first.similarity == pytest.approx(1.0, abs=1e-6)
        same = read.training.rows["text"][first.index] == read.training.rows["text"][index]
        assert same
        assert len(others) == 3
        assert all(-1 <= one.similarity <= first.similarity for one in others)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("model", [{}, {"pooling": "mean", "head_hidden_layers": [8]}])
def test_influence_is_the_product_of_gradients_that_autograd_finds(task, model, tiny_model):
    read = Read(task, tiny_model("bert"), model=model)
    decision, found = read.influences(0)
    values, cosines = read.by_autograd(decision)
    assert found.values == pytest.approx(values, rel=1e-3, abs=1e-7)
    assert found.cosines == pytest.approx(cosines, abs=1e-4)
    assert np.abs(found.cosines).max() <= 1 + 1e-9
    assert np.abs(found.values).max() > 0


@pytest.mark.parametrize(
    ("family", "n_layers"),
    [("bert", 2), ("gpt2", 1), ("xlnet", 2), ("roberta", 2), ("bart", 2), ("modernbert", 2)],
)
def test_the_heads_of_other_families_are_found_whole(family, n_layers, tiny_model):
    read = Read("text-classification", tiny_model(family))
    assert len(read.training.traced.read) == n_layers
    decision, found = read.influences(1)
    values, cosines = read.by_autograd(decision)
    assert found.values == pytest.approx(values, rel=1e-3, abs=1e-7)
    assert found.cosines == pytest.approx(cosines, abs=1e-4)


def test_windows_of_a_row_count_together(tiny_model):
    data = {"long_texts": "windows", "max_tokens": 8}
    read = Read("text-classification", tiny_model("bert"), data=data)
    assert len(read.training.items) > len(read.training.rows)
    decision, found = read.influences(0)
    values, cosines = read.by_autograd(decision)
    assert found.values == pytest.approx(values, rel=1e-3, abs=1e-7)
    assert found.cosines == pytest.approx(cosines, abs=1e-4)
    assert read.near(0, 1)[0].similarity == pytest.approx(1.0, abs=1e-6)


def test_losses_of_other_shapes_count_as_they_were_trained(tiny_model):
    sections = {
        "options": {"loss": "focal", "class_weights": "balanced"},
        "training": {"label_smoothing_factor": 0.1},
    }
    read = Read("text-classification", tiny_model("bert"), **sections)
    assert read.objective.name == "focal"
    decision, found = read.influences(0)
    values, _ = read.by_autograd(decision)
    assert found.values == pytest.approx(values, rel=1e-3, abs=1e-7)


def test_what_agrees_is_what_was_answered(tiny_model):
    read = Read("text-classification", tiny_model("bert"))
    answer = read.answered.predictions.answers[0]
    for one in read.near(0, 12):
        assert one.agrees == (read.training.gold[one.index] == answer)
    several = Read("multi-label-classification", tiny_model("bert"))
    several.answered.predictions.answers[0] = True  # so that every label is a decision
    for number, label in enumerate(several.codec.target.names):
        given = {one.index: one.agrees for one in several.near(0, 12, number)}
        assert given == {row: bool(several.training.gold[row][number]) for row in range(12)}, label
    numbers = Read("text-regression", tiny_model("bert"))
    assert [one.agrees for one in numbers.near(0, 3)] == [None] * 3


def test_helpful_rows_come_first_and_rows_of_the_other_sign_never(tiny_model):
    read = Read("text-classification", tiny_model("bert"))
    _, found = read.influences(0)
    for by, sizes in (("cosine", found.cosines), ("dot", found.values)):
        listed = [sizes[one.index] for one in found.strongest(3, by=by)]
        n_helpful = min(3, int((sizes > 0).sum()))
        assert listed[:n_helpful] == sorted(sizes, reverse=True)[:n_helpful]
        assert listed[n_helpful:] == sorted(size for size in sizes if size < 0)[:3]


def test_other_tasks_than_those_of_whole_texts_are_refused(tiny_model):
    with pytest.raises(DataError, match="compared as whole texts"):
        Read("token-classification", tiny_model("bert"))
