"""Explainers on functions whose attributions are known; and what every one of them keeps to."""

import numpy as np
import pytest

from luthier.explainers.integrated_gradients import places, weights
from luthier.explaining.explain import make_explainer
from luthier.registry import names


class Polynomial:
    """A decision whose log-odds are sums of powers of how present each word is."""

    def __init__(self, factors, power):
        self.factors, self.power = np.array(factors, dtype=float), power
        self.n_words, self.asked = len(factors), 0

    def scores(self, without, *, delete=False):
        self.asked += len(without)
        return (~without) @ self.factors

    def slopes(self, points, *, from_zero=False):
        self.asked += len(points)
        slopes = self.power * points[:, None] ** (self.power - 1) * self.factors
        return points**self.power * self.factors.sum(), slopes

    def norms(self):
        return float(self.factors.sum()), np.abs(self.factors)


class Step(Polynomial):
    """Log-odds that jump in the middle of the way, which no quadrature follows exactly."""

    def slopes(self, points, *, from_zero=False):
        self.asked += len(points)
        steep = 200.0
        level = 1 / (1 + np.exp(-steep * (points - 0.43)))
        return level * self.factors.sum(), steep * (level * (1 - level))[:, None] * self.factors


@pytest.mark.parametrize("n", [4, 8, 16, 64])
def test_the_quadrature_integrates_polynomials_of_its_degree_exactly(n):
    for power in range(n + 1):
        assert weights(n) @ places(n) ** power == pytest.approx(1 / (power + 1), abs=1e-12)


@pytest.mark.parametrize("power", [1, 3, 7])
def test_integrated_gradients_give_each_word_its_part(power):
    found = make_explainer("integrated-gradients").explain(Polynomial([2.0, -1.0, 0.0], power))
    assert found.values == pytest.approx([2.0, -1.0, 0.0], abs=1e-9)
    assert (found.score, found.reference) == pytest.approx((1.0, 0.0))
    assert found.error < 1e-9
    assert found.n_passes == 13


def test_the_integral_is_refined_until_it_adds_up_and_no_point_is_asked_twice():
    reader = Step([2.0, -1.0], 1)
    found = make_explainer("integrated-gradients").explain(reader)
    assert found.error <= 0.01
    assert found.n_passes == reader.asked > 13
    assert found.values.sum() == pytest.approx(1.0, abs=0.01)


def test_an_integral_that_does_not_add_up_says_so():
    explainer = make_explainer("integrated-gradients")
    explainer.options = explainer.options.model_copy(update={"most_points": 16})
    assert explainer.explain(Step([1.0], 1)).error > 0.01


def test_occlusion_takes_each_word_away_in_turn():
    found = make_explainer("occlusion").explain(Polynomial([2.0, -1.0, 0.5], 1))
    assert found.values == pytest.approx([2.0, -1.0, 0.5])
    assert found.score == pytest.approx(1.5)
    assert found.error is None


@pytest.mark.parametrize("name", names("explainers"))
def test_every_explainer_gives_a_value_for_each_word_and_asks_for_gradients_only_if_it_says_so(
    name,
):
    explainer = make_explainer(name)
    reader = Polynomial([1.0, 2.0, -3.0], 2)
    if not explainer.needs_gradients:
        reader.slopes = reader.norms = None
    found = explainer.explain(reader)
    assert found.values.shape == (3,)
    assert np.argmax(np.abs(found.values)) == 2
