"""Scoring words only where there is a label, and answers without padding, changes no function."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from luthier.items import Batch
from luthier.models.speedups.apply import faster
from luthier.models.speedups.head import head_only_at
from luthier.models.structure import layers
from luthier.objective import Objective
from luthier.padding import IGNORED
from luthier.training.labelled_positions import can_skip_unlabelled
from luthier.training.listeners import follow
from luthier.training.loop import train
from luthier.training.losses import make_loss
from luthier.training.model_calls import run_model, to_tensors
from luthier.training.speedups import trial_of
from tests.silence import assert_alike, silence
from tests.tiny import WRITERS
from tests.toys import toy_problem, toy_rows

TRAINING = {"max_steps": 3, "learning_rate": 1e-3, "use_cpu": True, "eval_strategy": "no"}
MASKED = ("bert", "roberta", "distilbert", "albert", "electra", "modernbert", "mpnet", "deberta-v2")
CASES = [
    *(("masked-lm", family, "MaskedLM") for family in MASKED),
    *(("causal-lm", family, "CausalLM") for family in ("gpt2", "llama", "qwen2")),
    *(("translation", family, None) for family in WRITERS),
]
READERS = ("bert", "distilbert", "modernbert", "mpnet", "deberta-v2", "xlnet")
CPU = torch.device("cpu")


def problem_of(task, folder, *, packing=False, **training):
    """Prepare toy rows, a model without dropout, and a batch of all training rows."""
    options = {"packing": packing} if task == "causal-lm" else {}
    _, prepared = toy_problem(task, folder, training={**TRAINING, **training}, options=options)
    job = prepared.job
    model = job.session.make_model(True)
    silence(model)
    items = job.problem.items["train"]
    return model, job, to_tensors(job.problem.codec.batch(items, np.arange(len(items))))


def questions_of(family, tiny_model, monkeypatch):
    """Prepare questions about contexts of unequal lengths."""
    rows = toy_rows("question-answering")
    contexts = [text + " What a day." * (row % 4) for row, text in enumerate(rows["context"])]
    longer = replace(rows, columns={**rows.columns, "context": contexts})
    monkeypatch.setattr("tests.toys.toy_rows", lambda task: longer)
    return problem_of("question-answering", tiny_model(family))


def learn(model, job, batch, *, places=None):
    """Give the loss, the gradients and what the model said."""
    model.train().zero_grad()
    loss = make_loss(job.plan.objective, CPU)
    with head_only_at(model, places):
        said = run_model(model, batch, decoder=loss.decoder)
    total = loss.total(said, batch.targets, None)
    total.backward()
    named = model.named_parameters()
    found = {name: one.grad.clone() for name, one in named if one.grad is not None}
    return total.detach(), found, said


@pytest.mark.parametrize("is_unpadded", [False, True], ids=["padded", "unpadded"])
@pytest.mark.parametrize(("task", "family", "head"), CASES)
def test_words_are_scored_where_there_is_a_label(task, family, head, is_unpadded, tiny_model):
    model, job, batch = problem_of(task, tiny_model(family, head))
    places = batch.targets != IGNORED
    assert 0 < places.sum() < places.numel()
    before = learn(model, job, batch)
    with faster(model, trial_of(model, job), unpadded=is_unpadded) as reason:
        assert reason is None
        assert can_skip_unlabelled(model, job)
        after = learn(model, job, batch, places=places)
    assert after[2].logits.shape[:2] == (1, int(places.sum()))
    assert before[2].logits.shape[:2] == places.shape
    assert_alike(before, after)
    assert learn(model, job, batch)[2].logits.shape == before[2].logits.shape


@pytest.mark.parametrize(("task", "family", "head"), [CASES[0], CASES[8], CASES[-3]])
def test_training_leads_to_the_same_weights(task, family, head, tiny_model):
    found = []
    for switch in (True, False):
        switches = {"unpadded": switch, "labelled_only": switch, "fast_dropout": switch}
        model, job, _ = problem_of(
            task, tiny_model(family, head), **switches, max_steps=20, optim="sgd"
        )
        found.append(follow(train(model, job), lambda info: None).state_dict())
    largest = max(float(values.abs().max()) for values in found[0].values())
    for name, values in found[0].items():
        assert torch.allclose(values, found[1][name], rtol=0, atol=1e-5 * largest), name


def test_blocks_of_several_texts_are_scored_where_there_is_a_label(tiny_model):
    model, job, batch = problem_of("causal-lm", tiny_model("llama", "CausalLM"), packing=True)
    assert "position_ids" in batch.inputs
    assert can_skip_unlabelled(model, job)
    before = learn(model, job, batch)
    assert_alike(before, learn(model, job, batch, places=batch.targets != IGNORED))


def test_a_head_that_looks_at_neighbours_sees_all_tokens(tiny_model):
    model, job, _ = problem_of("masked-lm", tiny_model("bert", "MaskedLM"))
    assert can_skip_unlabelled(model, job)
    model.cls.register_forward_pre_hook(lambda module, args: (args[0] + args[0].roll(1, dims=1),))
    assert not can_skip_unlabelled(model, job)


def test_the_switch_and_other_tasks_leave_the_head_as_it_is(tiny_model):
    model, job, _ = problem_of("masked-lm", tiny_model("bert", "MaskedLM"), labelled_only=False)
    assert not can_skip_unlabelled(model, job)
    model, job, _ = problem_of("token-classification", tiny_model("bert"))
    assert not can_skip_unlabelled(model, job)


@pytest.mark.parametrize("family", READERS)
def test_answers_are_learned_without_padding(family, tiny_model, monkeypatch):
    model, job, batch = questions_of(family, tiny_model, monkeypatch)
    assert not batch.inputs["attention_mask"].all(), "some must be padded"
    before = learn(model, job, batch)
    with faster(model, trial_of(model, job)) as reason:
        assert reason is None
        assert all("forward" in block.__dict__ for block in layers(model))
        assert_alike(before, learn(model, job, batch))


def test_what_an_answer_costs_does_not_depend_on_the_rows_beside_it(tiny_model, monkeypatch):
    model, job, batch = questions_of("bert", tiny_model, monkeypatch)
    assert not batch.inputs["attention_mask"].all(), "some must be padded"
    loss = make_loss(job.plan.objective, CPU)
    model.eval()
    with torch.no_grad():
        together = float(loss.total(run_model(model, batch), batch.targets, None))
        alone = 0.0
        for row in range(batch.n_items):
            n_tokens = int(batch.inputs["attention_mask"][row].sum())
            inputs = {name: one[[row], :n_tokens] for name, one in batch.inputs.items()}
            one = Batch(inputs, batch.targets[[row]], 1)
            alone += float(loss.total(run_model(model, one), one.targets, None))
    assert together == pytest.approx(alone, rel=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_a_row_without_padding_costs_its_cross_entropy(smoothing):
    torch.manual_seed(0)
    said = type("Said", (), {})()
    said.start_logits, said.end_logits = torch.randn(3, 5), torch.randn(3, 5)
    labels = torch.tensor([[0, 1], [2, 4], [3, 3]])
    options = {"label_smoothing": smoothing, "reduction": "sum"}
    wanted = sum(
        functional.cross_entropy(logits, labels[:, column], **options) / 2
        for column, logits in enumerate((said.start_logits, said.end_logits))
    )
    loss = make_loss(Objective("span", label_smoothing=smoothing), CPU)
    assert float(loss.total(said, labels, None)) == pytest.approx(float(wanted), rel=1e-6)
    padding = torch.full((3, 2), float("-inf"))
    said.start_logits = torch.cat([said.start_logits, padding], dim=1).requires_grad_()
    said.end_logits = torch.cat([said.end_logits, padding], dim=1)
    total = loss.total(said, labels, None)
    total.backward()
    assert float(total.detach()) == pytest.approx(float(wanted), rel=1e-6)
    assert torch.isfinite(said.start_logits.grad).all()
    assert not said.start_logits.grad[:, 5:].any()
