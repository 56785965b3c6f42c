"""`from-scratch` takes no longer than fine-tuning did, says so, and can be left out."""

import pytest

from luthier import run
from luthier.baselines.from_scratch import (
    FromScratch,
    announcement,
    most_steps,
    steps_before,
    steps_of,
)
from luthier.recipe.tree import NoOptions
from luthier.runs import RunFolder
from luthier.runs.tuning import Tuning, tuning_of
from luthier.training.listeners import follow
from luthier.training.loop import train
from tests.toys import toy_problem, toy_rows, toy_tree


def event(step, time, *, phase="fine-tuning", n_steps=40):
    return {"phase": phase, "step": step, "n_steps": n_steps, "time": time}


def test_the_time_of_a_training_is_read_from_its_events():
    aside = [event(0, 0.0, phase="checking the data"), event(9, 99.0, phase="predicting test")]
    found = tuning_of([*aside, event(10, 5.0), event(20, 10.0), event(30, 15.0)])
    assert found == Tuning(15.0, 30, 40)
    assert tuning_of([*aside, event(40, 3.0)]) == Tuning(None, 40, 40)  # one line tells no pace
    assert tuning_of(aside) == Tuning(None, 0, 0)


def test_its_time_is_announced_with_the_word_that_leaves_it_out():
    said = announcement("from-scratch", Tuning(200.4, 30, 40))
    assert "as long as fine-tuning, 3:20" in said
    assert "--quick" in said
    assert ":" not in announcement("from-scratch", Tuning(None, 0, 0))


@pytest.mark.parametrize(
    ("tuning", "most"),
    [
        (Tuning(1.0, 40, 40), None),  # as many as the recipe asks for
        (Tuning(1.0, 25, 40), 25),  # fine-tuning was stopped early
        (Tuning(1.0, 25, 90), None),  # steps of another kind
        (Tuning(1.0, 0, 0), None),  # a method without steps, and quick
        (Tuning(10_000.0, 40, 40), None),  # long, and steps cost no more than they did
    ],
)
def test_it_takes_no_more_steps_than_fine_tuning(tuning, most, tiny_model):
    training = {"max_steps": 40}
    _, prepared = toy_problem("text-classification", tiny_model("bert"), training=training)
    assert most_steps(prepared.job, tuning) == most


@pytest.mark.parametrize("tuning", [Tuning(61.0, 10**7, 10**7), Tuning(2.0, 0, 0)])
def test_steps_that_would_take_far_longer_are_left_out(tuning, tiny_model):
    training = {"max_steps": 10**7}
    _, prepared = toy_problem("text-classification", tiny_model("bert"), training=training)
    assert 1 <= most_steps(prepared.job, tuning) < 10**6


def test_steps_are_counted_as_the_loop_takes_them(tiny_model):
    for training in ({"num_train_epochs": 2.5}, {"gradient_accumulation_steps": 3}):
        _, prepared = toy_problem("text-classification", tiny_model("bert"), training=training)
        seen = []
        follow(train(prepared.job.session.make_model(True), prepared.job), seen.append)
        assert steps_of(prepared.job) == seen[-1].n_steps


def test_an_interrupted_one_goes_on_with_the_steps_that_were_planned():
    events = [event(3, 1.0), event(2, 2.0, phase="baseline from-scratch", n_steps=7)]
    assert steps_before(events, "baseline from-scratch") == 7
    assert steps_before(events[:1], "baseline from-scratch") is None


def test_it_ends_with_an_early_stopped_training(tiny_model, tmp_path):
    training = {"max_steps": 12}
    recipe, prepared = toy_problem("text-classification", tiny_model("bert"), training=training)
    folder = RunFolder.create(tmp_path / "run", recipe)
    for step in (2, 3):
        folder.events.append(event(step, float(step), n_steps=12))
    seen = []
    job = prepared.job.with_session(run=folder)
    follow(FromScratch(NoOptions()).fit(job), seen.append)
    phase = "baseline from-scratch"
    assert max(step.step for step in seen if step.phase == phase) == 3
    assert any("3 of 12 steps" in (step.message or "") and step.is_lasting for step in seen)


def test_quick_leaves_it_out_and_the_report_says_so(tiny_model, tmp_path):
    tree = toy_tree("text-classification", tiny_model("bert"), training={"num_train_epochs": 1})
    seen = []
    result = run(
        tree,
        out=tmp_path / "run",
        quick=True,
        data={"train": toy_rows("text-classification").columns},
        listeners=[seen.append],
    )
    assert set(result.scores) == {"fine-tuned", "majority", "tfidf-linear", "frozen-encoder"}
    report = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "from-scratch, which this task is usually compared with, was left out" in report
    assert not any("second training" in (step.message or "") for step in seen)
