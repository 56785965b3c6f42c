"""What a change did, in words; and that nothing is said to help where nothing does."""

import numpy as np
import pytest

from luthier.metrics.intervals import bootstrap
from luthier.studies.changes import seeds_needed, verdict_of, what_helped
from luthier.studies.outcomes import SystemScores
from luthier.studies.statistics import Estimate, Pair, pairs
from luthier.studies.trial import Cost, Trial

ARMS = ("as it is", "with a", "with b", "with c")


def ablation(draw, *, gains, n_seeds=5, n_rows=150):
    """Simulate right answers: rows are hard or easy, seeds lucky or not, arms gain or do not."""
    hard = draw.normal(0.8, 1.2, n_rows)
    arms = {}
    for arm, gain in zip(ARMS, gains, strict=False):
        arms[arm] = []
        for seed in range(n_seeds):
            odds = hard + draw.normal(0, 0.3) + gain
            right = (draw.random(n_rows) < 1 / (1 + np.exp(-odds))).astype(float)

            def measure(weights, right=right):
                return {"accuracy": float(np.average(right, weights=weights))}

            drawn = bootstrap(measure, n_rows, n_resamples=100, seed=0)["accuracy"]
            trial = Trial(arm, "", seed, None)
            scores = {"accuracy": float(right.mean())}
            arms[arm].append(SystemScores(trial, "fine-tuned", scores, drawn, n_rows, Cost()))
    return pairs({"": arms}, "accuracy", confidence=0.95, reference=ARMS[0])


def test_every_change_is_compared_with_the_recipe_as_it_is_alone():
    found = ablation(np.random.default_rng(0), gains=(0, 0, 0, 0))
    assert [(one.first, one.second) for one in found] == [(arm, ARMS[0]) for arm in ARMS[1:]]


def test_of_a_hundred_ablations_of_nothing_at_most_five_tell_of_something():
    draw = np.random.default_rng(1)
    alarms = [any(one.is_clear for one in ablation(draw, gains=(0, 0, 0, 0))) for _ in range(100)]
    assert sum(alarms) <= 5


def test_what_helps_and_what_hurts_is_told():
    found = ablation(np.random.default_rng(4), gains=(0, 1.5, -1.5, 0), n_rows=400)
    assert [verdict_of(one) for one in found] == ["helped", "hurt", "not distinguishable"]
    said = what_helped(found, "accuracy", unit="")
    assert said[0].startswith("With a helped (+")
    assert " points, from +" in said[0]
    assert said[1].startswith("With b hurt (-")
    assert "is not distinguishable from the recipe as it is" in said[2]


def test_one_seed_tells_nothing_however_many_test_rows_there_are():
    found = Pair("", "with a", "as it is", Estimate(-0.02, -0.03, -0.01, None, 1, 0.001), 0.001)
    (said,) = what_helped([found], "accuracy", unit="")
    assert "is not distinguishable" in said
    assert "one seed says nothing of the spread" in said


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (Estimate(0.02, -0.01, 0.05, 0.02, 5, 0.2), "about 8 seeds would tell"),
        (Estimate(0.02, -0.1, 0.1, 0.02, 5, 0.2, of_rows=1e-3), "more test rows would"),
        (Estimate(0.02, -0.1, 0.1, None, 1, 0.2), "one seed says nothing of the spread"),
    ],
)
def test_what_would_tell_is_said(found, words):
    (said,) = what_helped([Pair("16", "with a", "as it is", found, 0.4)], "accuracy", unit="rows")
    assert words in said
    assert said.startswith("With 16 rows, with a is not")


def test_the_seeds_that_are_needed_do_tell():
    """With as many seeds, four of five studies of a difference of that size are clear."""
    truth = Estimate(0.03, 0, 0, spread=0.04, n_seeds=5, p_value=0.1)
    n_seeds = seeds_needed(truth)
    draw = np.random.default_rng(3)
    z = [
        np.mean(x) / (np.std(x, ddof=1) / np.sqrt(n_seeds))
        for x in draw.normal(0.03, 0.04, (500, n_seeds))
    ]
    assert 0.7 < np.mean(np.array(z) > 2.1) < 0.9
