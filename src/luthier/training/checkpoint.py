"""Saves and resumes a training; the loop writes to disk only through this file.

Saving changes nothing in the training: it draws no random number and rounds nothing. So a resumed
training ends with exactly the weights of one that was never interrupted.
"""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

from luthier.distributed.group import group
from luthier.environment import describe_packages
from luthier.errors import RunError
from luthier.job import Job
from luthier.recipe.tree import Training
from luthier.records import StepInfo
from luthier.runs import plain
from luthier.runs.checkpoints import Checkpoint, Store
from luthier.runs.resume import refuse_other_facts
from luthier.training.divergence import refuse_weights
from luthier.training.state import Captured, State
from luthier.training.step_plan import StepPlan

SECONDS = 60.0  # least time between saves of save_strategy=auto
SHARE = 25  # least ratio of training to saving: at most 4 % of the time is spent on it
MOMENTS = {"sgd": 0, "adafactor": 0, "adagrad": 1, "rmsprop": 1}  # states per weight; others: 2


class Checkpointer:
    """Saves the state of one training, and restores it.

    Args:
        job: The job; without a run folder nothing is saved.
        state: The state that is saved and restored.
        step_plan: The steps of the training.
    """

    def __init__(self, job: Job, state: State, step_plan: StepPlan):
        settings: Training = job.plan.training
        self.job, self.state, self.step_plan, self.settings = job, state, step_plan, settings
        self.saved = 0  # the step of the newest checkpoint
        self.best_step: int | None = None
        self._cost, self._since = 0.0, time.monotonic()
        self._writer = ThreadPoolExecutor(1) if settings.save_in_background else None
        self._writing: Future[Path] | None = None
        self.store: Store | None = None
        if job.session.run is not None and settings.save_strategy != "no":
            self.store = job.session.run.checkpoints(
                job.session.phase, keep=settings.save_total_limit or 2
            )
            self._model = state.fixed()

    def resume(self) -> StepInfo | None:
        """Restore the newest intact checkpoint and report it; None if there is none.

        Raises:
            RunError: It is of another model, or the disk has no room for checkpoints.
        """
        if self.store is None:
            self._begin()
            return None
        run = self.job.session.run
        found, problems = self._newest(self.store)
        words = [f"{problem}, so it is not used" for problem in problems]
        if found is not None:
            words += self._restore(found)
        require_room(run.path, self.state.n_bytes, self.settings, keep=self.store.keep)
        if found is None:
            self._begin()
            if not problems:
                return None
        if run.is_owned:
            self.store.drop_after(self.saved)
        run.note_resumed(self.job.session.phase, self.saved, words)
        story = f"resumed after step {self.saved} of {self.step_plan.n_steps}"
        message = "; ".join([story, *words])
        return StepInfo(self.job.session.phase, self.saved, self.step_plan.n_steps, message=message)

    def _newest(self, store: Store) -> tuple[Checkpoint | None, list[str]]:
        """Find the newest intact checkpoint, which the owner of the run verifies for all."""
        if not self.job.session.run.is_owned:
            step, problems = group().from_first(None)
            return None if step is None else store.at(step), problems
        store.clear_away()
        found, problems = store.newest()
        group().from_first([found and found.step, problems])
        return found, problems

    def _begin(self) -> None:
        if self.job.session.run is not None:
            self.job.session.run.events.forget(self.job.session.phase)

    def _restore(self, found: Checkpoint) -> list[str]:
        """Restore a checkpoint; report packages whose new versions may change the results."""
        refuse_other_facts(
            found.path, found.about.get("held_to", {}), plain(self.job.session.held_to)
        )
        if found.about["model"] != self._model:
            raise RunError(
                "The model has changed since this run was started.",
                received=f"{found.path} is of other weights",
                hint="restore the model, or start another run with --fresh",
            )
        self.state.read(found.path)
        self.job.session.run.events.restore(found.path)
        self.saved, self.best_step = found.step, found.about["best_step"]
        now = describe_packages()
        return [
            f"{name} was {before} and is now {now.get(name)}, so weights may differ slightly"
            for name, before in found.about["packages"].items()
            if now.get(name) != before
        ]

    def see(self, step: int, *, is_best: bool, is_last: bool) -> None:
        """Save after a step, if a checkpoint is due."""
        if is_best:
            self.best_step = step
        if is_last:
            refuse_weights(self.state.not_finite(), step, self.settings)
        waited = time.monotonic() - self._since
        is_time = waited >= max(SECONDS, SHARE * self._cost)
        if self._is_auto and self.state.is_sharded:
            is_time = group().from_first(is_time)
        if is_last or self.step_plan.is_saved(step) or (is_time and self._is_auto):
            self.save(step, at_leisure=not is_last)

    @property
    def _is_auto(self) -> bool:
        return self.settings.save_strategy == "auto"

    def save(self, step: int, *, at_leisure: bool = False) -> None:
        """Save the state after a step.

        Args:
            step: Number of finished steps.
            at_leisure: Whether it may be written in the background, if the recipe asks for that.

        Raises:
            TrainingError: A weight is not finite; the previous checkpoint stays the newest.
            OSError: The disk is full.
        """
        if self.store is None:
            return
        started = time.monotonic()
        self.wait()
        if step > self.saved:
            refuse_weights(self.state.not_finite(), step, self.settings)
            is_sharded = self.state.is_sharded
            is_beside = at_leisure and self._writer is not None and not is_sharded
            if not self.job.session.run.is_owned:
                if is_sharded:  # else the owner holds the same
                    self._write_slices(self.state.capture())
                self.saved = step
                return
            write = self._prepared(self.store, step, self.state.capture(copy=is_beside))
            if is_beside and self._writer is not None:
                self._writing = self._writer.submit(write)
            else:
                write()
            self.saved = step
        self._since = time.monotonic()
        self._cost = self._since - started

    def _write_slices(self, captured: Captured) -> None:
        """Write this process's slices into the folder that the owner has made."""
        captured.write(Path(group().from_first(None)), group().rank)
        group().wait()

    def wait(self) -> None:
        """Wait for a checkpoint that is written in the background."""
        if self._writing is not None:
            self._writing.result()
            self._writing = None

    def story(self, step: int) -> str:
        """Describe how far the training came, and whether that is saved."""
        where = "which is saved" if self.saved == step else "which is not saved"
        done = f"step {step} of {self.step_plan.n_steps} of {self.job.session.phase}"
        return f"Stopped after {done}, {where}."

    def _prepared(self, store: Store, step: int, captured: Captured) -> Callable[[], Path]:
        """Return a function that writes a checkpoint from a fixed snapshot."""
        run, is_sharded = self.job.session.run, self.state.is_sharded
        events = run.events.so_far()

        def fill(folder: Path) -> None:
            if shutil.disk_usage(folder).free < captured.n_bytes:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))
            if is_sharded:
                group().from_first(str(folder))
            captured.write(folder)
            run.events.keep(events, folder)
            if is_sharded:
                group().wait()

        about = {
            "phase": self.job.session.phase,
            "model": self._model,
            "held_to": plain(self.job.session.held_to),
            "best_step": self.best_step,
            "packages": describe_packages(),
        }
        return partial(store.write, step, fill, about=about, spare=self.best_step)


def room_for(weights: int, settings: Training, *, keep: int) -> int:
    """Return the bytes that checkpoints of so many bytes of trained weights take at most."""
    copies = 2 + MOMENTS.get(settings.optim, 2)  # weights, best weights, moments
    return weights * copies * (keep + 1)


def require_room(folder: Path, weights: int, settings: Training, *, keep: int) -> None:
    """Raise at the start if the disk has no room for the checkpoints.

    Args:
        folder: The run folder.
        weights: Bytes of the trained weights.
        settings: The recipe's training section.
        keep: Number of checkpoints kept; one more exists while it is written.

    Raises:
        RunError: The free space is too small.
    """
    needed = room_for(weights, settings, keep=keep)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise RunError(
            "The disk has no room for the checkpoints of this run.",
            received=f"{free / 2**30:.1f} GiB free at {folder}, {needed / 2**30:.1f} GiB needed",
            hint="--out on another disk, training.save_total_limit=1, or training.save_strategy=no",
        )
