"""Follows one trial, and ends it: once it is trained, or as soon as it would take too long.

What is trained waits there, with its checkpoint: the run that judges it resumes from it, and test
rows of the others are never predicted.
"""

from __future__ import annotations

from luthier.budget.clock import Clock
from luthier.records import StepInfo
from luthier.runs.recording import WAITS

AFTER_TRAINING = ("predicting validation", "predicting test")
FEW_STEPS, STEPS, SECONDS = 3, 10, 2.0  # from which on the end of a phase is foretold
DOUBT = 0.2  # of the time left, by which a forecast from few steps may be wrong
WARM = 2  # first steps of a phase, which take longer and foretell nothing


class TrainedError(BaseException):
    """The trial is trained, and waits to be chosen."""

    problem = WAITS


class TooLongError(BaseException):
    """The trial would not end in time.

    Args:
        seconds: What it would take, from its start.
    """

    def __init__(self, seconds: float):
        super().__init__(seconds)
        self.seconds = seconds
        self.problem = f"it would take {seconds / 60:.1f} minutes"


class Watch:
    """A listener to one trial.

    Args:
        clock: The time.
        until: Seconds on the clock by which it must be trained.
        judges: Whether the run goes on after its training, to be judged.
    """

    def __init__(self, clock: Clock, *, until: float, judges: bool = False):
        self.clock, self.until, self.judges = clock, until, judges
        self.started = clock.spent
        self.pass_seconds: float | None = None  # of one pass over the training rows
        self.passes = 0.0  # over the training rows so far
        self._phase, self._from = "", (0, 0.0, 0.0)

    def __call__(self, info: StepInfo) -> None:
        """Look at one step.

        Raises:
            TrainedError: The training has ended, and the trial is not to be judged.
            TooLongError: The trial would take too long.
        """
        if info.phase in AFTER_TRAINING and not self.judges:
            raise TrainedError
        if info.step < 1 or info.n_steps < 1 or info.phase in AFTER_TRAINING:
            return
        now = self.clock.spent
        self.passes = info.epoch or self.passes
        if info.phase != self._phase or info.step <= WARM:
            self._phase, self._from = info.phase, (info.step, now, info.epoch)
            return
        step, began, epoch = self._from
        seconds = (now - began) / (info.step - step)
        if info.epoch > epoch:
            self.pass_seconds = (now - began) / (info.epoch - epoch)
        ends = now + (info.n_steps - info.step) * seconds
        doubt = 0.0 if info.step - step >= STEPS else DOUBT * (self.until - now)
        is_known = info.step - step >= FEW_STEPS and now - began >= SECONDS
        if now > self.until or (is_known and ends > self.until + doubt):
            raise TooLongError(ends - self.started)
