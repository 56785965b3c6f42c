"""A training that learns rows by heart is told of, one that learns from them is not."""

import numpy as np
import pytest

import luthier
from luthier.evaluation.overfitting import overfitting
from luthier.records import Predictions, Rows
from luthier.results import Score
from tests.toys import toy_problem, toy_rows, toy_tree

TASK = "text-classification"


@pytest.fixture(scope="module")
def job(tiny_model):
    return toy_problem(TASK, tiny_model("bert"))[1].job


def events(*validation, loss=0.5):
    """Record a training of ten steps between evaluations, (log loss, accuracy) of each."""
    found = []
    for number, (log_loss, accuracy) in enumerate(validation, start=1):
        found.append({"phase": "fine-tuning", "step": 10 * number - 5, "loss": loss})
        scores = {"log_loss": log_loss, "accuracy": accuracy}
        found.append({"phase": "fine-tuning", "step": 10 * number, "loss": loss, "scores": scores})
    return [*found, {"phase": "baseline from-scratch", "step": 10, "loss": 9.0}]


def said(job, *, sure, right):
    gold = job.problem.gold["test"]
    answers = gold.copy()
    n_wrong = round((1 - right) * len(gold))
    answers[:n_wrong] = (answers[:n_wrong] + 1) % 3
    probabilities = np.full((len(gold), 3), (1 - sure) / 2)
    probabilities[np.arange(len(gold)), answers] = sure
    return Predictions(answers, probabilities, None)


def scores(log_loss):
    return {"log_loss": Score(log_loss, log_loss, log_loss, 30)}


def test_a_log_loss_that_rises_while_the_metric_stands_is_told(job):
    went = events((0.9, 0.5), (0.6, 0.7), (0.8, 0.7), (1.1, 0.69), loss=0.5)
    told = overfitting(job, went, said(job, sure=0.7, right=0.7), scores(1.1))
    assert "rose from 0.600 (step 20) to 1.100 (step 40), while accuracy went from 70.0 %" in told
    assert "sure of its answers" not in told
    assert "training rows had a loss" not in told
    assert "training.early_stopping_patience=2" in told
    assert "luthier ablate" in told


def test_training_rows_that_cost_far_less_are_told_and_a_model_that_is_too_sure(job):
    went = events((0.9, 0.5), (0.8, 0.6), loss=0.02)
    told = overfitting(job, went, said(job, sure=0.98, right=0.6), scores(1.1))
    assert "training rows had a loss of 0.020, validation rows of 0.800" in told
    assert "it is 98% sure of its answers to the test rows, and" in told


def test_without_validation_rows_test_rows_are_compared(job):
    went = [{"phase": "fine-tuning", "step": step, "loss": 0.01} for step in range(10)]
    told = overfitting(job, went, said(job, sure=0.5, right=0.5), scores(1.5))
    assert "training rows had a loss of 0.010, test rows of 1.500" in told


def test_a_training_that_goes_well_is_not_told_of(job):
    went = events((0.9, 0.5), (0.6, 0.7), (0.4, 0.8), (0.41, 0.82), loss=0.3)
    assert overfitting(job, went, said(job, sure=0.98, right=0.6), scores(0.42)) is None
    assert overfitting(job, [], said(job, sure=0.98, right=0.6), {}) is None


def test_a_smoothed_loss_is_compared_with_nothing(tiny_model):
    smooth = toy_problem(TASK, tiny_model("bert"), training={"label_smoothing_factor": 0.1})[1].job
    went = events((0.9, 0.5), (0.8, 0.6), loss=0.02)
    assert overfitting(smooth, went, said(smooth, sure=0.5, right=0.5), scores(1.1)) is None


def test_rows_without_rhyme_or_reason_are_learned_by_heart_and_the_report_says_so(
    tiny_model, tmp_path
):
    columns = {name: list(values)[:64] for name, values in toy_rows(TASK).columns.items()}
    np.random.default_rng(0).shuffle(columns["label"])
    columns["text"] = [f"{text} {n}" for n, text in enumerate(columns["text"])]
    training = {"num_train_epochs": 20, "learning_rate": 1e-2, "logging_steps": 2}
    data = {"ignore_findings": ["near-duplicates"]}
    tree = toy_tree(TASK, tiny_model("bert"), baselines=[], training=training, data=data)
    run = luthier.run(tree, out=tmp_path / "run", data={"train": Rows.of(columns)})
    (told,) = [one for one in run.told if "over-fits" in one]
    assert "training rows had a loss of" in told
    page = (tmp_path / "run" / "report.html").read_text("utf-8")
    assert "This training over-fits" in page
