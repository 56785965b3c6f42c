"""What every baseline in the catalogue promises: outputs for validation and test, reproducibly."""

from dataclasses import replace

import pytest
from pydantic import ValidationError

from luthier.records import Predictions, Rows, StepInfo
from luthier.registry import find, names
from luthier.training.listeners import follow
from tests.toys import FAMILY, toy_problem

TRAINING = {"max_steps": 3, "use_cpu": True}


@pytest.fixture(scope="module")
def problems(tiny_model):
    """Every task's toy rows, prepared for a tiny model that can learn it."""
    return {
        task: toy_problem(task, tiny_model(FAMILY.get(task, "bert")), training=TRAINING)[1].job
        for task in names("tasks")
    }


def fit(name, job):
    """Fit a baseline; give its steps and its outputs."""
    steps = []
    plugin = find("baselines", name)
    return steps, follow(plugin(plugin.Options()).fit(job), steps.append)


@pytest.fixture(scope="module")
def fitted(problems):
    """Fit a baseline on a task's toy rows, once for all tests of this pair."""
    made = {}

    def fitted_once(name, task):
        if (name, task) not in made:
            made[name, task] = fit(name, problems[task])
        return made[name, task]

    return fitted_once


def pairs():
    """Name each baseline with each task that it fits."""
    for name in names("baselines"):
        plugin = find("baselines", name)
        for task_name in names("tasks"):
            task = find("tasks", task_name)
            if task.unit in plugin.units and task.kind in plugin.kinds:
                yield name, task_name


each_pair = pytest.mark.parametrize(("name", "task"), list(pairs()))


@each_pair
def test_outputs_are_what_the_task_decodes(name, task, problems, fitted):
    job = problems[task]
    steps, outputs = fitted(name, task)
    assert set(outputs) == set(job.problem.scored_splits)
    for split, rows in job.problem.splits.items():
        if split in outputs:
            predictions = decoded(job, outputs[split])
            assert len(predictions.answers) == len(predictions.outputs) == len(rows)
            gold = job.problem.codec.gold(rows)
            assert job.problem.codec.task.main_metric in job.problem.codec.measure(
                gold, predictions
            )(None)
    assert steps
    assert all(isinstance(step, StepInfo) for step in steps)
    assert all(step.phase.startswith(f"baseline {name}") for step in steps)


def decoded(job, found):
    """Decode outputs, unless the baseline has decided on its answers itself."""
    return found if isinstance(found, Predictions) else job.problem.codec.decode(found)


def answers_of(job, outputs):
    """Write all answers on the test rows out, and the scores of the task."""
    predictions = decoded(job, outputs["test"])
    rows = job.problem.splits.test
    return [job.problem.codec.to_json(predictions.answers, row, rows) for row in range(len(rows))]


@each_pair
def test_the_same_seed_gives_the_same_answers(name, task, problems, fitted):
    job = problems[task]
    assert answers_of(job, fit(name, job)[1]) == answers_of(job, fitted(name, task)[1])


@each_pair
def test_test_answers_are_not_looked_at(name, task, problems, fitted):
    job = problems[task]
    role, rows = job.problem.codec.task.answer_role, job.problem.splits.test
    if role is None:
        pytest.skip("the text is the answer")
    _, honest = fitted(name, task)
    nothing = (
        [[]] * len(rows) if job.problem.codec.task.kind in ("answer", "tags") else rows[role][::-1]
    )
    columns = {**rows.columns, role: nothing}
    if job.problem.codec.task.kind == "tags":
        columns[role] = [["O"] * len(words) for words in rows["words"]]
    turned = Rows.of(columns)
    encoded = replace(job.problem.items["test"], targets=None)
    misled = job.with_problem(
        splits=replace(job.problem.splits, test=turned),
        items={**job.problem.items, "test": encoded},
    )
    _, outputs = fit(name, misled)
    assert answers_of(misled, outputs) == answers_of(job, honest)


@each_pair
def test_it_works_without_validation_rows(name, task, tiny_model):
    sections = {"training": TRAINING, "data": {"split": {"validation": 0, "test": 0.3}}}
    _, prepared = toy_problem(task, tiny_model(FAMILY.get(task, "bert")), **sections)
    _, outputs = fit(name, prepared.job)
    answers = decoded(prepared.job, outputs["test"]).answers
    assert len(answers) == len(prepared.job.problem.splits.test)


@pytest.mark.parametrize("name", names("baselines"))
def test_every_baseline_fits_a_task(name):
    assert name in {baseline for baseline, _ in pairs()}


@pytest.mark.parametrize("name", names("baselines"))
def test_unknown_options_are_refused(name):
    with pytest.raises(ValidationError, match="surely_no_option"):
        find("baselines", name).Options(surely_no_option=1)
