"""Which settings mattered, and how surely.

fANOVA (Hutter et al. 2014, https://proceedings.mlr.press/v32/hutter14.html) fits a forest to the
scores of the trials that finished, and says which share of the variance is due to each setting
alone. Every forest finds shares, even in noise; so the trials are resampled for an interval, and
the scores are shuffled among the trials to see what chance alone gives.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import optuna
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial, TrialState, create_trial

from luthier.metrics.significance import holm
from luthier.ragged import Array
from luthier.results import ALPHA
from luthier.seeding import stream
from luthier.studies.tuning.trials import LEAST_TRIALS, MATTERED, UNTOLD, Mattered

N_RESAMPLES, N_SHUFFLES, N_TREES = 100, 199, 16


def what_mattered(
    study: optuna.Study, paths: Sequence[str], *, seed: int, confidence: float
) -> list[Mattered]:
    """Say which settings mattered, the most important first.

    Args:
        study: The search.
        paths: Of the settings.
        seed: Of the forests, resamples and shuffles.
        confidence: Level of the intervals.

    Returns:
        One for each setting; none where too few trials finished, or all scored alike.
    """
    trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    scores = np.array([one.value for one in trials], dtype=float)
    if len(trials) < LEAST_TRIALS or np.ptp(scores) == 0:
        return []
    random = stream(seed, "importance")
    found = shares(trials, scores, paths, seed)
    drawn = np.array([*_resampled(trials, scores, paths, random, seed)])
    chance = np.array(
        [shares(trials, random.permutation(scores), paths, seed) for _ in range(N_SHUFFLES)]
    )
    low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    p_values = (1 + (chance >= found).sum(axis=0)) / (1 + N_SHUFFLES)
    adjusted = holm(p_values.tolist())
    made = [
        Mattered(*line, MATTERED if line[-1] < ALPHA else UNTOLD)
        for line in zip(paths, found.tolist(), low.tolist(), high.tolist(), adjusted, strict=True)
    ]
    return sorted(made, key=lambda one: -one.share)


def _resampled(
    trials: Sequence[FrozenTrial],
    scores: Array,
    paths: Sequence[str],
    random: np.random.Generator,
    seed: int,
) -> Iterator[Array]:
    for _ in range(N_RESAMPLES):
        chosen = random.integers(len(trials), size=len(trials))
        if np.ptp(scores[chosen]) > 0:
            yield shares([trials[one] for one in chosen], scores[chosen], paths, seed)


def shares(trials: Sequence[FrozenTrial], scores: Array, paths: Sequence[str], seed: int) -> Array:
    """Give the share of each setting, (settings,), which sum to 1."""
    made = optuna.create_study()
    made.add_trials(
        create_trial(params=one.params, distributions=one.distributions, value=float(score))
        for one, score in zip(trials, scores, strict=True)
    )
    evaluator = FanovaImportanceEvaluator(n_trees=N_TREES, seed=seed % 2**32)
    found = get_param_importances(made, evaluator=evaluator, params=[*paths])
    return np.array([found[path] for path in paths])
