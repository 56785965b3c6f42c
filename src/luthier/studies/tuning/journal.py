"""The trials of a search on one journal: which is next, who runs it, and what came of it.

The journal (Optuna's `JournalStorage`) is a file that any number of workers append to. A trial is
held by the operating system's lock on a file of its own: where a worker ended, however it ended,
the next one that asks goes on with its trial. What a trial is given follows from the outcomes
before it and from its number, so that a search which was cut short goes on as it would have.

Trials that failed are told apart from bad ones: Optuna's samplers learn nothing from them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import optuna
from filelock import FileLock
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import FrozenTrial, TrialState

from luthier.errors import RunError
from luthier.metrics.names import lower_is_better
from luthier.runs.lock import Lock, Owned
from luthier.seeding import seed_of
from luthier.studies.tuning.pruning import MedianByShare
from luthier.studies.tuning.space import Space
from luthier.studies.tuning.trials import CELLS, Arm, Tried

MOST_ATTEMPTS = 3  # at a trial whose worker ends, for want of memory perhaps
N_RANDOM = 10  # trials of TPE before it has seen enough
REASON = "reason"  # attribute of a trial that failed or was pruned
ATTEMPTS = "attempts"
Values = Mapping[str, Any]

optuna.logging.set_verbosity(optuna.logging.ERROR)


class Held:
    """A trial that this process runs."""

    def __init__(self, trial: optuna.Trial, values: Values, lock: Lock, cell: str):
        self.trial, self.values, self.lock, self.cell = trial, values, lock, cell

    @property
    def number(self) -> int:
        """Number of the trial, from 0."""
        return self.trial.number


class Journal:
    """One search on the journal of a study's folder.

    Args:
        folder: Of the study.
        arm: How values are chosen.
        space: What is searched.
        metric: The score of a trial.
        seed: Of the search.
        n_trials: How many there are in all, failed ones included.
        prune: Whether trials that lag are ended early.
        first: Values that are tried first, those of the recipe as it is; None where the space does
            not have them.
    """

    def __init__(
        self,
        folder: Path,
        arm: Arm,
        space: Space,
        *,
        metric: str,
        seed: int,
        n_trials: int,
        prune: bool = True,
        first: Values | None = None,
    ):
        self.folder, self.arm, self.space, self.n_trials = folder, arm, space, n_trials
        self.places = folder / "claims"
        self.places.mkdir(parents=True, exist_ok=True)
        self.claiming = FileLock(self.places / ".next.lock")
        with self.claiming:
            self.study = optuna.create_study(
                storage=open_journal(folder / "journal.jsonl"),
                study_name=arm,
                sampler=OfNumber(arm, seed),
                pruner=MedianByShare() if prune else optuna.pruners.NopPruner(),
                direction="minimize" if lower_is_better(metric) else "maximize",
                load_if_exists=True,
            )
            if first is not None and not self.study.get_trials(deepcopy=False):
                self.study.enqueue_trial(
                    {one.path: one.in_journal(first[one.path]) for one in space}
                )

    def claim(self) -> Held | None:
        """Take the next trial: one whose worker ended, or a new one.

        Returns:
            None where all have been taken.
        """
        with self.claiming:
            for one in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
                lock = self._lock_of(one.number)
                if lock.is_held() or self._has_ended(one.number):
                    continue
                if one.user_attrs.get(ATTEMPTS, 0) < MOST_ATTEMPTS:
                    return self._hold(optuna.Trial(self.study, one._trial_id), lock)
                optuna.Trial(self.study, one._trial_id).set_user_attr(
                    REASON, f"ended {MOST_ATTEMPTS} times without a result; too little memory?"
                )
                self.study.tell(one.number, state=TrialState.FAIL)
            if len(self._begun()) >= self.n_trials:
                return None
            trial = self.study.ask()
            return self._hold(trial, self._lock_of(trial.number))

    def _hold(self, trial: optuna.Trial, lock: Lock) -> Held:
        lock.take()
        trial.set_user_attr(ATTEMPTS, trial.user_attrs.get(ATTEMPTS, 0) + 1)
        values = {one.path: one.suggest(trial) for one in self.space}
        return Held(trial, values, lock, self.cell_of(trial.number))

    def cell_of(self, number: int) -> str:
        """Name the run folder of a trial."""
        return f"{CELLS[self.arm]}-{number:03d}"

    def _has_ended(self, number: int) -> bool:
        """Look again: a trial may have ended between two looks, and its worker let it go."""
        found = self.study.get_trials(deepcopy=False)
        return next(one.state for one in found if one.number == number).is_finished()

    def _lock_of(self, number: int) -> Lock:
        name = self.cell_of(number)
        return Lock(self.places, Owned(lock=f"{name}.lock", owner=f"{name}.json"))

    def _begun(self) -> list[FrozenTrial]:
        found = self.study.get_trials(deepcopy=False)
        return [one for one in found if one.state is not TrialState.WAITING]

    def finish(self, held: Held, score: float) -> None:
        """Note the score of a trial on the validation rows."""
        self.study.tell(held.trial, score)
        held.lock.release()

    def prune(self, held: Held, reason: str) -> None:
        """Note that a trial was ended early, for it lagged behind others."""
        held.trial.set_user_attr(REASON, reason)
        self.study.tell(held.trial, state=TrialState.PRUNED)
        held.lock.release()

    def fail(self, held: Held, reason: str) -> None:
        """Note that a trial came to nothing, which says nothing of its score."""
        held.trial.set_user_attr(REASON, reason)
        self.study.tell(held.trial, state=TrialState.FAIL)
        held.lock.release()

    def release(self, held: Held) -> None:
        """Leave a trial to whoever asks next."""
        held.trial.set_user_attr(ATTEMPTS, held.trial.user_attrs[ATTEMPTS] - 1)
        held.lock.release()

    @property
    def is_over(self) -> bool:
        """Whether all trials have ended, those of other workers too."""
        begun = self._begun()
        ended = sum(one.state.is_finished() for one in begun)
        return ended == len(begun) >= self.n_trials

    def tried(self) -> list[Tried]:
        """List the trials in their order."""
        return [self._told(one) for one in self._begun()]

    def best(self) -> Tried | None:
        """Return the first of the best trials that finished."""
        if not self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
            return None
        return self._told(self.study.best_trial)

    def _told(self, one: FrozenTrial) -> Tried:
        states: dict[TrialState, Any] = {
            TrialState.COMPLETE: "finished",
            TrialState.PRUNED: "pruned",
            TrialState.FAIL: "failed",
        }
        state = states.get(one.state, "running")
        values = {
            setting.path: setting.from_journal(one.params[setting.path])
            for setting in self.space
            if setting.path in one.params
        }
        return Tried(
            number=one.number,
            cell=self.cell_of(one.number),
            state=state,
            score=one.value if state == "finished" else None,
            values=values,
            curve={step / MedianByShare.WHOLE: v for step, v in one.intermediate_values.items()},
            reason=one.user_attrs.get(REASON),
            seconds=one.duration.total_seconds() if one.duration else None,
        )


class OfNumber(BaseSampler):
    """Draws the values of each trial by a seed of its number: workers never draw alike.

    Args:
        arm: `tpe` for the tree-structured Parzen estimator (Bergstra et al. 2011,
            https://papers.nips.cc/paper/4443), `random` for values drawn without looking.
        seed: Of the search.
    """

    def __init__(self, arm: Arm, seed: int):
        def make(number: int) -> BaseSampler:
            own = seed_of(seed, "tune", arm, number) % 2**32
            if arm == "random":
                return RandomSampler(seed=own)
            return TPESampler(seed=own, n_startup_trials=N_RANDOM)

        self.make: Callable[[int], BaseSampler] = make

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Say which values are drawn together."""
        return self.make(trial.number).infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Draw values together."""
        return self.make(trial.number).sample_relative(study, trial, search_space)

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Draw one value; each has a stream of its own."""
        of_one = self.make(seed_of(trial.number, param_name))
        return of_one.sample_independent(study, trial, param_name, param_distribution)


class SystemLock(JournalFileOpenLock):
    """The operating system's lock, which ends with the process that holds it.

    Args:
        path: Of the file that is locked.
    """

    def __init__(self, path: Path):
        super().__init__(str(path))
        self._lock = FileLock(path)

    def acquire(self) -> bool:
        """Wait for the lock."""
        self._lock.acquire()
        return True

    def release(self) -> None:
        """Let others write."""
        self._lock.release()


def open_journal(path: Path) -> JournalStorage:
    """Open a journal; a last line that was cut short is taken away.

    Raises:
        RunError: It is damaged elsewhere.
    """
    lock = SystemLock(path.with_name(f".{path.name}.lock"))
    lock.acquire()
    try:
        if path.is_file():
            with path.open("rb+") as file:
                whole = file.read()
                file.truncate(whole.rfind(b"\n") + 1)
    finally:
        lock.release()
    try:
        return JournalStorage(JournalFileBackend(str(path), lock_obj=lock))
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise RunError(
            "The journal of this search is damaged.",
            received=f"{path}: {problem}",
            hint="--out another folder begins another search",
        ) from problem
