"""A model that answers all rows alike, or no better than what reads nothing, is told of."""

import numpy as np
import pytest

from luthier.evaluation.remarks import remark
from luthier.recipe.tree import Recipe
from luthier.results import Comparison
from tests.unit.baselines.test_trivial_baselines import job_of

SINGLE = {"text": ["a"] * 40, "label": ["good", "bad"] * 20}


def remarked(task, columns, outputs, comparisons=(), is_long_enough=False, **sections):
    """Decode outputs for all rows, and say what there is to remark."""
    job = job_of(task, columns)
    recipe = Recipe.model_validate({"model": "m", "task": task, "data": {"train": "a"}, **sections})
    said = job.problem.codec.decode(np.array(outputs, dtype=np.float32))
    return remark(recipe, job, said, comparisons, is_long_enough=is_long_enough)


def against(baseline, difference, p_adjusted):
    numbers = (difference, difference - 0.1, difference + 0.1, p_adjusted, p_adjusted)
    return Comparison("fine-tuned", baseline, "accuracy", *numbers, "t", 40, None, "")


def test_one_label_for_all_rows_is_told_with_what_to_try():
    said = remarked("text-classification", SINGLE, [[0.0, 2.0]] * 40)
    assert said == (
        "The fine-tuned model answers 'good' for 40 of 40 test rows. Try more epochs "
        "(training.num_train_epochs=9), or method=linear-probe, which few rows suffice for, or "
        "more training rows than these 40."
    )


def test_the_advice_is_not_what_was_done_already():
    said = remarked(
        "text-classification", SINGLE, [[0.0, 2.0]] * 40,
        method="linear-probe", training={"max_steps": 5},
    )  # fmt: skip
    assert "linear-probe" not in said
    assert "training.max_steps=15" in said


def test_a_training_that_over_fits_is_not_told_to_go_on():
    said = remarked("text-classification", SINGLE, [[0.0, 2.0]] * 40, is_long_enough=True)
    assert "more epochs" not in said
    assert said.endswith(
        "Try method=linear-probe, which few rows suffice for, or more training rows than these 40."
    )


def test_answers_that_differ_are_not_remarked():
    assert remarked("text-classification", SINGLE, [[0.0, 2.0], [2.0, 0.0]] * 20) is None


def test_rows_that_are_nearly_all_of_one_label_may_be_answered_by_it():
    columns = {"text": ["a"] * 40, "label": ["good"] * 38 + ["bad"] * 2}
    assert remarked("text-classification", columns, [[0.0, 2.0]] * 40) is None


def test_all_labels_for_every_row_are_told_of():
    columns = {"text": ["a"] * 40, "labels": ["a", "b", "c|a", "d"] * 10}
    said = remarked("multi-label-classification", columns, [[1.0] * 4] * 40)
    assert said.startswith("The fine-tuned model gives 4 of 4 labels to a test row, which has 1.2")


def test_the_same_set_of_labels_is_told_of():
    columns = {"text": ["a"] * 40, "labels": ["a", "b", "c|a", "d"] * 10}
    said = remarked("multi-label-classification", columns, [[1.0, -1.0, -1.0, -1.0]] * 40)
    assert said.startswith("The fine-tuned model answers 'a' for 40 of 40 test rows.")


def test_one_number_for_all_rows_is_told_of():
    columns = {"text": ["a"] * 40, "label": [1.0, 2.0, 3.0, 4.0] * 10}
    assert "predicts 2.5 to 2.5 for all 40" in remarked("text-regression", columns, [[0.0]] * 40)


@pytest.mark.parametrize(
    ("baseline", "difference", "p_adjusted", "how"),
    [
        ("majority", 0.01, 0.6, "is not told apart from majority"),
        ("majority", -0.2, 0.01, "is worse than majority"),
        ("majority", 0.2, 0.01, None),
        ("tfidf-linear", 0.01, 0.6, None),
        ("a run of ours", 0.01, 0.6, None),
    ],
)
def test_ties_with_a_baseline_that_reads_nothing_are_told(baseline, difference, p_adjusted, how):
    compared = [against(baseline, difference, p_adjusted)]
    said = remarked("text-classification", SINGLE, [[0.0, 2.0], [2.0, 0.0]] * 20, compared)
    assert (said is None) if how is None else (f"By accuracy the fine-tuned model {how}" in said)
