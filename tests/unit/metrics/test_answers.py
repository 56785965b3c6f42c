"""Answers are scored by SQuAD's rules, and the threshold of none is the best one."""

import math
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from luthier.metrics.answers import (
    best_null_threshold,
    exact_match,
    measure_answers,
    normalise_answer,
    token_f1,
)
from luthier.metrics.intervals import bootstrap


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The  Eiffel\tTower!", "eiffel tower"),
        ("a-b", "ab"),
        ("theatre an ant", "theatre ant"),
        ("U.S.A.", "usa"),
        ("北京。", "北京。"),  # the rules know ASCII's punctuation alone
        ("the", ""),
    ],
)
def test_answers_are_compared_without_case_punctuation_and_articles(text, expected):
    assert normalise_answer(text) == expected


def test_the_true_answer_that_fits_best_counts():
    golds = ["the red house", "house"]
    assert exact_match("A House", golds) == 1
    assert token_f1("red house by the sea", golds) == pytest.approx(2 * 2 / (4 + 2))
    assert exact_match("red", golds) == 0


def test_words_count_as_often_as_they_occur_in_both():
    assert token_f1("no no no", ["no no yes"]) == pytest.approx(2 / 3)


@pytest.mark.parametrize("golds", [[], [""], ["the"]])
def test_where_there_is_no_answer_none_is_right(golds):
    assert exact_match("", golds) == token_f1("", golds) == 1
    assert exact_match("a guess", golds) == token_f1("a guess", golds) == 0


def test_no_answer_is_wrong_where_there_is_one():
    assert exact_match("", ["Rome"]) == token_f1("", ["Rome"]) == 0


GOLDS = [["red house"], ["Rome", "Roma"], [], []]
SAID = ["house", "roma", "", "Oslo"]


def test_questions_with_and_without_answer_are_told_apart():
    assert measure_answers(GOLDS, SAID)(None) == pytest.approx(
        {
            "f1": (2 / 3 + 1 + 1 + 0) / 4,
            "exact_match": 2 / 4,
            "has_answer_f1": (2 / 3 + 1) / 2,
            "has_answer_exact_match": 1 / 2,
            "no_answer_accuracy": 1 / 2,
        }
    )


@pytest.mark.parametrize("chosen", [slice(0, 2), slice(2, 4)])
def test_where_all_questions_are_of_one_kind_they_are_not_told_apart(chosen):
    assert measure_answers(GOLDS[chosen], SAID[chosen])(None).keys() == {"f1", "exact_match"}


def test_an_answer_of_articles_alone_is_still_an_answer():
    found = measure_answers([["the"], []], ["the", ""])(None)
    assert found["has_answer_exact_match"] == found["no_answer_accuracy"] == 1


def test_rows_of_answers_have_weights():
    weighted = measure_answers(GOLDS, SAID)(np.array([2.0, 0.0, 1.0, 1.0]))
    kept = [0, 0, 2, 3]
    repeated = measure_answers([GOLDS[i] for i in kept], [SAID[i] for i in kept])(None)
    assert weighted == pytest.approx(repeated)
    without = measure_answers(GOLDS, SAID)(np.array([1.0, 1.0, 0.0, 0.0]))
    assert math.isnan(without["no_answer_accuracy"])
    assert math.isnan(measure_answers([], [])(None)["f1"])


def mean_score(threshold, differences, answered, null):
    return np.where(differences > threshold, null, answered).mean()


scores = st.sampled_from([0.0, 0.25, 0.5, 1.0])
rows = st.lists(st.tuples(st.floats(-50, 50, width=32), scores, scores), min_size=1, max_size=12)


@given(rows, st.sampled_from([np.float32, np.float64]))
def test_no_threshold_is_better_than_the_best(rows, kind):
    differences = np.array([one[0] for one in rows], dtype=kind)
    answered, null = (np.array([one[at] for one in rows]) for at in (1, 2))
    best = mean_score(best_null_threshold(differences, answered, null), differences, answered, null)
    for other in (-math.inf, *differences.tolist()):
        assert best >= mean_score(other, differences, answered, null) - 1e-12


def test_the_threshold_lies_between_two_rows():
    differences = np.array([3.0, -1.0, 1.0])
    threshold = best_null_threshold(differences, np.array([0.0, 1, 1]), np.array([1.0, 0, 0]))
    assert threshold == 2.0


def test_the_threshold_lies_outside_all_rows_where_one_side_is_best():
    differences, ones, zeros = np.array([1.0, 4.0]), np.ones(2), np.zeros(2)
    assert best_null_threshold(differences, ones, zeros) > 4
    assert best_null_threshold(differences, zeros, ones) < 1
    assert best_null_threshold(np.zeros(0), np.zeros(0), np.zeros(0)) == 0


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_numbers_without_another_between_them_are_kept_apart(kind):
    low = kind(1)
    for _ in range(2):  # one of the two rounds the middle up
        high = np.nextafter(low, kind(2))
        differences = np.array([low, high])
        threshold = best_null_threshold(differences, np.array([1.0, 0]), np.array([0.0, 1]))
        assert (differences > threshold).tolist() == [False, True]
        low = high


def test_many_rows_take_no_time():
    generator = np.random.default_rng(0)
    differences, answered = generator.normal(size=200_000), generator.random(200_000)
    started = time.perf_counter()
    best_null_threshold(differences, answered, 1 - answered)
    measure = measure_answers(GOLDS * 500, SAID * 500)
    bootstrap(measure, 2000, n_resamples=1000, seed=0)
    assert time.perf_counter() - started < 5
