"""Ends trials that lag behind others after the same share of their training.

Trials have different numbers of steps where the batch size or the number of epochs is searched, so
they are compared by the share of the training that is done, never by steps: at the same share, the
schedule of the learning rate has come equally far. A trial is ended where its best score so far is
worse than the median of those that others had by then (the median rule of Golovin et al. 2017,
https://doi.org/10.1145/3097983.3098043).
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import median

import optuna
from optuna.pruners import BasePruner
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from luthier.errors import TrainingError
from luthier.records import StepInfo

LEAST_OTHERS = 5  # trials that finished and were scored by then
LEAST_SHARE = 0.3  # of the training, before which nothing is ended: rates may still be warmed up
PHASE = "fine-tuning"  # the only training whose share is that of the whole method


class PrunedError(TrainingError):
    """A trial was ended early, for it lagged behind others."""


class MedianByShare(BasePruner):
    """Ends a trial that is worse than the median of others at the same share of training."""

    WHOLE = 10_000  # a share is noted as a whole number of so many

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        """Say whether to end a trial, by what it has reported."""
        now = trial.last_step
        if now is None or now < LEAST_SHARE * self.WHOLE:
            return False
        sign = 1 if study.direction == StudyDirection.MAXIMIZE else -1

        def best(one: FrozenTrial) -> float | None:
            until = [sign * v for step, v in one.intermediate_values.items() if step <= now]
            return max(until, default=None)

        others = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        known = [score for one in others if (score := best(one)) is not None]
        own = best(trial)
        return own is not None and len(known) >= LEAST_OTHERS and own < median(known)


def watcher(trial: optuna.Trial, metric: str) -> Callable[[StepInfo], None]:
    """Make a listener that reports scores on validation rows, and ends the trial where it lags.

    Raises:
        PrunedError: By the listener; the run is left with that reason.
    """
    reported = {*trial.study.get_trials(deepcopy=False)[trial.number].intermediate_values}

    def watch(info: StepInfo) -> None:
        score = (info.scores or {}).get(metric)
        if info.phase != PHASE or score is None or score != score or not info.n_steps:
            return
        share = info.step / info.n_steps
        step = round(MedianByShare.WHOLE * share)
        if step in reported:
            return
        reported.add(step)
        trial.report(score, step)
        if info.step < info.n_steps and trial.should_prune():
            raise PrunedError(
                f"Ended after {share:.0%} of the training: {metric} {score:.4f} on validation "
                "lagged behind the median of earlier trials.",
                hint="luthier tune --no-prune trains every trial to its end",
            )

    return watch
