"""Which settings mattered: one that does is found, and noise is not."""

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.trial import create_trial

from luthier.studies.tuning import importance
from luthier.studies.tuning.importance import what_mattered
from luthier.studies.tuning.trials import LEAST_TRIALS, MATTERED, UNTOLD

PATHS = ["training.learning_rate", "training.weight_decay", "method.options.rank"]


@pytest.fixture(autouse=True)
def few_forests(monkeypatch):
    """Fit fewer forests: enough for three settings, whose p has to be below 0.05 / 3."""
    monkeypatch.setattr(importance, "N_RESAMPLES", 20)
    monkeypatch.setattr(importance, "N_SHUFFLES", 79)


def study(n_trials, score):
    random = np.random.default_rng(0)
    made = optuna.create_study(direction="maximize")
    for _ in range(n_trials):
        values = [random.uniform(), random.uniform(), str(random.choice(["4", "8", "16"]))]
        kinds = [FloatDistribution(0, 1), FloatDistribution(0, 1)]
        kinds.append(CategoricalDistribution(["4", "8", "16"]))
        made.add_trial(
            create_trial(
                params=dict(zip(PATHS, values, strict=True)),
                distributions=dict(zip(PATHS, kinds, strict=True)),
                value=score(random, *values),
            )
        )
    return made


def test_a_setting_that_decides_the_score_is_found():
    made = study(20, lambda random, rate, *others: 3 * rate + random.normal(scale=0.1))
    found = what_mattered(made, PATHS, seed=0, confidence=0.95)
    assert found[0].path == PATHS[0]
    assert [one.verdict for one in found] == [MATTERED, UNTOLD, UNTOLD]
    assert 0.5 < found[0].low <= found[0].share <= 1
    assert sum(one.share for one in found) == pytest.approx(1)


def test_of_noise_nothing_is_told():
    made = study(20, lambda random, *values: random.normal())
    found = what_mattered(made, PATHS, seed=0, confidence=0.95)
    assert {one.verdict for one in found} == {UNTOLD}


def test_of_few_trials_or_equal_scores_nothing_is_told():
    few = study(LEAST_TRIALS - 1, lambda random, rate, *others: rate)
    assert what_mattered(few, PATHS, seed=0, confidence=0.95) == []
    alike = study(20, lambda random, *values: 0.5)
    assert what_mattered(alike, PATHS, seed=0, confidence=0.95) == []
