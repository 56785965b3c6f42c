"""What every baseline in the catalogue promises: outputs for validation and test, reproducibly."""

from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from luthier.records import Rows, StepInfo
from luthier.registry import find, names
from luthier.training.follow import follow
from tests.toys import toy_problem

TRAINING = {"max_steps": 3, "use_cpu": True}


@pytest.fixture(scope="module")
def problems(tiny_model):
    """Every task's toy rows, prepared for a tiny BERT."""
    folder = tiny_model("bert")
    return {task: toy_problem(task, folder, training=TRAINING)[1].job for task in names("tasks")}


def fit(name, job):
    """Fit a baseline; give its steps and its outputs."""
    steps = []
    plugin = find("baselines", name)
    return steps, follow(plugin(plugin.Options()).fit(job), steps.append)


def pairs():
    """Name each baseline with each task that it fits."""
    for name in names("baselines"):
        plugin = find("baselines", name)
        for task_name in names("tasks"):
            task = find("tasks", task_name)
            kind = task(task.Options()).learn_target(task.toy_rows()).kind
            if task.unit in plugin.units and kind in plugin.kinds:
                yield name, task_name


each_pair = pytest.mark.parametrize(("name", "task"), list(pairs()))


@each_pair
def test_outputs_are_what_the_task_decodes(name, task, problems):
    job = problems[task]
    steps, outputs = fit(name, job)
    assert set(outputs) >= {"validation", "test"}
    for split in ("validation", "test"):
        assert outputs[split].shape == (len(job.encoded[split]), job.target.n_outputs)
        assert outputs[split].dtype == np.float32
        assert np.isfinite(outputs[split]).all()
        gold = job.task.gold(getattr(job.splits, split), job.target)
        predictions = job.task.decode(outputs[split], job.target)
        assert job.main_metric in job.task.measure(gold, predictions, job.target)(None)
    assert job.evaluate(outputs["validation"])
    assert steps
    assert all(isinstance(step, StepInfo) for step in steps)
    assert all(step.phase.startswith(f"baseline {name}") for step in steps)


@each_pair
def test_the_same_seed_gives_the_same_outputs(name, task, problems):
    first, second = (fit(name, problems[task])[1] for _ in range(2))
    for split in ("validation", "test"):
        assert np.array_equal(first[split], second[split])


@each_pair
def test_test_answers_are_not_looked_at(name, task, problems):
    job = problems[task]
    _, honest = fit(name, job)
    role, rows = job.task.columns[-1].role, job.splits.test
    turned = Rows.of({**rows.columns, role: rows[role][::-1]})
    encoded = replace(job.encoded["test"], targets=job.encoded["test"].targets[::-1].copy())
    misled = job.but(
        splits=replace(job.splits, test=turned), encoded={**job.encoded, "test": encoded}
    )
    _, outputs = fit(name, misled)
    assert np.array_equal(outputs["test"], honest["test"])


@each_pair
def test_it_works_without_validation_rows(name, task, tiny_model):
    sections = {"training": TRAINING, "data": {"split": {"validation": 0, "test": 0.3}}}
    _, prepared = toy_problem(task, tiny_model("bert"), **sections)
    _, outputs = fit(name, prepared.job)
    assert len(outputs["test"]) == len(prepared.job.encoded["test"])
    assert len(outputs["validation"]) == 0


@pytest.mark.parametrize("name", names("baselines"))
def test_every_baseline_fits_a_task(name):
    assert name in {baseline for baseline, _ in pairs()}


@pytest.mark.parametrize("name", names("baselines"))
def test_unknown_options_are_refused(name):
    with pytest.raises(ValidationError, match="surely_no_option"):
        find("baselines", name).Options(surely_no_option=1)
