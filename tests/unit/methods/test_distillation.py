"""A teacher is opened only if it fits, asked once, and its student follows it."""

import shutil

import numpy as np
import pytest
import torch

import luthier
from luthier.errors import LuthierError, RecipeError, RunError
from luthier.methods.distillation import Distillation, as_in, open_teacher, teach
from luthier.models.with_hidden_states import WithStates
from luthier.records import Target
from luthier.runs import RunFolder
from luthier.training.listeners import follow
from luthier.training.model_calls import to_tensors
from tests.outputs import outputs_of
from tests.toys import toy_problem, toy_rows, toy_tree

TASK = "text-classification"
TRAINING = {"num_train_epochs": 12, "learning_rate": 5e-3, "logging_steps": 1, "use_cpu": True}


@pytest.fixture
def job(tiny_model):
    return toy_problem(TASK, tiny_model("bert"), training=TRAINING)[1].job


def asked(teacher, job, *, with_states=False):
    steps = []
    return follow(teach(teacher, job, with_states=with_states), steps.append), steps


def test_no_teacher_is_told_before_anything_is_trained(job):
    steps = []
    method = Distillation(Distillation.Options())
    with pytest.raises(RecipeError, match="needs a teacher") as told:
        follow(method.fit(job.session.make_model(True), job), steps.append)
    assert "method.options.teacher=" in told.value.hint
    assert steps == []


def test_what_is_no_run_is_no_teacher(job, tmp_path):
    with pytest.raises(RunError, match="no run in this folder"):
        open_teacher(str(tmp_path), job)


def test_an_unfinished_run_is_no_teacher(job, tiny_teacher, tmp_path):
    shutil.copytree(tiny_teacher(TASK), tmp_path / "run")
    RunFolder.open(tmp_path / "run").fail("the power went")
    with pytest.raises(RunError, match="did not finish: the power went"):
        open_teacher(str(tmp_path / "run"), job)


def test_a_teacher_of_another_task_is_refused(job, tiny_teacher):
    with pytest.raises(RunError, match="another task") as told:
        open_teacher(str(tiny_teacher("text-regression")), job)
    assert "text-regression, not text-classification" in told.value.received


def test_a_teacher_of_other_labels_is_refused(job, tiny_teacher):
    other = job.with_problem(codec=job.problem.codec.with_target(names=("rain", "sun", "fog")))
    with pytest.raises(RunError, match="other labels") as told:
        open_teacher(str(tiny_teacher(TASK)), other)
    assert "only the teacher has snow; the teacher lacks fog" in told.value.received


def test_a_wrong_teacher_leaves_a_run_that_says_why(tiny_model, tmp_path):
    method = {"name": "distillation", "options": {"teacher": str(tmp_path / "none")}}
    tree = toy_tree(TASK, tiny_model("bert"), method=method, baselines=[])
    with pytest.raises(LuthierError, match="no run"):
        luthier.run(tree, out=tmp_path / "run", data={"train": toy_rows(TASK)})


def test_the_teacher_answers_as_its_run_does(job, tiny_teacher):
    (outputs, states), steps = asked(open_teacher(str(tiny_teacher(TASK)), job), job)
    again = luthier.load(tiny_teacher(TASK)).outputs(job.problem.splits.train)
    assert np.allclose(outputs, again, atol=1e-6)
    assert states.shape == (len(job.problem.splits.train), 0)
    assert {step.phase for step in steps} == {"asking the teacher"}


def test_the_teachers_states_have_unit_spread(job, tiny_teacher):
    teacher = open_teacher(str(tiny_teacher(TASK)), job)
    (_, states), _ = asked(teacher, job, with_states=True)
    assert states.shape == (len(job.problem.splits.train), teacher.model.config.hidden_size)
    assert np.allclose(states.mean(axis=0), 0, atol=1e-4)
    assert np.allclose(states.std(axis=0), 1, atol=1e-2)


def test_a_teacher_that_was_judged_on_other_rows_is_told_of(tiny_teacher, tiny_model):
    options = Distillation.Options(teacher=str(tiny_teacher(TASK)))
    few = {**TRAINING, "max_steps": 1}
    told = {}
    for seed in (0, 1):
        split = {"validation": 0.2, "test": 0.3, "seed": seed}
        job = toy_problem(TASK, tiny_model("bert"), training=few, data={"split": split})[1].job
        steps = []
        follow(Distillation(options).fit(job.session.make_model(True), job), steps.append)
        told[seed] = [step.message for step in steps if step.phase == "opening the teacher"]
    assert told[0] == []
    assert len(told[1]) == 1
    assert "other test rows" in told[1][0]


