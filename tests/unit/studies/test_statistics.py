"""Means over seeds: intervals that cover as often as they say, and differences that are paired."""

from types import SimpleNamespace

import numpy as np
import pytest

from luthier.studies.outcomes import SystemScores
from luthier.studies.statistics import estimate, of_arm, pairs
from luthier.studies.trial import Cost, Trial


def outcome(arm, level, seed, value, resampled=None):
    """Make the scores of a trial's model."""
    drawn = np.full(50, value) if resampled is None else resampled
    trial = Trial(arm, level, seed, None)
    return SystemScores(trial, "fine-tuned", {"accuracy": value}, drawn, 100, Cost())


@pytest.mark.parametrize(("n_seeds", "spread"), [(3, 0.05), (10, 0.05), (5, 0.0), (4, 0.01)])
def test_intervals_cover_the_true_mean(n_seeds, spread):
    """Scores vary by the draw and by the test rows; both must be in the interval."""
    random = np.random.default_rng(0)
    truth, n_rows, hits, n_trials = 0.8, 200, 0, 400
    for _ in range(n_trials):
        chances = np.clip(truth + spread * random.standard_normal(n_seeds), 0.01, 0.99)
        ease = random.random(n_rows)  # the same rows for all seeds: hard ones are hard for all
        right = ease[None] < chances[:, None]
        rows = random.integers(0, n_rows, (200, n_rows))
        found = estimate(right.mean(axis=1), right[:, rows].mean(axis=2), confidence=0.95)
        hits += found.low <= truth <= found.high
    assert 0.91 <= hits / n_trials <= 0.995


def test_one_seed_has_the_interval_of_its_rows():
    drawn = np.random.default_rng(0).normal(0.7, 0.02, (1, 4000))
    found = estimate(np.array([0.7]), drawn, confidence=0.95)
    assert found.spread is None
    assert found.high - found.mean == pytest.approx(1.96 * 0.02, rel=0.05)


def test_equal_scores_are_told_apart_from_nothing():
    found = estimate(np.zeros(3), np.zeros((3, 10)), confidence=0.95)
    assert (found.mean, found.p_value) == (0.0, 1.0)


def test_arms_are_paired_by_their_seeds():
    """Draws differ much, arms little: only pairs show it."""
    levels = [0.5, 0.7, 0.6, 0.8, 0.4]
    ours = [outcome("a", "8", seed, level + 0.02) for seed, level in enumerate(levels)]
    theirs = [outcome("b", "8", seed, level) for seed, level in enumerate(levels)][::-1]
    theirs[0].values["accuracy"] += 0.001
    (pair,) = pairs({"8": {"a": ours, "b": theirs}}, "accuracy", confidence=0.95)
    assert pair.difference.mean == pytest.approx(0.0198)
    assert pair.is_clear
    assert pair.difference.n_seeds == 5


def test_errors_count_the_other_way_round():
    ours = [outcome("a", "8", seed, 0.2 + seed / 1000) for seed in range(3)]
    theirs = [outcome("b", "8", seed, 0.4) for seed in range(3)]
    for one in (*ours, *theirs):
        one.values["mae"] = one.values["accuracy"]
    (pair,) = pairs({"8": {"a": ours, "b": theirs}}, "mae", confidence=0.95)
    assert pair.difference.mean > 0


def test_an_interval_of_a_share_ends_at_zero_and_one():
    outcomes = [
        SimpleNamespace(values={"accuracy": value, "mcc": value}, resampled=np.full(100, value))
        for value in (0.9, 1.0)
    ]
    share = of_arm(outcomes, "accuracy", confidence=0.95)
    assert (share.low, share.high) == (pytest.approx(0.3147, abs=1e-3), 1.0)
    assert of_arm(outcomes, "mcc", confidence=0.95).high > 1


def test_nothing_is_compared_with_an_arm_all_of_whose_runs_failed():
    ours = [outcome("a", "", seed, 0.8) for seed in range(2)]
    assert pairs({"": {"a": ours}}, "accuracy", confidence=0.95, reference="as it is") == []
