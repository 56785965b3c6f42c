"""Baselines that read nothing are the strongest of their kind: nothing beats them by chance."""

from collections import Counter
from typing import get_args

import numpy as np
import pytest

from luthier.evaluation.systems import decided
from luthier.job import Job, Plan, Problem, Session
from luthier.records import Rows, Splits
from luthier.registry import find
from luthier.seeding import stream
from luthier.training.listeners import follow


def job_of(task_name, columns, **options):
    """Make a job of which all three splits are the same rows, without a model."""
    plugin = find("tasks", task_name)
    task = plugin(plugin.Options(**options))
    rows, _ = task.normalize(Rows.of(columns))
    codec = task.codec(task.learn_target(rows))
    gold = dict.fromkeys(("train", "validation", "test"), codec.gold(rows))
    return Job(Problem(codec, Splits(rows, rows, rows), {}, gold), Session(None), Plan(None, None))


def answers_of(name, job):
    """Fit a baseline; give its decided answers, and all metrics."""
    plugin = find("baselines", name)
    said = decided(job, follow(plugin(plugin.Options()).fit(job), lambda step: None))
    codec, gold = job.problem.codec, job.problem.gold["test"]
    return said, codec.measure(gold, said)(None)


def metrics_of(task_name):
    return get_args(find("tasks", task_name).Options.model_fields["main_metric"].annotation)


def several_labels():
    """Make rows of which most have the label 'none' alone, the others some of eleven."""
    random = stream(0, "several labels")
    names = [f"l{number}" for number in range(11)]
    return [
        "none"
        if random.random() < 0.4
        else "|".join(random.choice(names, size=random.integers(1, 4), replace=False))
        for _ in range(300)
    ]


@pytest.mark.parametrize("metric", metrics_of("multi-label-classification"))
@pytest.mark.parametrize("threshold", ["tuned", 0.3])
def test_majority_gives_the_best_of_the_constant_sets(metric, threshold):
    cells = several_labels()
    columns = {"text": cells, "labels": cells}
    job = job_of("multi-label-classification", columns, main_metric=metric, threshold=threshold)
    said, scores = answers_of("majority", job)
    assert (said.answers == said.answers[0]).all()
    codec, gold = job.problem.codec, job.problem.gold["test"]
    frequent = Counter(name for cell in cells for name in cell.split("|"))
    ranked = [name for name, _ in frequent.most_common()]
    alike = [[ranked[0]], ranked, ranked[:3], Counter(cells).most_common(1)[0][0].split("|")]
    for names in alike:
        answers = np.tile([one in names for one in codec.target.names], (len(gold), 1))
        other = codec.measure(gold, type(said)(answers, said.probabilities, said.outputs))(None)
        assert scores[metric] >= other[metric] - 1e-12


def test_majority_of_several_labels_is_no_flood_of_all_labels():
    cells = several_labels()
    said, scores = answers_of(
        "majority", job_of("multi-label-classification", {"text": cells, "labels": cells})
    )
    assert said.answers.sum(axis=1).max() < 11
    assert scores["micro_f1"] > 0.3  # all labels for every row: 0.2


@pytest.mark.parametrize("metric", metrics_of("text-regression"))
def test_one_number_for_all_is_the_better_of_mean_and_median(metric):
    numbers = [1.0, 1.0, 1.0, 2.0, 40.0]
    columns = {"text": ["a"] * 5, "label": numbers}
    said, scores = answers_of("mean-value", job_of("text-regression", columns, main_metric=metric))
    assert said.answers[0] == pytest.approx(1.0 if metric == "mae" else 9.0)
    if metric == "mae":
        assert scores["mae"] == pytest.approx(8.0)


@pytest.mark.parametrize("metric", metrics_of("text-classification"))
def test_the_most_frequent_label_is_the_best_constant(metric):
    labels = ["a"] * 6 + ["b"] * 3 + ["c"]
    columns = {"text": labels, "label": labels}
    said, scores = answers_of(
        "majority", job_of("text-classification", columns, main_metric=metric)
    )
    codec, gold = (
        job_of("text-classification", columns).problem.codec,
        np.array([0] * 6 + [1] * 3 + [2]),
    )
    for label in range(3):
        other = type(said)(np.full(10, label), said.probabilities, said.outputs)
        assert scores[metric] >= codec.measure(gold, other)(None)[metric]


def test_the_most_frequent_place_is_one_that_the_row_has():
    columns = {
        "text": ["which?"] * 6,
        "choices": [["a", "b", "c"]] * 3 + [["a", "b"]] * 3,
        "label": [2, 2, 2, 0, 1, 1],
    }
    said, _ = answers_of("majority", job_of("multiple-choice", columns))
    assert said.answers.tolist() == [2, 2, 2, 1, 1, 1]


def test_lead_takes_as_many_sentences_as_score_best():
    columns = {
        "text": ["We met. A storm came at noon. Then it rained. All went home."] * 4,
        "target": ["a storm came at noon"] * 4,  # one sentence, but not the first
    }
    said, _ = answers_of("lead", job_of("summarization", columns))
    assert said.answers[0] == "We met. A storm came at noon."
