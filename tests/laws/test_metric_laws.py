"""What must hold for metrics, intervals and tests, whatever the rows."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luthier.metrics.classification import measure_classification
from luthier.metrics.intervals import bootstrap, exact_interval, interval, resamples
from luthier.metrics.multilabel import measure_multi_label
from luthier.metrics.regression import measure_regression
from luthier.metrics.significance import holm, mcnemar_exact, paired_bootstrap_p, resamples_needed
from luthier.metrics.thresholds import best_thresholds


@st.composite
def measured_rows(draw):
    """Make the measure of a few random rows of any kind, and how many rows there are."""
    n_rows, n_labels = draw(st.integers(1, 20)), draw(st.integers(2, 4))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    kind = draw(st.sampled_from(["single", "multi", "number"]))
    p = rng.dirichlet(np.ones(n_labels), size=n_rows)
    if kind == "single":
        gold = rng.integers(0, n_labels, n_rows)
        return measure_classification(gold, p.argmax(1), p, n_labels=n_labels), n_rows
    if kind == "multi":
        gold = rng.integers(0, 2, (n_rows, n_labels))
        return measure_multi_label(gold, p > 0.4, p), n_rows
    return measure_regression(rng.normal(size=n_rows), rng.normal(size=n_rows)), n_rows


def same(a, b):
    return a.keys() == b.keys() and all(
        (math.isnan(a[k]) and math.isnan(b[k])) or a[k] == pytest.approx(b[k], abs=1e-9) for k in a
    )


@given(measured_rows())
@settings(deadline=None, max_examples=60)
def test_weights_of_one_are_no_weights(problem):
    measure, n_rows = problem
    assert same(measure(None), measure(np.ones(n_rows)))
    assert same(measure(None), measure(np.full(n_rows, 3.0)))


@given(measured_rows())
@settings(deadline=None, max_examples=60)
def test_shares_stay_between_zero_and_one(problem):
    measure, _ = problem
    for name, value in measure(None).items():
        if name.endswith(("f1", "accuracy")) or name in ("auc", "hamming_loss"):
            assert math.isnan(value) or 0 <= value <= 1
        if name in ("pearson", "spearman", "mcc"):
            assert -1 - 1e-9 <= value <= 1 + 1e-9


@given(st.lists(st.floats(0, 1), min_size=1, max_size=10))
def test_correction_never_helps_and_keeps_the_order(p_values):
    adjusted = holm(p_values)
    assert all(p <= corrected <= 1 for p, corrected in zip(p_values, adjusted, strict=True))
    order = np.argsort(p_values, kind="stable")
    assert (np.diff(np.array(adjusted)[order]) >= 0).all()


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=50))
def test_mcnemar_does_not_care_who_is_first(pairs):
    a, b = np.array(pairs).T
    assert mcnemar_exact(a, b) == mcnemar_exact(b, a) <= 1


def test_resamples_have_as_many_rows_and_repeat_by_seed():
    first = list(resamples(50, n_resamples=5, seed=1))
    again = list(resamples(50, n_resamples=5, seed=1))
    assert all(weights.sum() == 50 for weights in first)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))


def test_the_bootstrap_interval_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    n_rows, truth, hits, trials = 150, 0.8, 0, 120
    for trial in range(trials):
        right = rng.random(n_rows) < truth
        gold = np.zeros(n_rows, dtype=int)
        p = np.where(right[:, None], [0.9, 0.1], [0.1, 0.9])
        measure = measure_classification(gold, p.argmax(1), p, n_labels=2)
        drawn = bootstrap(measure, n_rows, n_resamples=200, seed=trial)["accuracy"]
        low, high = interval(drawn, confidence=0.95)
        hits += low <= truth <= high
    assert 0.88 <= hits / trials <= 0.99


def test_a_perfect_score_still_has_doubt():
    low, high = exact_interval(1.0, 30, confidence=0.95)
    assert high == 1.0
    assert 0.87 < low < 0.9  # the rule of three gives 1 - 3.7 / 30
    assert exact_interval(0.0, 30, confidence=0.95)[0] == 0.0


def test_a_finite_bootstrap_never_claims_certainty():
    assert paired_bootstrap_p(np.ones(999)) == (pytest.approx(0.002), True)
    assert paired_bootstrap_p(np.zeros(999)) == (1.0, False)


@given(st.integers(1, 500), st.sampled_from([100, 1000, 5000]))
def test_enough_resamples_are_drawn_for_any_number_of_comparisons(n_comparisons, asked):
    n_resamples = resamples_needed(asked, n_comparisons)
    assert n_resamples >= asked
    floor, is_bound = paired_bootstrap_p(np.ones(n_resamples))
    assert is_bound
    assert max(holm([floor] * n_comparisons)) <= 0.05 / 5 + 1e-9


def test_thresholds_with_too_few_positives_stay_in_the_middle():
    p = np.linspace(0, 1, 20)[:, None]
    gold = np.zeros((20, 1))
    gold[-4:] = 1
    assert best_thresholds(p, gold).tolist() == [0.5]
    gold[-5:] = 1
    assert 0.7 < best_thresholds(p, gold)[0] < 0.8
