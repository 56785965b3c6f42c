"""Verdicts in words: the interval, the corrected p-value and the claim never stand in silence."""

import numpy as np
import pytest

from luthier.evaluation.comparisons import Measured, compare_with_others
from luthier.evaluation.sentences import correction, say_p, tell
from luthier.records import Predictions
from luthier.results import Comparison


def compared(metric="macro_f1", *, is_clear, **changes):
    fields = {
        "system": "fine-tuned",
        "baseline": "tfidf-linear",
        "metric": metric,
        "difference": 0.2,
        "low": 0.037,
        "high": 0.363,
        "p_value": 0.02,
        "p_adjusted": 0.08,
        "test": "paired bootstrap",
        "n": 60,
        "n_needed": 50,
        "verdict": "",
        "n_comparisons": 4,
    }
    return tell(Comparison(**{**fields, **changes}), is_clear=is_clear, confidence=0.95).verdict


def test_an_interval_without_zero_that_is_not_distinguishable_is_explained():
    assert compared(is_clear=False) == (
        "not distinguishable from tfidf-linear (20.0 points of macro F1, 95 % interval 3.7 to "
        "36.3, p = 0.080): the interval is that of this comparison alone, p is corrected for 4 "
        "comparisons"
    )


def test_what_is_explained_stands_before_the_rows_needed():
    said = compared(is_clear=False, n_needed=97)
    assert said.endswith("for 4 comparisons; about 97 rows would be needed")


def test_a_test_that_is_stricter_than_the_interval_is_named():
    said = compared(
        is_clear=False, p_value=0.06, p_adjusted=0.06, n_comparisons=1, test="McNemar's exact test"
    )
    assert said.endswith(
        ": the verdict goes by p < 0.05 in McNemar's exact test, not by the interval"
    )
    assert "not by the interval" in compared(is_clear=True, low=-0.01, p_adjusted=0.04)


def test_verdicts_in_accord_with_their_interval_explain_nothing():
    assert compared(is_clear=True).endswith("interval 3.7 to 36.3, p = 0.080")
    assert compared(is_clear=False, low=-0.1).endswith("p = 0.080)")


def test_the_correction_is_told_where_there_is_one():
    one = Comparison("a", "b", "mae", 1.0, 0.5, 1.5, 0.01, 0.01, "t", 9, None, "")
    assert correction([one]) is None
    assert correction([one, one]).startswith("p is corrected for 2 comparisons")


def test_a_p_value_at_the_floor_is_a_bound_and_is_rounded_up():
    assert say_p(0.00599, is_bound=True) == "p ≤ 0.006"
    assert say_p(0.0061, is_bound=True) == "p ≤ 0.007"
    assert say_p(0.0005, is_bound=True) == "p < 0.001"


@pytest.mark.parametrize("n_others", [1, 3])
def test_the_floor_of_the_bootstrap_is_told_as_a_bound(n_others):
    drawn = np.random.default_rng(0).normal(0.9, 0.01, 1000)
    systems = {"ours": 0.9} | {f"b{n}": 0.5 for n in range(n_others)}
    measured = {
        name: Measured({"macro_f1": value}, {"macro_f1": drawn - 0.9 + value})
        for name, value in systems.items()
    }
    said = dict.fromkeys(systems, Predictions(None, None, None))
    found = compare_with_others("ours", "macro_f1", np.zeros(50), said, measured, confidence=0.95)
    assert all(one.p_is_bound and one.n_comparisons == n_others for one in found)
    assert "p ≤ " in found[0].verdict


def test_perplexities_are_compared_by_their_ratio():
    values = {"ours": 20.0, "unigram": 400.0}
    drawn = np.linspace(0.9, 1.1, 1000)
    measured = {
        name: Measured({"perplexity": value}, {"perplexity": value * drawn})
        for name, value in values.items()
    }
    said = dict.fromkeys(values, Predictions(None, None, None))
    (found,) = compare_with_others(
        "ours", "perplexity", np.zeros(50), said, measured, confidence=0.95
    )
    assert found.verdict.startswith(
        "better than unigram: 0.05 times its perplexity, 95 % interval 0.05 to 0.05, p "
    )
    assert found.ratio == pytest.approx((0.05, 0.05, 0.05))