def test_outputs_are_put_into_the_order_and_unit_of_the_student():
    outputs = np.array([[1.0, 2.0, 3.0]])
    known = Target("single-label", ("b", "c", "a"))
    wanted = Target("single-label", ("a", "b", "c"))
    assert as_in(wanted, outputs, known).tolist() == [[3.0, 1.0, 2.0]]
    told = Target("number", ("value",), mean=1.0, scale=2.0)
    own = Target("number", ("value",), mean=3.0, scale=4.0)
    assert as_in(own, np.array([[5.0]]), told).tolist() == [[(5 * 2 + 1 - 3) / 4]]


@pytest.mark.parametrize("with_states", [False, True])
def test_a_student_of_the_teacher_alone_says_what_it_says(
    job, tiny_teacher, tiny_model, with_states
):
    longer = {"num_train_epochs": 20, "eval_strategy": "no"}  # a teacher is followed to the end
    job = job.with_plan(training=job.plan.training.model_copy(update=longer))
    options = {"alpha": 1.0, "temperature": 1.0, "hidden_states": with_states}
    made = Distillation.Options(teacher=str(tiny_teacher(TASK)), **options)
    teacher = open_teacher(made.teacher, job)
    wanted = outputs_of(teacher.model, job, "train").argmax(axis=1)
    steps = []
    student = follow(Distillation(made).fit(job.session.make_model(True), job), steps.append)
    found = outputs_of(student, job, "train").argmax(axis=1)
    assert (found == wanted).mean() > 0.8
    assert not hasattr(student, "map")
    losses = [step.loss for step in steps if step.phase == job.session.phase]
    quarter = len(losses) // 4
    assert np.mean(losses[-quarter:]) < 0.8 * np.mean(losses[:quarter])


def test_the_same_seed_draws_the_same_map(job, tiny_teacher):
    few = job.with_plan(training=job.plan.training.model_copy(update={"max_steps": 2}))
    options = Distillation.Options(teacher=str(tiny_teacher(TASK)), hidden_states=True)
    first, second = (
        follow(Distillation(options).fit(few.session.make_model(True), few), lambda info: None)
        for _ in range(2)
    )
    assert np.array_equal(*(outputs_of(one, few, "test") for one in (first, second)))


def test_a_map_brings_states_to_the_teachers_width(job):
    model = WithStates(job.session.make_model(True), 7).eval()
    batch = to_tensors(first_batch(job)).inputs
    said = model(**batch)
    assert said.states.shape == (4, 7)
    assert torch.equal(said.logits, model.inner(**batch).logits)
    assert not model.base_model._forward_hooks


def test_long_texts_are_read_in_the_teachers_windows(tiny_model, tmp_path):
    rows = toy_rows(TASK)
    data = {"max_tokens": 8, "long_texts": "windows", "stride": 2}
    tree = toy_tree(TASK, tiny_model("bert"), data=data, baselines=[], training=TRAINING)
    luthier.run(tree, out=tmp_path / "teacher", data={"train": rows})
    job = toy_problem(TASK, tiny_model("bert"), training=TRAINING, data=data)[1].job
    assert len(job.problem.items["train"]) > len(job.problem.splits.train)
    few = job.with_plan(training=job.plan.training.model_copy(update={"max_steps": 2}))
    options = Distillation.Options(teacher=str(tmp_path / "teacher"))
    model = follow(Distillation(options).fit(few.session.make_model(True), few), lambda info: None)
    assert np.isfinite(outputs_of(model, few, "test")).all()


def first_batch(job):
    """Give four rows without their answers."""
    return job.problem.codec.batch(job.problem.items["train"], np.arange(4), kind="logits")


@pytest.mark.parametrize("method", ["prompt-mlm", "lora"])
def test_a_teacher_may_have_learned_by_another_method(method, tiny_model, tmp_path):
    tree = toy_tree(
        TASK,
        tiny_model("bert", "MaskedLM"),
        method=method,
        baselines=[],
        training={"max_steps": 3, "use_cpu": True},
    )
    luthier.run(tree, out=tmp_path / "teacher", data={"train": toy_rows(TASK)})
    job = toy_problem(TASK, tiny_model("gpt2"), training={**TRAINING, "max_steps": 2})[1].job
    options = Distillation.Options(teacher=str(tmp_path / "teacher"), hidden_states=True)
    model = follow(Distillation(options).fit(job.session.make_model(True), job), lambda info: None)
    assert np.isfinite(outputs_of(model, job, "test")).all()
