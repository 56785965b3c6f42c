"""Perplexity is that of all tokens together, weighted by row."""

import math
import time

import numpy as np
import pytest

from luthier.metrics.intervals import bootstrap
from luthier.metrics.language import measure_language

ROWS = np.array([[-6.0, 3, 1], [-2.0, 2, 2], [-10.0, 5, 0]])  # log likelihood, tokens, right


def test_perplexity_is_that_of_all_tokens_together():
    found = measure_language(ROWS)(None)
    assert found["cross_entropy"] == pytest.approx(18 / 10)
    assert found["perplexity"] == pytest.approx(math.exp(18 / 10))
    assert found["token_accuracy"] == pytest.approx(3 / 10)


def test_a_uniform_guess_is_as_perplexed_as_there_are_tokens_to_choose_from():
    guess = np.array([[4 * math.log(1 / 50), 4, 0], [9 * math.log(1 / 50), 9, 1]])
    assert measure_language(guess)(None)["perplexity"] == pytest.approx(50)


def test_a_row_of_weight_two_counts_as_two_rows_and_one_of_none_as_none():
    weighted = measure_language(ROWS)(np.array([2.0, 0.0, 1.0]))
    assert weighted == pytest.approx(measure_language(ROWS[[0, 0, 2]])(None))
    assert measure_language(ROWS)(np.full(3, 0.25)) == pytest.approx(measure_language(ROWS)(None))


@pytest.mark.parametrize("rows", [np.zeros((0, 3)), np.zeros((2, 3))])
def test_without_tokens_nothing_is_defined(rows):
    found = measure_language(rows)(None)
    assert found.keys() == {"perplexity", "cross_entropy", "token_accuracy"}
    assert all(map(math.isnan, found.values()))
    assert all(map(math.isnan, measure_language(ROWS)(np.zeros(3)).values()))


def test_a_hopeless_model_has_a_perplexity_that_is_a_number():
    assert math.isfinite(measure_language(np.array([[-1e6, 1, 0]]))(None)["perplexity"])


def test_counts_of_any_number_type_are_summed_without_loss():
    rows = np.array([[-1.0, 1, 1]] * 3, dtype=np.float32)
    rows[0, 1] = 2**24  # the last integer that every smaller one comes before in 32 bits
    found = measure_language(rows)(None)
    assert found["token_accuracy"] == 3 / (2**24 + 2)


def test_a_thousand_resamples_take_no_time():
    started = time.perf_counter()
    bootstrap(measure_language(np.tile(ROWS, (667, 1))), 2001, n_resamples=1000, seed=0)
    assert time.perf_counter() - started < 3
