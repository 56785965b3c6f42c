"""What decisions lose without their words, against sums written out."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit

from luthier.explaining.erasure import best_first, counts, erased, likelihood, side
from luthier.explanation import Choice
from tests.unit.explaining.fakes import LABEL, Sum

NUMBER = replace(LABEL, choices=(Choice((0,)),), is_number=True, mean=3.0, scale=2.0)


def test_words_are_ordered_by_their_sign_and_then_by_position():
    assert best_first(np.array([-5.0, 1.0, 0.0, 1.0])).tolist() == [1, 3, 2, 0]


def test_shares_are_of_words_and_never_none():
    assert counts(10).tolist() == [1, 1, 1, 2, 5]
    assert counts(100).tolist() == [1, 5, 10, 20, 50]


@pytest.mark.parametrize("delete", [False, True])
def test_probabilities_are_those_without_the_best_words_and_with_them_alone(delete):
    brings = np.array([3.0, -1.0, 2.0, 0.5, 0.0, -2.0, 1.0, 0.0, 0.25, 0.0])
    reader = Sum(brings, constant=-0.5, deleted=2 * brings)
    found = erased(reader, LABEL, best_first(brings)[None], delete=delete)
    own = 2 * brings if delete else brings
    best = np.argsort(-brings, kind="stable")
    full = expit(own.sum() - 0.5)
    for place, k in enumerate(counts(10)):
        assert found[0, 0, place] == pytest.approx(full - expit(own[best[k:]].sum() - 0.5))
        assert found[0, 1, place] == pytest.approx(full - expit(own[best[:k]].sum() - 0.5))


def test_texts_that_are_the_same_are_asked_once():
    reader = Sum(np.ones(3))
    erased(reader, LABEL, np.array([[0, 1, 2], [0, 1, 2]]), delete=False)
    assert reader.n_asked == 5  # the text; without one word and without two, and the other way


def test_numbers_count_in_standard_deviations_to_the_side_of_the_prediction():
    low = Sum([-4.0, 1.0, 0.0, 0.0], constant=3.0)
    towards = side(NUMBER, 0.0)
    assert towards == -1
    found = erased(low, NUMBER, best_first(towards * low.brings)[None], delete=False)
    assert found[0, 0, 0] == pytest.approx(4.0 / 2.0)  # without the word that lowers it
    assert found[0, 1, 0] == pytest.approx((-1.0) / 2.0)  # with it alone, it is lower still


def test_several_choices_have_the_probability_of_their_mean_log_odds():
    entity = replace(LABEL, choices=LABEL.choices * 3)
    assert likelihood(np.array([3.0, 0.0]), entity, 1.0) == pytest.approx(expit([1.0, 0.0]))
