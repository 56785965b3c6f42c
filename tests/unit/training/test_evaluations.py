"""Beside validation rows, a sample of the training rows is scored, cheaply and for the report."""

import numpy as np
import pytest

import luthier
from luthier.registry import find, names
from luthier.runs import RunFolder
from luthier.signals import Interrupted
from luthier.training.evaluations import Evaluations, budget, sample_of, spread_over
from luthier.training.listeners import follow
from luthier.training.loop import train
from luthier.training.predict import infer_rows
from tests.toys import FAMILY, toy_problem, toy_rows, toy_tree

TASK = "text-classification"
TRAINING = {"num_train_epochs": 4, "logging_steps": 1, "use_cpu": True}
HEADS = {"causal-lm": "CausalLM", "masked-lm": "MaskedLM"}


def scored(steps):
    return [(step.step, step.training_scores) for step in steps if step.training_scores]


@pytest.mark.parametrize("n_train", [1, 8, 64, 999, 5000, 10**6])
@pytest.mark.parametrize("n_evaluations", [0, 1, 3, 40])
@pytest.mark.parametrize("epochs", [0.5, 3.0, 40.0])
def test_it_costs_three_per_cent_of_the_training_or_a_hundred_rows(n_train, n_evaluations, epochs):
    n_rows, n_times = budget(n_train, n_evaluations, epochs)
    assert n_rows * n_times <= max(100, 0.03 * 2 * n_train * epochs)
    assert n_rows <= min(n_train, 200)
    assert n_times <= n_evaluations


@pytest.mark.parametrize("n_times", [1, 2, 3, 7])
def test_the_last_evaluation_is_among_those_that_are_sampled(n_times):
    steps = list(range(5, 40, 5))
    chosen = spread_over(steps, n_times)
    assert len(set(chosen)) == n_times
    assert chosen[-1] == steps[-1]


@pytest.mark.parametrize("task", names("tasks"))
def test_every_task_scores_training_rows_as_it_scores_validation_rows(tiny_model, task):
    folder = tiny_model(FAMILY.get(task, "bert"), HEADS.get(task))
    job = toy_problem(task, folder, training={**TRAINING, "num_train_epochs": 1})[1].job
    steps = []
    follow(train(job.session.make_model(True), job), steps.append)
    ((step, found),) = scored(steps)
    assert step == steps[-1].step
    (of_validation,) = [one.scores for one in steps if one.scores]
    assert found.keys() == of_validation.keys()


def test_scores_of_training_rows_are_those_of_the_model_on_them(tiny_model):
    job = toy_problem(TASK, tiny_model("bert"), training=TRAINING)[1].job
    steps = []
    settings = job.plan.training.model_copy(update={"load_best_model_at_end": False})
    model = follow(
        train(job.session.make_model(True), job.with_plan(training=settings)), steps.append
    )
    last = scored(steps)[-1][1]
    sample = Evaluations(job, _StepPlan(steps[-1].n_steps)).rows
    codec = job.problem.codec
    outputs = follow(
        infer_rows(model, codec.encode(sample), sample, codec, batch_size=8),
        lambda info: None,
    )
    found = codec.validation_scores(outputs, codec.gold(sample))
    assert last == pytest.approx(found, rel=1e-5)


class _StepPlan:
    """As many steps, evaluated four times."""

    def __init__(self, n_steps):
        self.n_steps = n_steps

    def is_evaluated(self, step):
        return step % (self.n_steps // 4) == 0

    def epoch_after(self, step):
        return 4.0


def test_without_validation_rows_nothing_is_sampled(tiny_model):
    data = {"split": {"validation": 0, "test": 0.3}}
    job = toy_problem(TASK, tiny_model("bert"), training=TRAINING, data=data)[1].job
    steps = []
    follow(train(job.session.make_model(True), job), steps.append)
    assert scored(steps) == []


def test_inputs_that_stand_in_no_text_are_taken_as_they_are(tiny_model):
    method = find("methods", "linear-probe")
    job = toy_problem(TASK, tiny_model("bert"), training=TRAINING)[1].job
    steps = []
    follow(
        method(method.Options(learning_rate=2e-2)).fit(job.session.make_model(True), job),
        steps.append,
    )
    assert scored(steps)[-1][1]["accuracy"] > 0.5


def test_a_resumed_run_has_the_same_curves(tiny_model, tmp_path):
    training = {**TRAINING, "save_strategy": "steps", "save_steps": 2}
    tree = toy_tree(TASK, tiny_model("bert"), training=training, baselines=[])
    given = {"train": toy_rows(TASK)}

    def stop(info):
        if info.step == 11:
            raise Interrupted("Stopped.")

    luthier.run(tree, out=tmp_path / "whole", data=given)
    with pytest.raises(Interrupted):
        luthier.run(tree, out=tmp_path / "cut", data=given, listeners=[stop])
    luthier.run(tree, out=tmp_path / "cut", data=given)
    whole, cut = (
        [
            {key: value for key, value in event.items() if key != "time"}
            for event in RunFolder(tmp_path / name).events.read()
            if event.get("scores")
        ]
        for name in ("whole", "cut")
    )
    assert [event for event in whole if event.get("training_scores")]
    assert cut == whole
    page = (tmp_path / "cut" / "report.html").read_text("utf-8")
    assert "on 25 training rows" in page
    assert "what the model knows by heart" in page


def test_a_sample_is_drawn_by_the_seed(tiny_model):
    job = toy_problem(TASK, tiny_model("bert"), training=TRAINING)[1].job
    same = [Evaluations(job, _StepPlan(8)).rows["text"] for _ in range(2)]
    other = job.with_plan(training=job.plan.training.model_copy(update={"seed": 1}))
    assert same[0] == same[1] != Evaluations(other, _StepPlan(8)).rows["text"]
    assert sample_of(job, np.arange(2), job.problem.splits.train.take([0, 1])) is not None
