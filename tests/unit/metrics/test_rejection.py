"""Scores that tell whether a label fits, and what answers are worth from a score up."""

import numpy as np
import pytest
from scipy.stats import beta

from luthier.metrics.rejection import (
    best_threshold,
    class_means,
    f1_outside,
    measure_rejection,
    risk_by_coverage,
    scores_of,
    steps_of,
)
from luthier.rejection import DISTANCE, ENERGY, MARGIN, PROBABILITY, Rejection, Rule


def test_scores_are_those_of_their_papers():
    logits = np.array([[2.0, 0.0, -1.0], [1000.0, 1000.0, 0.0]])
    found = scores_of(logits)
    shares = np.exp(logits[0]) / np.exp(logits[0]).sum()
    assert found[PROBABILITY][0] == pytest.approx(shares[0])
    assert found[MARGIN].tolist() == pytest.approx([shares[0] - shares[1], 0.0])
    assert found[ENERGY].tolist() == pytest.approx(
        [np.log(np.exp(logits[0]).sum()), 1000 + np.log(2)]
    )
    assert DISTANCE not in found


def test_distances_are_to_the_nearest_class_mean():
    vectors = np.array([[3.0, 1.0], [1.0, 1.0], [1.0, 3.0], [1.0, 5.0]])
    centre, means = class_means(vectors, np.array([0, 0, 1, 1]), 3)
    assert centre.tolist() == [1.5, 2.5]
    assert means.tolist() == [[0.5, -1.5], [-0.5, 1.5], [0.0, 0.0]]
    near = scores_of(np.zeros((2, 3)), np.array([[2.0, 1.0], [1.5, 2.5]]), centre, means)
    assert near[DISTANCE].tolist() == pytest.approx([1.0, 0.0])


def test_the_best_threshold_parts_what_can_be_parted():
    scores, inside = np.array([0.9, 0.8, 0.7, 0.2, 0.1]), np.array([True, True, True, False, False])
    assert best_threshold(scores, inside) == pytest.approx(0.45)
    assert f1_outside(scores < 0.45, inside, None) == 1.0
    assert f1_outside(scores < 0.05, inside, None) == 0.0


def test_steps_count_what_is_answered_and_right():
    scores, right = np.arange(200) / 200, np.arange(200) >= 50
    steps = steps_of(scores, right, confidence=0.95)
    assert (steps[0].n_answered, steps[0].n_right) == (200, 150)
    assert (steps[-1].n_answered, steps[-1].n_right) == (2, 2)
    assert steps[0].low == pytest.approx(beta.ppf(0.05, 150, 51))
    assert [one.n_answered for one in steps] == sorted(one.n_answered for one in steps)[::-1]
    rule = Rule(0.0, steps)
    assert rule.at_least(0.95).n_answered == 152  # every second row is tried
    assert rule.at_least(0.95).low >= 0.95
    assert rule.at_least(0.99) is None
    assert Rule(0.5, steps).at_least(0.6).threshold >= 0.5  # what is rejected is not answered
    made = Rejection("unsure", DISTANCE, {DISTANCE: rule, PROBABILITY: rule}, 200, 0.95)
    assert made.usable(has_vectors=False) == PROBABILITY


def test_equal_scores_are_answered_together():
    steps = steps_of(np.ones(50), np.ones(50, dtype=bool), confidence=0.9)
    assert len(steps) == 1
    assert steps[0].n_answered == 50


def test_a_rule_is_measured_with_weights():
    scores = np.array([0.9, 0.6, 0.8, 0.3, 0.2, 0.7])
    inside = np.array([True, True, True, True, False, False])
    right = np.array([True, False, True, True, False, False])
    measure = measure_rejection(scores, 0.5, inside, right)
    found = measure(None)
    assert found["auroc"] == pytest.approx(6 / 8)
    assert found["f1_outside"] == pytest.approx(0.5)
    assert found["in_scope_accuracy"] == pytest.approx(2 / 4)
    assert found["coverage"] == pytest.approx(3 / 4)
    assert found["answered_accuracy"] == pytest.approx(2 / 4)
    assert measure(np.array([1, 0, 1, 0, 1, 0]))["auroc"] == 1.0
    alone = measure_rejection(scores[:4], 0.5, inside[:4], right[:4])(None)
    assert "f1_outside" not in alone
    assert alone["auroc"] == pytest.approx(2 / 3)


def test_risk_falls_where_scores_rank_well():
    points = risk_by_coverage(np.array([0.9, 0.8, 0.2, 0.1]), np.array([True, True, True, False]))
    assert points == [(0.25, 0.0), (0.5, 0.0), (0.75, 0.0), (1.0, 0.25)]
